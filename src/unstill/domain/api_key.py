"""A key that `unstill keys create` made: what is kept of it, and what is let in by it.

The key itself is kept nowhere: 256 random bits cannot be guessed, so that their plain hash gives
nothing away.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from unstill.domain.caller import Scope
from unstill.domain.limits import UNLIMITED, Limits
from unstill.domain.owner import Owner

PREFIX = "unstill_"  # by which people and scanners of secrets know what they have found
ID = re.compile(r"key_[0-9a-f]{12}")

_KEY_BYTES = 32
_ID_BYTES = 6


class KeyState(StrEnum):
    GOOD = "good"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKey(msgspec.Struct, frozen=True):
    """A key without the key.

    digest: `digest_of` the whole key, in hex.
    models: the names of the catalogue's list that it may ask for; None for any.
    networks: CIDRs that its calls come from; empty for anywhere.
    """

    id: str
    name: str
    owner: Owner
    digest: str
    scope: Scope
    created_ms: int
    models: tuple[str, ...] | None = None
    networks: tuple[str, ...] = ()
    expires_ms: int | None = None
    revoked_ms: int | None = None
    used_ms: int | None = None  # about when its last call came
    limits: Limits = UNLIMITED  # the key's own, beside those of its owner

    def state(self, now_ms: int) -> KeyState:
        if self.revoked_ms is not None:
            return KeyState.REVOKED
        if self.expires_ms is not None and self.expires_ms <= now_ms:
            return KeyState.EXPIRED
        return KeyState.GOOD


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def new_key_id() -> str:
    return f"key_{secrets.token_hex(_ID_BYTES)}"


def digest_of(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=32).digest()  # not OpenSSL's: half its time


def found(keys: Iterable[ApiKey], which: str, now_ms: int) -> ApiKey | None:
    """The key of that id, or else of that name: the one that is good, if any is; else the newest.

    keys: oldest first.
    """
    named = [key for key in keys if which in {key.id, key.name}]
    return max(
        named,
        key=lambda key: (key.id == which, _RANKS[key.state(now_ms)], key.created_ms),
        default=None,
    )


def is_taken(keys: Iterable[ApiKey], name: str, now_ms: int) -> bool:
    """Whether a good key has that name."""
    return any(key.name == name and key.state(now_ms) is KeyState.GOOD for key in keys)


def free_name(keys: Iterable[ApiKey], owner: Owner, now_ms: int) -> str:
    """The owner's own name for its first key; with a number behind it for those that follow."""
    taken = {key.name for key in keys if key.state(now_ms) is KeyState.GOOD}
    names = (owner if n == 1 else f"{owner}-{n}" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


_RANKS = {KeyState.REVOKED: 0, KeyState.EXPIRED: 1, KeyState.GOOD: 2}
