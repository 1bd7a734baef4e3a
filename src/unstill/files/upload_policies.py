"""Leave to upload a picture ahead of its request: it is signed, and ends.

A policy says who may upload what until when, and its signature stands for the API key, which the
upload itself does not carry.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence

import msgspec

from unstill.domain.errors import BadPolicy
from unstill.domain.owner import Owner

POLICY_LIFE_S = 300  # time enough for a slow line to begin
MOST_KEY_CHARS = 1024  # Alibaba Cloud OSS, object names


class Policy(msgspec.Struct, frozen=True):
    """What may be uploaded; whoever holds it signed may do so."""

    upload_dir: str
    owner: Owner
    model: str
    expires_s: int
    most_bytes: int


class Signed(msgspec.Struct, frozen=True):
    """A policy, as text, and its signature."""

    upload_dir: str
    policy: str
    signature: str
    life_s: int
    most_bytes: int


class Policies:
    """Signs with the first secret, believes all of them."""

    def __init__(self, link_secrets: Sequence[bytes] = (), *, most_bytes: int) -> None:
        """link_secrets: none where they are still to be read, and then `take` brings them."""
        self._most_bytes = most_bytes
        self._secrets = link_secrets

    def take(self, link_secrets: Sequence[bytes]) -> None:
        """Go by these from now on."""
        self._secrets = link_secrets

    def sign(self, owner: Owner, model: str, now_s: float) -> Signed:
        """Leave to upload into a folder that no other policy names."""
        policy = Policy(
            upload_dir=f"dashscope-instant/{secrets.token_hex(16)}",
            owner=owner,
            model=model,
            expires_s=int(now_s) + POLICY_LIFE_S,
            most_bytes=self._most_bytes,
        )
        text = b64encode(msgspec.json.encode(policy)).decode()
        signature = _signature(self._secrets[0], text)
        return Signed(policy.upload_dir, text, signature, POLICY_LIFE_S, self._most_bytes)

    def check(self, policy: str, signature: str, key: str, now_s: float) -> Policy:
        """The policy, if we signed it and it is in time and for this key; raises BadPolicy."""
        given = signature.encode(errors="replace")
        matches = [
            hmac.compare_digest(_signature(secret, policy).encode(), given)
            for secret in self._secrets
        ]
        if not any(matches):
            raise BadPolicy("the upload policy's signature is wrong")
        # Signed by us, so it can be read.
        signed = msgspec.json.decode(b64decode(policy), type=Policy)
        if now_s >= signed.expires_s:
            raise BadPolicy("Invalid according to Policy: Policy expired.")
        name = key.removeprefix(f"{signed.upload_dir}/")
        if name in {"", key} or len(key) > MOST_KEY_CHARS:
            raise BadPolicy("Invalid according to Policy: the key must be upload_dir/name.")
        return signed


def _signature(secret: bytes, policy: str) -> str:
    # It has one line feed; what a link signs has two (files/signed_links.py).
    message = f"upload\n{policy}".encode(errors="replace")
    return b64encode(hmac.digest(secret, message, "sha256")).decode()
