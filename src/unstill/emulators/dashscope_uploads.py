"""DashScope's temporary files: an upload policy, the object store's form, and `oss://` addresses.

Source: DashScope, "get temporary file URL"; Alibaba Cloud OSS, PostObject. Of an upload only its
digest and its beginning are kept.
"""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from base64 import b64encode
from collections.abc import Sequence

import msgspec
import pybase64

from unstill.emulators.wire import Answer, Ask, Part, as_json, form_parts

UPLOADS = "/oss"
MOST_FILE_BYTES = 1024**3
POLICY_LIFE_S = 300
KEPT_HEAD_BYTES = 64 * 1024
ACCESS_KEY_ID = "emulator"
NEEDED = ("OSSAccessKeyId", "Signature", "policy", "key")


class FormPolicy(msgspec.Struct, frozen=True):
    """What a form may upload; signed, so that nothing of it needs to be remembered."""

    upload_dir: str
    expires_s: float
    key: str  # the API key that asked, as a digest
    model: str


class Upload(msgspec.Struct, frozen=True):
    policy: FormPolicy
    sha256: str
    head: bytes
    size_bytes: int
    expires_s: float


class EmulatedUploads:
    def __init__(self, *, secret: bytes, life_s: float) -> None:
        self._secret = secret
        self._life_s = life_s
        self._files: dict[str, Upload] = {}

    def policy(self, ask: Ask, model: str) -> dict[str, object]:
        """The `data` of a policy answer."""
        policy = FormPolicy(
            upload_dir=f"dashscope-instant/{key_digest(ask.key)}/{uuid.uuid4()}",
            expires_s=time.time() + POLICY_LIFE_S,
            key=key_digest(ask.key),
            model=model,
        )
        text = b64encode(msgspec.json.encode(policy)).decode()
        return {
            "policy": text,
            "signature": self._signature(text),
            "upload_dir": policy.upload_dir,
            "upload_host": f"{ask.origin}{UPLOADS}",
            "expire_in_seconds": POLICY_LIFE_S,
            "max_file_size_mb": MOST_FILE_BYTES // 1024**2,
            "oss_access_key_id": ACCESS_KEY_ID,
            "x_oss_object_acl": "private",
            "x_oss_forbid_overwrite": "true",
        }

    def take(self, ask: Ask) -> Answer:
        """PostObject: 200 only where the form asks for it, as the object store does."""
        try:
            parts = form_parts(ask)
        except ValueError:
            return _refused(400, "MalformedPOSTRequest", "The body is not well-formed multipart.")
        fields = {part.name: part.text for part in parts if part.name != "file"}
        missing = [name for name in NEEDED if not fields.get(name)]
        if missing or not parts or parts[-1].name != "file":
            why = f"missing {missing[0]}" if missing else "the last part must be the file"
            return _refused(400, "InvalidArgument", f"The form is not as it must be: {why}.")
        policy = self._checked(fields["policy"], fields["Signature"])
        if policy is None:
            return _refused(403, "SignatureDoesNotMatch", "The signature does not match.")
        return self._keep(fields, parts, policy)

    def _keep(self, fields: dict[str, str], parts: Sequence[Part], policy: FormPolicy) -> Answer:
        key = fields["key"]
        if time.time() > policy.expires_s:
            return _refused(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
        if not key.startswith(f"{policy.upload_dir}/"):
            return _refused(403, "AccessDenied", "Invalid according to Policy: key.")
        if fields.get("x-oss-forbid-overwrite") != "true":
            return _refused(403, "AccessDenied", "Invalid according to Policy: overwrite.")
        if key in self._files:
            return _refused(409, "FileAlreadyExists", "The object you specified already exists.")
        data = parts[-1].data
        self._files[key] = Upload(
            policy=policy,
            sha256=hashlib.sha256(data).hexdigest(),
            head=data[:KEPT_HEAD_BYTES],
            size_bytes=len(data),
            expires_s=time.time() + self._life_s,
        )
        status = 200 if fields.get("success_action_status") == "200" else 204
        return Answer(status, b"", "application/xml")

    def find(self, address: str, *, key: str, model: str) -> Upload | None:
        """The file behind `oss://...`, if it is of this key and model and not over yet."""
        upload = self._files.get(address.removeprefix("oss://"))
        if upload is None or time.time() > upload.expires_s:
            return None
        is_theirs = (upload.policy.key, upload.policy.model) == (key_digest(key), model)
        return upload if is_theirs else None

    def _signature(self, policy: str) -> str:
        return b64encode(hmac.new(self._secret, policy.encode(), hashlib.sha1).digest()).decode()

    def _checked(self, policy: str, signature: str) -> FormPolicy | None:
        if not hmac.compare_digest(signature.encode(), self._signature(policy).encode()):
            return None
        return msgspec.json.decode(pybase64.b64decode(policy), type=FormPolicy)


def policy_answer(data: dict[str, object]) -> Answer:
    return as_json({"request_id": str(uuid.uuid4()), "data": data})


def key_digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _refused(status: int, code: str, message: str) -> Answer:
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
        f"<Message>{message}</Message></Error>"
    )
    return Answer(status, body.encode(), "application/xml")
