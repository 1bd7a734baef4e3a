"""Uploads as callers send them: signed for, within their size, once, where there is room."""

from __future__ import annotations

from pathlib import Path

import pytest

from unstill.domain.access_errors import ModelNotAllowed
from unstill.domain.errors import BadField, BadPolicy, StorageFull
from unstill.domain.owner import Owner
from unstill.domain.request import GivenValue
from unstill.files.local_uploads import LocalUploads
from unstill.files.upload_policies import Policies, Signed
from unstill.models.catalogue import Catalogue
from unstill.service.uploads import Uploading
from unstill.system.clock import clock_ms

OWNER = Owner("team-a")


class Desk:
    """Takes uploads of up to ten bytes."""

    def __init__(self, folder: Path) -> None:
        self.has_room = True
        self.uploads = LocalUploads(folder)
        self.uploading = Uploading(
            uploads=self.uploads,
            policies=Policies((b"k" * 32,), most_bytes=10),
            catalogue=Catalogue(),
            check_room=self.check_room,
            clock_ms=clock_ms,
        )
        self.signed: Signed = self.uploading.policy(GivenValue("model", "wan2.7-i2v"), OWNER)

    def check_room(self) -> None:
        if not self.has_room:
            raise StorageFull("the server has too little room left to take new work")

    def key(self, name: str = "cat.jpg") -> str:
        return f"{self.signed.upload_dir}/{name}"

    async def keep(self, data: bytes, name: str = "cat.jpg") -> None:
        signed = self.signed
        await self.uploading.keep(signed.policy, signed.signature, self.key(name), data)

    async def read(self, name: str = "cat.jpg") -> bytes | None:
        return await self.uploads.read(OWNER, self.key(name), clock_ms() / 1000)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_file_is_stored_once_for_the_owner_of_its_policy(desk: Desk) -> None:
    await desk.keep(b"a picture")

    with pytest.raises(BadField, match="not there yet"):
        await desk.keep(b"another")
    assert await desk.read() == b"a picture"


async def test_a_file_is_stored_within_its_size(desk: Desk) -> None:
    with pytest.raises(BadField, match="at most 10 bytes"):
        await desk.keep(b"x" * 11)

    assert await desk.read() is None


async def test_without_room_no_file_is_taken(desk: Desk) -> None:
    desk.has_room = False

    with pytest.raises(StorageFull):
        await desk.keep(b"a picture")


async def test_without_a_policy_of_ours_no_file_is_taken(desk: Desk) -> None:
    with pytest.raises(BadPolicy):
        await desk.uploading.keep(desk.signed.policy, "forged", desk.key(), b"a picture")


def test_leave_to_upload_is_given_for_the_models_of_the_key_alone(desk: Desk) -> None:
    mine = frozenset({"wan2.7-i2v"})
    alias, other = (GivenValue("model", name) for name in ("wan2.7-i2v-2026-04-25", "sora-2"))

    assert desk.uploading.policy(alias, OWNER, models=mine).policy
    with pytest.raises(ModelNotAllowed):
        desk.uploading.policy(other, OWNER, models=mine)
