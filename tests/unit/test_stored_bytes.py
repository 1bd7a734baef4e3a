"""How many bytes somebody has: exact while they are measured, and where they cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.jobs import OWNER, a_job
from support.scripted_fetches import PNG
from support.waits import until
from unit.test_allowances import Desk, desk_at
from unstill.domain.access_errors import OverBytes
from unstill.domain.errors import StorageFailed, StorageFull
from unstill.domain.job import State
from unstill.domain.limits import Limits, Party
from unstill.domain.owner import Owner
from unstill.files.local import LocalFiles
from unstill.files.local_uploads import LocalUploads
from unstill.service.stored_bytes import MEASURED_AGAIN_S, StoredBytes


class SlowUploads(LocalUploads):
    """A folder whose files are not told of at once, where a test wants it so, or not at all."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.has_trouble = False
        self.looked = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def size_bytes(self, owner: Owner) -> int:
        if self.has_trouble:
            raise StorageFailed("the disk cannot be read")
        size_bytes = await super().size_bytes(owner)
        self.looked += 1
        await self.goes_on.wait()
        return size_bytes


class TroubledFiles(LocalFiles):
    """Files that cannot be looked at for a while."""

    has_trouble = False

    async def sizes(self, job_ids: Sequence[str]) -> Sequence[int]:
        if self.has_trouble:
            raise StorageFailed("the disk cannot be read")
        return await super().sizes(job_ids)


@pytest.fixture
def uploads(tmp_path: Path) -> SlowUploads:
    return SlowUploads(tmp_path)


@pytest.fixture
async def desk(tmp_path: Path, uploads: SlowUploads) -> AsyncIterator[Desk]:
    """One upload is there, and what is stored has been measured long ago."""
    async with desk_at(tmp_path, uploads) as desk:
        desk.set(Limits(stored_bytes=2 * len(PNG)))
        async with desk.allowances.upload(OWNER, len(PNG)):
            await uploads.keep(OWNER, "first", PNG)
        desk.now_s += MEASURED_AGAIN_S
        yield desk


@pytest.mark.parametrize(("is_stored", "outcome"), [(True, "OverBytes"), (False, "taken")])
async def test_an_upload_that_ends_while_all_is_measured_counts_if_it_was_stored(
    desk: Desk, uploads: SlowUploads, outcome: str, *, is_stored: bool
) -> None:
    ends = asyncio.Event()

    async def send() -> None:
        with suppress(StorageFull):
            async with desk.allowances.upload(OWNER, len(PNG)):
                await ends.wait()
                if not is_stored:
                    raise StorageFull("the disk of the data folder is full")
                await uploads.keep(OWNER, "second", PNG)

    uploads.goes_on.clear()
    sending = asyncio.create_task(send())
    await asyncio.sleep(0)  # what it sends is let be stored
    submit = asyncio.create_task(desk.outcomes(1, PNG))
    await until(lambda: uploads.looked == 2)
    ends.set()
    await sending
    uploads.goes_on.set()

    assert await submit == [outcome]


async def test_what_cannot_be_measured_anew_stays_as_it_was_known(
    desk: Desk, uploads: SlowUploads
) -> None:
    async with desk.allowances.upload(OWNER, len(PNG)):
        uploads.has_trouble = True
        first = await desk.outcomes(1, PNG)
        await uploads.keep(OWNER, "second", PNG)
    second = await desk.outcomes(1, PNG)
    uploads.has_trouble = False
    third = await desk.outcomes(1, PNG)
    desk.set(Limits(stored_bytes=3 * len(PNG)))

    assert (first, second, third) == (["StorageFailed"], ["StorageFailed"], ["OverBytes"])
    assert await desk.outcomes(2, PNG) == ["OverBytes", "taken"]


async def test_a_first_measurement_that_fails_is_made_again(
    tmp_path: Path, uploads: SlowUploads
) -> None:
    async with desk_at(tmp_path, uploads) as desk:
        desk.set(Limits(stored_bytes=len(PNG)))
        uploads.has_trouble = True
        first = await desk.outcomes(2, PNG)
        uploads.has_trouble = False

        assert first == ["StorageFailed"] * 2
        assert await desk.outcomes(2, PNG) == ["OverBytes", "taken"]


async def test_of_jobs_that_came_and_went_nothing_is_kept_in_memory(desk: Desk) -> None:
    job_id = await desk.submit(PNG)
    kept = desk.allowances._stored._of[Party(OWNER)]
    assert set(kept.jobs) == {job_id}
    await desk.house.service.delete(job_id, OWNER)
    await until(lambda: not kept.jobs)

    assert (kept.fresh, kept.pending, kept.of_jobs, kept.coming) == (set(), set(), 0, 0)


async def test_files_that_could_not_be_looked_at_count_once_they_can(
    desk: Desk, uploads: SlowUploads, tmp_path: Path
) -> None:
    files, ann = TroubledFiles(tmp_path), Party(OWNER)
    stored = StoredBytes(owners=desk.house.store.owners, files=files, uploads=uploads)
    await stored.count(ann, 2 * len(PNG), 0)
    missed, next_ = (a_job(state=State.READY) for _ in range(2))
    await files.keep(missed.id, "first.png", PNG, begins="a store")
    files.has_trouble = True
    with capture_logs() as logs:
        stored.changed(missed)
        await until(lambda: bool(logs))
    stored.check(ann, len(PNG), most=2 * len(PNG))  # the upload alone is known
    files.has_trouble = False
    stored.changed(next_)
    await until(lambda: missed.id in stored._of[ann].jobs)

    assert [log["event"] for log in logs] == ["files_not_measured"]
    with pytest.raises(OverBytes):
        stored.check(ann, 1, most=2 * len(PNG))
