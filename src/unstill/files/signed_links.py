"""Signed links: whoever has one may load one video until it is over, without an API key.

A link names a job and a variant of its video, never a path. What it leads to is looked up anew at
each use, so a deleted job's link leads nowhere.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime

from unstill.domain.errors import BadLink
from unstill.domain.job import Variant

LIFETIME_S = 24 * 3600  # as long as the providers' own links live
STEP_S = 3600  # a link changes this often, so that pollers see one and the same


class Links:
    """Signs with the first secret, believes all of them."""

    def __init__(self, secrets: Sequence[bytes] = (), lifetime_s: int = LIFETIME_S) -> None:
        """secrets: none where they are still to be read, and then `take` brings them."""
        self._keyed: Sequence[hmac.HMAC] = ()
        self._lifetime_s = lifetime_s
        if secrets:
            self.take(secrets)

    def take(self, secrets: Sequence[bytes]) -> None:
        """Go by these from now on."""
        if not secrets:
            raise ValueError("links need a secret")
        # Keyed once: measured, keying is two fifths of a signature.
        self._keyed = [hmac.new(secret, digestmod="sha256") for secret in secrets]

    def sign(self, job_id: str, variant: Variant, now_s: float) -> str:
        """Path and query of a link that lives at least the lifetime, at most an hour more."""
        expires_s = self.until_s(now_s)
        signature = _signature(self._keyed[0], job_id, variant, str(expires_s))
        return f"/files/{job_id}/{variant}.mp4?expires={expires_s}&signature={signature}"

    def until_s(self, now_s: float) -> int:
        """When a link is over that is signed now."""
        return -(-(int(now_s) + self._lifetime_s) // STEP_S) * STEP_S

    def check(self, job_id: str, variant: str, expires: str, signature: str, now_s: float) -> None:
        """Raise BadLink unless these parts of a link are as we signed them, and in time."""
        given = signature.encode(errors="replace")
        matches = [
            hmac.compare_digest(_signature(keyed, job_id, variant, expires).encode(), given)
            for keyed in self._keyed
        ]
        if not any(matches):
            raise BadLink("the link's signature is wrong")
        # Signed by us, so it is a number.
        if now_s >= int(expires):
            over = datetime.fromtimestamp(int(expires), UTC)
            raise BadLink(f"the link is over since {over:%Y-%m-%dT%H:%M:%SZ}")


def _signature(keyed: hmac.HMAC, job_id: str, variant: str, expires: str) -> str:
    # No link of ours has a line feed in it, so no other three parts make the message of one.
    message = f"{job_id}\n{variant}\n{expires}".encode(errors="replace")
    signed = keyed.copy()
    signed.update(message)
    return urlsafe_b64encode(signed.digest()).rstrip(b"=").decode()
