"""What an operator may make of keys: the rules of the command line and of the admin API alike.

`param` is always the operator's own name of the field, so that a refusal names that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_interface, ip_network

import msgspec

from unstill.domain.access_errors import KeyEnded, NoSuchKey
from unstill.domain.api_key import ID, ApiKey, KeyState, found, free_name, is_taken
from unstill.domain.errors import BadField
from unstill.domain.limits import with_changes
from unstill.domain.request import GivenValue
from unstill.models.catalogue import Catalogue
from unstill.store.ports.keys import Decide

MOST_NAME_CHARS = 64
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"(\d{1,9})([smhd])")
_LAST_MS = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp() * 1000)


# --- what becomes of a key -----------------------------------------------------------------------


def created(key: ApiKey, *, param: str) -> Decide:
    """A new key under its own name; one that has none yet is named after its owner.

    It raises BadField where a good key has the name.
    """

    def decide(standing: Sequence[ApiKey]) -> ApiKey:
        now_ms = key.created_ms
        if not key.name:
            return msgspec.structs.replace(key, name=free_name(standing, key.owner, now_ms))
        if is_taken(standing, key.name, now_ms):
            taken = "a key is named so already: revoke or rotate it"
            raise BadField(param, "another name than a good key has", key.name, found=taken)
        return key

    return decide


def revoked(which: str, now_ms: int) -> Decide:
    """The key of that name or id, revoked now if it was not before. It raises NoSuchKey."""

    def decide(standing: Sequence[ApiKey]) -> ApiKey:
        key = _known(standing, which, now_ms)
        if key.revoked_ms is not None:
            return key
        return msgspec.structs.replace(key, revoked_ms=now_ms)

    return decide


def rotated(which: str, digest: str, now_ms: int) -> Decide:
    """Another key in place of that one, new in all but its settings.

    It raises NoSuchKey, and KeyEnded: what was revoked stays so.
    """

    def decide(standing: Sequence[ApiKey]) -> ApiKey:
        key = _known(standing, which, now_ms)
        state = key.state(now_ms)
        if state is not KeyState.GOOD:
            what = "is revoked" if state is KeyState.REVOKED else "has expired"
            raise KeyEnded(f"{key.name} ({key.id}) {what}: make a new one for {key.owner}")
        return msgspec.structs.replace(key, digest=digest, created_ms=now_ms, used_ms=None)

    return decide


def limited(which: str, changes: Mapping[str, int | None], now_ms: int) -> Decide:
    """That key with these limits, by their fields, in whatever state it is. It raises NoSuchKey."""

    def decide(standing: Sequence[ApiKey]) -> ApiKey:
        key = _known(standing, which, now_ms)
        return msgspec.structs.replace(key, limits=with_changes(key.limits, changes))

    return decide


def _known(standing: Sequence[ApiKey], which: str, now_ms: int) -> ApiKey:
    key = found(standing, which, now_ms)
    if key is None:
        raise NoSuchKey(which)
    return key


# --- what a key may be ---------------------------------------------------------------------------


def checked_name(param: str, name: str) -> str:
    """Raises BadField."""
    is_plain = name.isprintable() and name == name.strip() and not name.startswith("-")
    if not is_plain or not 0 < len(name) <= MOST_NAME_CHARS or ID.fullmatch(name):
        allowed = f"1 to {MOST_NAME_CHARS} printable characters, and no key's id"
        raise BadField(param, allowed, name)
    return name


def models_of(param: str, names: Sequence[str], catalogue: Catalogue) -> tuple[str, ...]:
    """The models by their names in the catalogue's list; raises BadField, UnknownModel."""
    _check_some(param, names)
    cards = [catalogue.card(GivenValue(param, each))[0] for each in names]
    return tuple(dict.fromkeys(map(catalogue.listed_as, cards)))


def networks_of(param: str, texts: Sequence[str]) -> tuple[str, ...]:
    """CIDRs, each once; raises BadField."""
    _check_some(param, texts)
    return tuple(dict.fromkeys(_network(param, each) for each in texts))


def _network(param: str, text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise BadField(param, "CIDRs such as 10.20.0.0/16", text, found="it is none") from error
    if network.network_address != ip_interface(text).ip:
        found = "it is an address in one"
        raise BadField(param, "CIDRs", text, found=found, meant=str(network))
    return str(network)


def _check_some(param: str, given: Sequence[str]) -> None:
    if not given:
        raise BadField(param, "at least one, or left out for any", found="none")


def moment_ms_of(param: str, text: str, now_ms: int) -> int:
    """When a key ends, in Unix milliseconds; a time without a zone is in UTC. Raises BadField."""
    if match := _SPAN.fullmatch(text.strip()):
        moment_ms = now_ms + int(match[1]) * _UNITS_S[match[2]] * 1000
    else:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError as error:
            allowed = "an ISO 8601 time, or a time from now such as 90d, 12h, 30m or 30s"
            raise BadField(param, allowed, text) from error
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment_ms = int(zoned.timestamp() * 1000)
    if not now_ms < moment_ms < _LAST_MS:
        raise BadField(param, "to come, and before the year 9999", text)
    return moment_ms
