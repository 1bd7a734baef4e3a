"""Signed links: whoever has one may load one video until it is over, without an API key.

A link names a job and a variant of its video, never a path. What it leads to is looked up anew at
each use, so a deleted job's link leads nowhere.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from unstill.domain.errors import BadLink, BadSetting
from unstill.domain.job import Variant
from unstill.system.durable_writes import write_durably

LIFETIME_S = 24 * 3600  # as long as the providers' own links live
STEP_S = 3600  # a link changes this often, so that pollers see one and the same
SECRETS_FILE = "link-secrets"

_SECRET = re.compile(r"([0-9a-f]{2}){32,}", re.IGNORECASE)


class Links:
    """Signs with the first secret, believes all of them."""

    def __init__(self, secrets: tuple[bytes, ...], lifetime_s: int = LIFETIME_S) -> None:
        if not secrets:
            raise ValueError("links need a secret")
        # Keyed once: measured, keying is two fifths of a signature.
        self._keyed = [hmac.new(secret, digestmod="sha256") for secret in secrets]
        self._lifetime_s = lifetime_s

    def sign(self, job_id: str, variant: Variant, now_s: float) -> str:
        """Path and query of a link that lives at least the lifetime, at most an hour more."""
        expires_s = -(-(int(now_s) + self._lifetime_s) // STEP_S) * STEP_S
        signature = _signature(self._keyed[0], job_id, variant, str(expires_s))
        return f"/files/{job_id}/{variant}.mp4?expires={expires_s}&signature={signature}"

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


def load_secrets(data_dir: Path) -> tuple[bytes, ...]:
    """Read the secrets in an existing data folder, made at the first start.

    One a line, in hex; a new first line signs from the next start on, the old ones still open the
    links that they signed. Raises BadSetting.
    """
    path = data_dir / SECRETS_FILE
    try:
        if not path.exists():
            # Two first starts at once both sign with what is in the file.
            write_durably(path, f"{token_hex(32)}\n".encode(), once=True)
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise BadSetting(
            str(path), f"{error.strerror}: the server must be able to use it"
        ) from error
    except UnicodeDecodeError as error:
        raise BadSetting(str(path), _MALFORMED) from error
    secrets = [line.strip() for line in lines if line.strip()]
    if not secrets or not all(_SECRET.fullmatch(secret) for secret in secrets):
        raise BadSetting(str(path), _MALFORMED)
    return tuple(bytes.fromhex(secret) for secret in secrets)


_MALFORMED = (
    "each line must be a secret of at least 64 hex digits; delete the file and a new one is made "
    "(links given out before end then)"
)


def _signature(keyed: hmac.HMAC, job_id: str, variant: str, expires: str) -> str:
    # No link of ours has a line feed in it, so no other three parts make the message of one.
    message = f"{job_id}\n{variant}\n{expires}".encode(errors="replace")
    signed = keyed.copy()
    signed.update(message)
    return urlsafe_b64encode(signed.digest()).rstrip(b"=").decode()
