"""Pictures sent ahead of their requests: leave to send one, the one, and what it stands for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

import msgspec

from unstill.domain.errors import BadField, BadImage
from unstill.domain.owner import Owner
from unstill.domain.request import CreateCall, GivenFrame, GivenValue
from unstill.files.upload_policies import Policies, Signed
from unstill.files.uploads import Uploads
from unstill.models.catalogue import Catalogue


def _unlimited(owner: Owner, size_bytes: int) -> AbstractAsyncContextManager[None]:  # noqa: ARG001
    return nullcontext()


class Uploading:
    """What the server does for callers who upload."""

    def __init__(
        self,
        *,
        uploads: Uploads,
        policies: Policies,
        catalogue: Catalogue,
        check_room: Callable[[], None],
        clock_ms: Callable[[], int],
        allowed: Callable[[Owner, int], AbstractAsyncContextManager[None]] = _unlimited,
    ) -> None:
        """`check_room` raises StorageFull if no new file is taken for want of room.

        allowed: lets an owner store so many bytes more, while it lasts; raises OverBytes.
        """
        self._uploads = uploads
        self._policies = policies
        self._check_room = check_room
        self._catalogue = catalogue
        self._clock_ms = clock_ms
        self._allowed = allowed

    def policy(
        self, model: GivenValue, owner: Owner, *, models: frozenset[str] | None = None
    ) -> Signed:
        """Leave to upload a picture for a model; raises UnknownModel, ModelNotAllowed."""
        name, _ = self._catalogue.card_among(models, model)
        return self._policies.sign(owner, name, self._now_s())

    def owner_of(self, policy: str, signature: str, key: str) -> Owner:
        """Whose upload it will be, before any of it is taken; raises BadPolicy."""
        return self._policies.check(policy, signature, key, self._now_s()).owner

    async def keep(self, policy: str, signature: str, key: str, data: bytes) -> None:
        """Store an uploaded picture; raises BadPolicy, BadField, OverBytes, OwnError."""
        signed = self._policies.check(policy, signature, key, self._now_s())
        if len(data) > signed.most_bytes:
            raise BadField("file", f"at most {signed.most_bytes} bytes", data)
        self._check_room()
        async with self._allowed(signed.owner, len(data)):
            if not await self._uploads.keep(signed.owner, key, data):
                raise BadField("key", "of a file that is not there yet", key)

    async def with_uploads(self, create_call: CreateCall, prefix: str, owner: Owner) -> CreateCall:
        """The request with the owner's uploads in place of their addresses; raises BadImage."""
        frames = [await self._uploaded(frame, prefix, owner) for frame in create_call.frames]
        return msgspec.structs.replace(create_call, frames=tuple(frames))

    async def _uploaded(self, frame: GivenFrame, prefix: str, owner: Owner) -> GivenFrame:
        address = frame.value.strip() if isinstance(frame.value, str) else ""
        if not address.startswith(prefix):
            return frame
        key = address.removeprefix(prefix)
        data = await self._uploads.read(owner, key, self._now_s())
        if data is None:
            raise BadImage(frame.param, "no file of yours is there, or its 48 hours are over")
        return msgspec.structs.replace(frame, value=data)

    def _now_s(self) -> float:
        return self._clock_ms() / 1000
