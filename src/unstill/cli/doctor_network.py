"""What the network between here and the upstreams does, and what a running server says of them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import httpx2

from unstill import USER_AGENT
from unstill.assembly import proxy_of
from unstill.cli.doctor_finding import Finding, Place, nowhere
from unstill.cli.doctor_proxy import proxy_findings
from unstill.net.addresses import FAKE_IP, IPAddress, is_allowed, is_fake
from unstill.settings.engines import RemoteSettings
from unstill.settings.reader import Settings

ASK_S = 3.0
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  - where it is asked, not bound

LookUp = Callable[[str], list[IPAddress]]  # raises OSError


def network_findings(
    settings: Settings,
    environment: Mapping[str, str],
    look_up: LookUp | None = None,
    place: Place = nowhere,
) -> Iterator[Finding]:
    """Proxies, also those set for other programs, and names that a fake-IP proxy answers."""
    yield from proxy_findings(settings, environment, place)
    yield from _fake_names(settings, look_up or _looked_up)


def running_findings(settings: Settings) -> Iterator[Finding]:
    """What a server with these settings, if one runs, says holds up its jobs."""
    host = _ANY_HOST.get(settings.server.host, settings.server.host)
    host = f"[{host}]" if ":" in host else host
    told = _ready(f"http://{host}:{settings.server.port}/ready", next(iter(settings.api_keys), ""))
    if told is None:
        return
    if reasons := told.get("reasons"):
        yield Finding(
            "new jobs",
            is_well=False,
            detail=f"the running server takes none: {', '.join(reasons)}",
            mend="disk: free some, or lower server.least_free_mb; store: its log says more",
            is_needed=False,
        )
    for each in told["engines"]:
        since = datetime.fromtimestamp(each["since"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        yield Finding(
            f"jobs of {each['engine']}",
            is_well=False,
            detail=f"{each['holds_up']} held up since {since}: {each['code']}, {each['message']}",
            mend="the running server goes on trying, its log says more",
            is_needed=False,
        )
    if count := told["jobs_held_up"]:
        yield Finding(
            "jobs",
            is_well=False,
            detail=f"{count} held up by what is wrong with them alone",
            mend="look for odd_answer and video_not_saved in the server's log; their status"
            " answers have it as `waiting`",
            is_needed=False,
        )


def _fake_names(settings: Settings, look_up: LookUp) -> Iterator[Finding]:
    networks = settings.server.networks
    for name, engine in _remotes(settings).items():
        host = httpx2.URL(engine.base_url).host
        try:
            # Through a proxy it is the proxy that looks up what matters.
            addresses = [] if proxy_of(engine, settings.server) else look_up(host)
        except OSError:
            continue  # that it cannot be reached is said by another finding
        fake = next((each for each in addresses if is_fake(each)), None)
        if fake is None or is_allowed(fake, networks):
            continue
        yield Finding(
            f"names of {name}",
            is_well=False,
            detail=f"{host} is {fake} here: a proxy in fake-IP mode (Clash, sing-box, Surge)"
            f" answers {FAKE_IP} for every name, and finished videos and callers' pictures at such"
            " addresses are refused",
            mend=f'set server.allow_networks = ["{FAKE_IP}"]: the proxy then decides where names'
            " lead",
            is_needed=False,
        )


def _remotes(settings: Settings) -> dict[str, RemoteSettings]:
    engines = settings.engines.items()
    return {name: engine for name, engine in engines if isinstance(engine, RemoteSettings)}


def _looked_up(host: str) -> list[IPAddress]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [ip_address(str(sockaddr[0])) for *_, sockaddr in found]


def _ready(url: str, key: str) -> dict[str, Any] | None:
    """What a server there says; None if none is there, or something else."""
    headers = {"User-Agent": USER_AGENT} | ({"Authorization": f"Bearer {key}"} if key else {})
    try:
        told = httpx2.get(url, headers=headers, timeout=ASK_S, trust_env=False).json()
    except (httpx2.HTTPError, ValueError):
        return None
    is_ours = isinstance(told, dict) and {"status", "engines", "jobs_held_up"} <= told.keys()
    return told if is_ours else None
