"""API keys: who is calling.

All that decides is in memory; server/operator_watch.py keeps it as the job store has it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from unstill.domain.api_key import ApiKey, KeyState, digest_of
from unstill.domain.caller import KEYLESS, Caller
from unstill.domain.errors import BadKey
from unstill.domain.owner import EVERYONE, Owner

MOST_SPELLINGS = 4  # a key comes with `Bearer` or without it, in whatever case

_UNKNOWN = "this API key is not known here"
_REVOKED = "this API key was revoked"
_OVER = "this API key was revoked, has expired or was replaced since the call began"


class Keys:
    """Callers by the hash of their key, and by whole headers whose key was found good before."""

    def __init__(self, configured: Mapping[str, Owner]) -> None:
        """`configured`: key -> owner, of the settings. Without any key there is one caller."""
        self.configured = {
            digest_of(os.fsencode(key)): Caller(owner) for key, owner in configured.items()
        }
        self._callers = dict(self.configured)
        self._refusals: dict[bytes, str] = {}  # why a key that was good once is not
        self._by_id: dict[str, Caller] = {}
        self._users: dict[str, Caller] = {}  # the same by tickets, which let in no operators
        self._rows: dict[str, ApiKey] = {}  # the same keys
        # A dict compares two texts only where the whole of their hashes are equal, which each
        # process salts anew: how long that takes tells nothing about a key either.
        self._good: dict[str, Caller] = {}
        self._used: set[str] = set()
        self.owners = frozenset(configured.values()) or frozenset({EVERYONE})
        self.is_keyless = not configured
        self.had_any = False  # the folder had keys, though no row may tell of them any more

    def caller(self, headers: Mapping[str, str], address: str = "") -> Caller:
        """Who sends a call with these headers from that address.

        A key comes as `Authorization: <key>` or `Authorization: Bearer <key>` (the documents
        show both), or as `api-key` (OpenAI's Azure clients). Raises BadKey.
        """
        if self.is_keyless:
            return KEYLESS
        given = given_in(headers)
        caller = self._good.get(given)
        if caller is None:
            caller = self._found(given)
        return self.let_in(caller, address)

    def let_in(self, caller: Caller, address: str) -> Caller:
        """The caller, whose key or ticket is good, if it may call from there. Raises BadKey."""
        if caller.networks and not _is_from(caller, address):
            # Without the networks: whoever found a key need not hear where it would be good.
            raise BadKey("this API key may not be used from this address")
        self._used.add(caller.key_id)
        return caller

    def _found(self, given: str) -> Caller:
        # Looked up by hash: how long it takes tells nothing about any configured key.
        digest = digest_in(given)
        caller = self._callers.get(digest)
        if caller is None:
            raise BadKey(self._refusals.get(digest, _UNKNOWN))
        if len(self._good) < MOST_SPELLINGS * len(self._callers):
            self._good[given] = caller
        return caller

    def user_of(self, key_id: str) -> Caller | None:
        """Who has the key of that id, asking as a user; None if it is not good, or has no row."""
        return self._users.get(key_id)

    def check(self, caller: Caller) -> None:
        """Raises BadKey for a caller who was let in, and would not be now."""
        if caller.key_id:
            now = (self._by_id.get(caller.key_id), self._users.get(caller.key_id))
            is_over = all(each is not caller for each in now)
        else:
            is_over = caller is KEYLESS and not self.is_keyless
        if is_over:
            raise BadKey(_OVER)

    def row_of(self, caller: Caller) -> ApiKey | None:
        """The caller's key; None for one from the settings, and without one."""
        return self._rows.get(caller.key_id)

    def take(self, rows: Sequence[ApiKey], now_ms: int) -> frozenset[str]:
        """Let in from now on who has one of these keys, besides those of the settings.

        The ids of the keys that are good no more; an empty one stands for calls without a key.
        """
        earlier, known, was_keyless = self._by_id, self._callers, self.is_keyless
        self._callers, self._refusals, self._by_id = dict(self.configured), {}, {}
        self._rows = {}
        self._good.clear()
        for key in rows:
            self._take(key, known, now_ms)
        self._users = {
            key_id: self._users[key_id] if earlier.get(key_id) is caller else caller.as_user
            for key_id, caller in self._by_id.items()
        }
        self._set_owners(rows)
        lost = {each for each, caller in earlier.items() if self._by_id.get(each) is not caller}
        return frozenset(lost | ({""} if was_keyless and not self.is_keyless else set()))

    def take_used(self) -> set[str]:
        """The ids of the keys that were used since this was asked last."""
        used, self._used = self._used, set()
        used.discard("")
        return used

    def _take(self, key: ApiKey, known: Mapping[bytes, Caller], now_ms: int) -> None:
        digest = bytes.fromhex(key.digest)
        match key.state(now_ms):
            case KeyState.REVOKED:
                self._refusals[digest] = _REVOKED
            case KeyState.EXPIRED:
                self._refusals[digest] = f"this API key expired at {_told(key.expires_ms or 0)}"
            case KeyState.GOOD:
                caller = _caller_by(key)
                # The same object as before, by which who was let in is known.
                caller = earlier if (earlier := known.get(digest)) == caller else caller
                self._callers[digest] = self._by_id[key.id] = caller
                self._rows[key.id] = key

    def _set_owners(self, rows: Sequence[ApiKey]) -> None:
        self.is_keyless = not (self.configured or rows or self.had_any)
        owners = {caller.owner for caller in self.configured.values()}
        owners |= {key.owner for key in rows}
        # With rows there was a time without keys: what was made then may yet be told of.
        self.owners = frozenset(owners | {EVERYONE} if rows or not owners else owners)


def given_in(headers: Mapping[str, str]) -> str:
    """What a call sends as its key, with `Bearer` before it or not; empty for none."""
    return headers.get("authorization") or headers.get("api-key") or ""


def digest_in(given: str) -> bytes:
    """The hash of the key in what a call has sent as one. Raises BadKey where there is none."""
    scheme, _, rest = given.partition(" ")
    key = rest.strip() if scheme.lower() == "bearer" else given.strip()
    if not key:
        raise BadKey("no API key: send it as Authorization: Bearer <key>")
    # Headers are read as Latin-1, byte by byte; what the bytes mean is the client's choice.
    return digest_of(key.encode("latin-1", "replace"))


def _caller_by(key: ApiKey) -> Caller:
    return Caller(
        owner=key.owner,
        scope=key.scope,
        key_id=key.id,
        models=None if key.models is None else frozenset(key.models),
        networks=tuple(ip_network(each) for each in key.networks),
    )


def _is_from(caller: Caller, host: str) -> bool:
    address = _address(host)
    return address is not None and any(address in network for network in caller.networks)


@lru_cache(4096)
def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _told(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
