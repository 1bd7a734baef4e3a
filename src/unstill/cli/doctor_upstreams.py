"""The doctor's part for engines on somebody else's server, and for receivers of webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_address

import httpx2

from unstill.assembly import (
    check_receivers,
    locals_of,
    proxy_of,
    receivers_of,
    remotes_of,
    server_proxy,
)
from unstill.cli.command_stores import store_of
from unstill.cli.doctor_finding import Finding, Place, nowhere
from unstill.cli.doctor_proxy import no_connection, no_tunnel, place_of
from unstill.domain.attempts import Attempt
from unstill.domain.breaker import RECENT_ATTEMPTS, blocked_until_ms
from unstill.domain.delivery import DeliveryState
from unstill.domain.errors import BadSetting, OperatorError, OwnError, UpstreamError
from unstill.domain.owner import Owner
from unstill.net.fetcher import Fetcher
from unstill.net.proxy import Proxy
from unstill.server.api_keys import Keys
from unstill.settings.engines import RemoteSettings
from unstill.settings.keys import SIGNING_VARIABLE
from unstill.settings.model_engines import check_routes, unserved
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings
from unstill.settings.tariff import check_costs
from unstill.system.clock import clock_ms
from unstill.upstreams.client import Trouble
from unstill.upstreams.port import Remote, Standing

STANDING_WITHIN_S = 10.0
_STOPS_THE_START = "the server does not start before that is mended"


def route_findings(settings: Settings, place: Place = nowhere) -> Iterator[Finding]:
    """Can every engine be made, and can it do something of what is routed to it?"""
    what = "models"
    catalogue = settings.catalogue()
    try:
        remotes = remotes_of(settings, Fetcher())
        engines = {**locals_of(settings), **remotes}
        check_routes(settings, catalogue, engines)
        check_costs(settings.tariff(), engines, remotes, catalogue.cards)
    except BadSetting as error:
        detail = error.message + place(error.setting)
        yield Finding(what, False, detail, _STOPS_THE_START)
        return
    in_vain = unserved(settings, catalogue, engines)
    if in_vain:
        default = settings.server.default_engine
        detail = f"their calls are refused, since {default} does none of them: {', '.join(in_vain)}"
        where = place("server.default_engine")
        mend = f'set engines in [models."NAME"], or server.default_engine{where}'
        yield Finding(what, False, detail, mend, is_needed=False)
    else:
        yield Finding(what, True, f"{len(catalogue.listed())}, each with an engine for it")


def upstream_findings(settings: Settings, place: Place = nowhere) -> Iterator[Finding]:
    """Ask each: is it there, does it let the key in? And say what its last calls came to."""
    for name, remote in remotes_of(settings, Fetcher()).items():
        engine = settings.engines[name]
        if isinstance(engine, RemoteSettings):
            yield _upstream(name, settings, engine, remote, place)


def _way_of(name: str, engine: RemoteSettings, server: ServerSettings) -> tuple[httpx2.URL, str]:
    """What is dialled for the engine's calls, and the setting that names it."""
    url, proxy = httpx2.URL(engine.base_url), proxy_of(engine, server)
    if proxy is None or proxy.spares(url.host):
        return url, f"engines.{name}.base_url"
    return httpx2.URL(proxy.url), f"engines.{name}.proxy" if engine.proxy else "server.proxy"


def _upstream(
    name: str,
    settings: Settings,
    engine: RemoteSettings,
    remote: Remote,
    place: Place,
) -> Finding:
    what, (url, asked) = f"engine {name}", _way_of(name, engine, settings.server)
    where, address = place_of(url), asked + place(asked)
    key = f"engines.{name}.api_key{place(f'engines.{name}.api_key')}"
    reason = no_connection(url)
    if reason is not None:
        mend = f"check {address}, and that the server there runs"
        return Finding(what, False, f"{where} cannot be reached: {reason}", mend)
    try:
        standing = asyncio.run(_asked(remote))
    except (UpstreamError, TimeoutError) as error:
        if isinstance(error, Trouble) and error.retry_after_s is not None:
            detail = f"{where} is there, and too busy to be asked ({error.message})"
            return Finding(what, False, detail, "try again in a minute", is_needed=False)
        said = str(error) or f"no answer within {STANDING_WITHIN_S:g} s"
        mend = f"check {address}: what listens there answers no call"
        return Finding(what, False, f"{where} is there, but {said}", mend)
    if standing.is_let_in is False:
        detail = f"{where}: key refused ({standing.words})"
        return Finding(what, False, detail, f"check {key} and the account's bill")
    recent = _recent(settings, remote.account.id)
    if standing.is_let_in is None and blocked_until_ms(recent) > clock_ms():
        detail = f"{where} refuses calls: {recent[0].code}, {recent[0].message}"
        return Finding(
            what, False, detail, f"check {key} and the account's bill; jobs wait meanwhile"
        )
    return _well(what, where, engine, standing)


def _well(what: str, where: str, engine: RemoteSettings, standing: Standing) -> Finding:
    if standing.is_let_in is None:
        said = f"it does not say whether the key is let in ({standing.words})"
        mend = "check the address and the key by a job"
        return Finding(what, False, f"{where} can be reached; {said}", mend, is_needed=False)
    if engine.api_key and _is_open_road(httpx2.URL(engine.base_url)):
        mend = "use https:// if it has it"
        detail = f"{where} lets the key in, which goes there for all to read (http)"
        return Finding(what, False, detail, mend, is_needed=False)
    with_key = "lets the key in" if engine.api_key else "answers without a key"
    return Finding(what, True, f"{where} can be reached and {with_key}")


async def _asked(remote: Remote) -> Standing:
    try:
        async with asyncio.timeout(STANDING_WITHIN_S):
            return await remote.standing()
    finally:
        await remote.close()


def _recent(settings: Settings, account: str) -> Sequence[Attempt]:
    try:
        return store_of(settings.server).recent_calls(account, RECENT_ATTEMPTS)
    except (OwnError, OperatorError):  # the store has a finding of its own
        return []


def _is_open_road(url: httpx2.URL) -> bool:
    """Whether a call leaves these networks unencrypted, as far as a name says."""
    if url.scheme != "http" or "." not in url.host:
        return False
    try:
        return ip_address(url.host).is_global
    except ValueError:
        return not url.host.endswith((".local", ".localhost", ".internal", ".lan", ".home.arpa"))


def webhook_findings(settings: Settings, place: Place = nowhere) -> Iterator[Finding]:
    """Can events be sent, do the operator's own receivers listen, and were some given up?"""
    what = "webhooks"
    try:
        receivers_of(settings)
        check_receivers(settings, _owners(settings))
    except BadSetting as error:
        yield Finding(what, False, error.message + place(error.setting), _STOPS_THE_START)
        return
    count = len(settings.webhook_secrets)
    if not count:
        mend = f'export {SIGNING_VARIABLE}="whsec_$(openssl rand -base64 32)"'
        detail = "off: a request with a webhook_url is refused"
        if owed := _count(settings, DeliveryState.OWED):
            detail += f", and what is owed is not sent: {owed}"
        yield Finding(what, False, detail, mend, is_needed=False)
        return
    yield Finding(what, True, f"signed with {count} secret{'s' * (count > 1)}")
    for owner, address in settings.webhooks.items():
        yield _receiver(owner, httpx2.URL(address), server_proxy(settings.server), place)
    if given_up := _count(settings, DeliveryState.GIVEN_UP):
        mend = "unstill webhooks list says why, unstill webhooks replay sends them again"
        yield Finding(what, False, f"given up: {given_up}", mend, is_needed=False)


def _owners(settings: Settings) -> frozenset[Owner]:
    """As a start knows them, where the store can be read."""
    keys = Keys(settings.api_keys)
    with suppress(OwnError, OperatorError):  # the store has a finding of its own
        keys.take(store_of(settings.server).all_keys(), clock_ms())
    return keys.owners


def _receiver(owner: str, url: httpx2.URL, proxy: Proxy | None, place: Place) -> Finding:
    what, where = f"webhooks of {owner}", place_of(url)
    if proxy is not None and proxy.spares(url.host):
        proxy = None
    if proxy is not None and url.scheme == "http":  # only an event would show it
        said = f"{where} is asked of the proxy; whether it is there, the first event shows"
        return Finding(what, True, said)
    reason = no_connection(url) if proxy is None else no_tunnel(url, proxy.url)
    way = "" if proxy is None else " through the proxy"
    if reason is None:
        return Finding(what, True, f"{where} can be reached{way}")
    setting = f"webhooks.{owner}{place(f'webhooks.{owner}')}"
    mend = f"check {setting}, and that the receiver there runs; it is tried for a day"
    return Finding(what, False, f"{where} cannot be reached{way}: {reason}", mend)


def _count(settings: Settings, state: DeliveryState) -> int:
    try:
        return store_of(settings.server).count_deliveries(state)
    except (OwnError, OperatorError):  # the store has a finding of its own
        return 0
