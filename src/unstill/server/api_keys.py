"""API keys: who is calling."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

from unstill.domain.caller import KEYLESS, Caller
from unstill.domain.errors import BadKey
from unstill.domain.owner import Owner

MOST_SPELLINGS = 4  # a key comes with `Bearer` or without it, in whatever case


class Keys:
    """Callers by the hash of their key, and by whole headers whose key was found good before."""

    def __init__(self, keys: Mapping[str, Owner]) -> None:
        """`keys`: key -> owner. Without any, every caller is the same owner."""
        self._callers = {_hashed(os.fsencode(key)): Caller(owner) for key, owner in keys.items()}
        # A dict compares two texts only where the whole of their hashes are equal, which each
        # process salts anew: how long that takes tells nothing about a key either.
        self._good: dict[str, Caller] = {}

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Who sends a call with these headers.

        A key comes as `Authorization: <key>` or `Authorization: Bearer <key>` (the documents
        show both), or as `api-key` (OpenAI's Azure clients). Raises BadKey.
        """
        if not self._callers:
            return KEYLESS
        given = headers.get("authorization") or headers.get("api-key") or ""
        known = self._good.get(given)
        if known is not None:
            return known
        scheme, _, rest = given.partition(" ")
        key = rest.strip() if scheme.lower() == "bearer" else given.strip()
        if not key:
            raise BadKey("no API key: send it as Authorization: Bearer <key>")
        # Looked up by hash: how long it takes tells nothing about any configured key.
        # Headers are read as Latin-1, byte by byte; what the bytes mean is the client's choice.
        caller = self._callers.get(_hashed(key.encode("latin-1", "replace")))
        if caller is None:
            raise BadKey("this API key is not known here")
        if len(self._good) < MOST_SPELLINGS * len(self._callers):
            self._good[given] = caller
        return caller


def _hashed(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=32).digest()  # not OpenSSL's: half its time
