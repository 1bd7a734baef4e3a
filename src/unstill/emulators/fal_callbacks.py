"""fal's webhooks: `fal_webhook` in a submit's query, and the Ed25519 signature of what comes of it.

Source: fal, webhooks, read 2026-11-28. The same seed has the same key.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from unstill.emulators.callbacks import SignedCallback
from unstill.emulators.desk import now_ms
from unstill.emulators.jobs import EmulatedJob, EmulatedState

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEYS = "/.well-known/jwks.json"
USER = "emulated-user"


def key_set(secret: bytes) -> dict[str, Any]:
    """The JWKS of the emulator's one key."""
    public = _key(secret).public_key().public_bytes_raw()
    x = urlsafe_b64encode(public).decode().rstrip("=")
    return {"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "x": x}]}


def told_of(job: EmulatedJob, outcome: dict[str, Any], secret: bytes) -> SignedCallback:
    """What is sent of a job that has ended; `outcome`: its output, or its error."""
    is_ok = job.state is EmulatedState.DONE
    body = msgspec.json.encode(
        {"request_id": job.id, "gateway_request_id": job.id, "status": "OK" if is_ok else "ERROR"}
        | ({"payload": outcome} if is_ok else outcome)
    )
    stamp, digest = str(now_ms() // 1000), hashlib.sha256(body).hexdigest()
    signature = _key(secret).sign(f"{job.id}\n{USER}\n{stamp}\n{digest}".encode())
    headers = {
        "x-fal-webhook-request-id": job.id,
        "x-fal-webhook-user-id": USER,
        "x-fal-webhook-timestamp": stamp,
        "x-fal-webhook-signature": signature.hex(),
    }
    return SignedCallback(headers, body)


@cache
def _key(secret: bytes) -> Ed25519PrivateKey:
    """`secret`: 32 bytes."""
    # The `ed25519` extra: nothing else of an emulator needs it.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    return Ed25519PrivateKey.from_private_bytes(secret)
