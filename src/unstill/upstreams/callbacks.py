"""Whether a callback is an upstream's own: what is the same of all that sign theirs. Pure.

A signature is of the body as it came and of a time stamp, so that an old callback cannot be sent
again later. Several may stand side by side, as they do while a secret is replaced; one good one is
enough. Nothing is compared in a time that depends on what is right.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Iterator, Mapping

from unstill.domain.errors import BadSetting

# fal, webhooks; OpenRouter, video generation; Kling, callbacks (read 2026-11-28): all three.
MOST_AWAY_S = 300
SVIX_PREFIX = "whsec_"
_STAMP_CHARS = 12  # in a time stamp in seconds, at the most


def is_fresh(stamp: str, now_ms: int) -> bool:
    """Whether a time stamp, in Unix seconds, is of these minutes by our clock."""
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= _STAMP_CHARS):
        return False
    return abs(now_ms - int(stamp) * 1000) <= MOST_AWAY_S * 1000


def is_stamped(header: str, body: bytes, *, secret: bytes, now_ms: int) -> bool:
    """OpenRouter's `t=SECONDS,v1=HEX`: HMAC-SHA256 of `SECONDS,BODY`, the secret as it is.

    Source: OpenRouter, video generation, read 2026-11-28.
    """
    fields = [part.strip().partition("=") for part in header.split(",")]
    stamps = [text for name, _, text in fields if name == "t"]
    if len(stamps) != 1 or not is_fresh(stamps[0], now_ms):
        return False
    signatures = _each(bytes.fromhex, (text for name, _, text in fields if name == "v1"))
    return _is_any(signatures, secret, stamps[0].encode() + b"," + body)


def is_svix_signed(headers: Mapping[str, str], body: bytes, *, secret: bytes, now_ms: int) -> bool:
    """`webhook-signature: v1,BASE64 ...`: HMAC-SHA256 of `ID.SECONDS.BODY`.

    Source: Standard Webhooks, "signature scheme", read 2026-11-20; Kling, callbacks, 2026-11-28.
    """
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not is_fresh(stamp, now_ms):
        return False
    given = headers.get("webhook-signature", "").split()
    coded = (text for name, _, text in (each.partition(",") for each in given) if name == "v1")
    message = f"{message_id}.{stamp}.".encode("latin-1") + body
    return _is_any(_each(_base64, coded), secret, message)


def svix_secret(text: str, setting: str) -> bytes:
    """The bytes of a `whsec_...`; raises BadSetting, which does not show it."""
    if text.startswith(SVIX_PREFIX):
        for secret in _each(_base64, (text.removeprefix(SVIX_PREFIX),)):
            if secret:
                return secret
    raise BadSetting(setting, f"must be {SVIX_PREFIX} and base64, as the upstream shows it")


def _is_any(signatures: Iterable[bytes], secret: bytes, message: bytes) -> bool:
    expected = hmac.digest(secret, message, "sha256")
    return any(hmac.compare_digest(expected, each) for each in signatures)


def _each(decode: Callable[[str], bytes], texts: Iterable[str]) -> Iterator[bytes]:
    """What can be decoded of the texts."""
    for text in texts:
        try:
            yield decode(text)
        except (NotBase64, ValueError):
            continue


def _base64(text: str) -> bytes:
    return b64decode(text, validate=True)
