"""Pictures that callers upload ahead of their requests: signed leave, kept for two days.

A policy says who may upload what until when, and its signature stands for the API key, which the
upload itself does not carry. A file is kept under a digest of its owner and its key: a key is
never a path, and nobody else's request finds it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import msgspec

from unstill.domain.errors import BadField, BadPolicy
from unstill.domain.owner import Owner
from unstill.files.port import storage_errors
from unstill.system.durable_writes import sync_folder, write_durably

POLICY_LIFE_S = 300  # time enough for a slow line to begin
KEPT_S = 48 * 3600  # DashScope, "get temporary file URL"
_FILE = re.compile(r"[0-9a-f]{64}|\.[0-9a-f]{64}\.[0-9a-f]{16}")  # a digest, or its draft
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


class Uploads:
    """Files under `<data_dir>/uploads`; signs with the first secret, believes all of them."""

    def __init__(
        self,
        data_dir: Path,
        link_secrets: tuple[bytes, ...],
        *,
        most_bytes: int,
        check_room: Callable[[], None] = lambda: None,
    ) -> None:
        """`check_room` raises StorageFull if no new file is taken for want of room."""
        self._check_room = check_room
        self._most_bytes = most_bytes
        self._folder = data_dir / "uploads"
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

    async def keep(self, policy: Policy, key: str, data: bytes) -> None:
        """Store the file; durable when it returns.

        Raises BadField if it is too large or there already, StorageFull or StorageFailed.
        """
        if len(data) > policy.most_bytes:
            raise BadField("file", f"at most {policy.most_bytes} bytes", data)
        self._check_room()
        path = self._path(policy.owner, key)
        with storage_errors():
            if await asyncio.to_thread(path.exists):
                raise BadField("key", "of a file that is not there yet", key)
            await asyncio.to_thread(self._keep, path, data)

    def _keep(self, path: Path, data: bytes) -> None:
        if not self._folder.exists():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._folder.parent)
        write_durably(path, data, once=True)

    async def read(self, owner: Owner, key: str, now_s: float) -> bytes | None:
        """The owner's file, or None if there is none or its time is over."""
        path = self._path(owner, key)
        with storage_errors():
            return await asyncio.to_thread(_young, path, now_s)

    async def sweep(self, now_s: float) -> None:
        """Remove what is over; raises StorageFailed."""
        with storage_errors():
            await asyncio.to_thread(self._sweep, now_s)

    def _sweep(self, now_s: float) -> None:
        if not self._folder.exists():
            return
        with os.scandir(self._folder) as entries:
            for entry in entries:
                is_ours = _FILE.fullmatch(entry.name) is not None
                if is_ours and entry.stat().st_mtime + KEPT_S <= now_s:
                    Path(entry.path).unlink(missing_ok=True)

    def _path(self, owner: Owner, key: str) -> Path:
        # JSON, so that no other owner and key make the same text.
        text = msgspec.json.encode((owner, key))
        return self._folder / hashlib.sha256(text).hexdigest()


def _young(path: Path, now_s: float) -> bytes | None:
    try:
        if path.stat().st_mtime + KEPT_S <= now_s:
            return None
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _signature(secret: bytes, policy: str) -> str:
    # It has one line feed; what a link signs has two (files/signed_links.py).
    message = f"upload\n{policy}".encode(errors="replace")
    return b64encode(hmac.digest(secret, message, "sha256")).decode()
