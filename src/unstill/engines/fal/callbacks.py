"""fal's webhooks: how one is asked for at a submit, and how its signature is read.

Source: fal, webhooks, read 2026-11-28. It signs with Ed25519, and tells its keys at one address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import quote

from unstill.upstreams.callbacks import is_fresh
from unstill.upstreams.key_sets import SigningKeys

KEYS_PATH = "/.well-known/jwks.json"
KEYS_URL = f"https://rest.fal.ai{KEYS_PATH}"
PREFIX = "x-fal-webhook-"


def asking_back(path: str, callback_url: str) -> str:
    """The path of a submit that names where to tell of the end; "": nowhere."""
    return f"{path}?fal_webhook={quote(callback_url, safe='')}" if callback_url else path


async def is_fals(
    headers: Mapping[str, str], body: bytes, *, keys: SigningKeys, now_ms: int
) -> bool:
    """Whether fal has signed it within these minutes."""
    request_id, user_id, stamp, coded = (
        headers.get(PREFIX + name, "")
        for name in ("request-id", "user-id", "timestamp", "signature")
    )
    if not request_id or not user_id or not is_fresh(stamp, now_ms):
        return False
    try:
        signature = bytes.fromhex(coded)
    except ValueError:
        return False
    digest = hashlib.sha256(body).hexdigest()
    message = f"{request_id}\n{user_id}\n{stamp}\n{digest}"
    return await keys.have_signed(message.encode("latin-1"), signature)
