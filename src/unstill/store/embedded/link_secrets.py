"""The secrets of links in a file of the data folder, `link-secrets`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex

from unstill.domain.errors import BadSetting
from unstill.store.embedded.handle import Handle
from unstill.system.durable_writes import write_durably

SECRETS_FILE = "link-secrets"

_SECRET = re.compile(r"([0-9a-f]{2}){32,}", re.IGNORECASE)
_MALFORMED = (
    "each line must be a secret of at least 64 hex digits; delete the file and a new one is made "
    "(links given out before end then)"
)


class EmbeddedLinkSecrets:
    def __init__(self, handle: Handle, data_dir: Path) -> None:
        self._handle = handle
        self._data_dir = data_dir

    async def all(self) -> Sequence[bytes]:
        _ = self._handle.opened  # raises where it is closed
        return await asyncio.to_thread(load_secrets, self._data_dir)


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
