"""An upstream's public keys, by which its callbacks are known: a JWKS of Ed25519, kept for a day.

They are read at the first callback, and anew where one is signed by none of them: at most once a
minute, whatever strangers send, and from one address that our settings give alone.

Source: RFC 8037 (OKP keys in JWK); fal, webhooks, read 2026-11-28: keys may be kept for 24 hours.
"""

from __future__ import annotations

import asyncio
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
import structlog

from unstill.domain.errors import BadSetting, FetchFailed
from unstill.net.fetcher import Fetcher, Own, checked_url, origin_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

log = structlog.get_logger()

KEPT_S = 24 * 3600.0
LEAST_BETWEEN_S = 60.0
MOST_BYTES = 64 * 1024
MOST_KEYS = 16
WITHIN_S = 10.0


class KeyRow(msgspec.Struct, frozen=True):
    """A key as a JWKS has it; other kinds of keys have other fields."""

    kty: str = ""
    crv: str = ""
    x: str = ""


class KeySet(msgspec.Struct, frozen=True):
    keys: list[KeyRow]


class SigningKeys:
    """The keys that one address tells."""

    def __init__(
        self,
        url: str,
        fetcher: Fetcher,
        *,
        setting: str,
        is_operators: bool = False,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`is_operators`: the address is reached wherever it is.

        Raises BadSetting without the extra.
        """
        try:
            # An extra: only callbacks with such signatures need it.
            import cryptography  # noqa: F401, PLC0415
        except ModuleNotFoundError as error:
            raise BadSetting(setting, 'needs Ed25519: pip install "unstill[ed25519]"') from error
        self._url = url
        self._fetcher = fetcher
        self._own = Own(origin_of(checked_url(url))) if is_operators else None
        self._monotonic_s = monotonic_s
        self._keys: tuple[Ed25519PublicKey, ...] = ()
        self._read_s = self._asked_s = float("-inf")
        self._asking = asyncio.Lock()

    async def have_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether one of the keys has signed it."""
        if self._monotonic_s() - self._read_s > KEPT_S:
            self._keys = ()
        if self._one_signed(message, signature):
            return True
        await self._read()
        return self._one_signed(message, signature)

    def _one_signed(self, message: bytes, signature: bytes) -> bool:
        return any(_is_signed(key, message, signature) for key in self._keys)

    async def _read(self) -> None:
        """Ask for the keys, unless somebody has within the minute."""
        async with self._asking:
            now_s = self._monotonic_s()
            if now_s - self._asked_s < LEAST_BETWEEN_S:
                return
            self._asked_s = now_s
            try:
                self._keys, self._read_s = await self._fetched(), now_s
            except (FetchFailed, OSError, msgspec.DecodeError) as error:
                log.warning("signing_keys_not_read", why=getattr(error, "reason", str(error)))

    async def _fetched(self) -> tuple[Ed25519PublicKey, ...]:
        """Raises FetchFailed, OSError, msgspec.DecodeError."""
        with TemporaryDirectory(prefix="unstill-keys-") as folder:
            out = Path(folder) / "jwks.json"
            await self._fetcher.fetch(
                self._url, out, max_bytes=MOST_BYTES, timeout_s=WITHIN_S, own=self._own
            )
            answer = await asyncio.to_thread(out.read_bytes)
        return tuple(_keys_in(key_set_in(answer)))


def key_set_in(answer: bytes) -> KeySet:
    """Raises msgspec.DecodeError."""
    try:
        return msgspec.json.decode(answer, type=KeySet)
    except (UnicodeDecodeError, RecursionError) as error:  # msgspec has none of its own for them
        raise msgspec.DecodeError("JSON that is no UTF-8, or nested too deeply") from error


def _keys_in(rows: KeySet) -> Iterator[Ed25519PublicKey]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PublicKey,
    )

    for row in rows.keys[:MOST_KEYS]:
        if (row.kty, row.crv) == ("OKP", "Ed25519"):
            try:
                key = urlsafe_b64decode(row.x + "=" * (-len(row.x) % 4))
                yield Ed25519PublicKey.from_public_bytes(key)
            except ValueError:  # base64 that is none is one too
                continue


def _is_signed(key: Ed25519PublicKey, message: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
