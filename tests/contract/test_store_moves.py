"""What every job store notes of the states that a job came into."""

from __future__ import annotations

from pathlib import Path

from support.leases import ENDED
from support.open_stores import Make, a_row, opened
from unstill.domain import job as jobs
from unstill.domain.job import State, Usage, Video
from unstill.domain.moves import JobMove, moves_of
from unstill.domain.request import Size
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.move_texts import MOST_CHARS
from unstill.store.ports.store import Store

VIDEO = Video("video-1.mp4", 320, 256, 2.0, 30.0, 60, 4096, has_audio=False)


async def walk(store: Store, job_id: str) -> None:
    """From its making to its end, with a render that dies."""
    for change in (
        jobs.made_ready(Size(320, 256)),
        jobs.started(1_763_600_000_100, ENDED),
        jobs.put_back(5, died=True),
        jobs.deferred("camera", 0),
        jobs.started(1_763_600_000_300, ENDED),
        jobs.rendered(),
        jobs.unsaved(7),
        jobs.succeeded(VIDEO, Usage(2), 1_763_600_000_900),
    ):
        assert await store.jobs.change(job_id, change) is not None


async def test_each_move_of_a_job_is_noted_with_its_time_for_good(make: Make) -> None:
    async with opened(make) as store:
        await store.jobs.add(a_row("a"))
        await store.jobs.add(a_row("b"))
        await walk(store, "a")
        late = await store.jobs.change("a", jobs.cancelled(5, is_hidden=False))
    async with opened(make) as store:
        done, new = await store.jobs.find("a"), await store.jobs.find("b")
        assert done is not None
        assert new is not None
        noted, of_new = await store.jobs.moves(done), await store.jobs.moves(new)

    assert late is None
    assert [each.state for each in noted] == [
        State.READY,
        State.RUNNING,
        State.READY,
        State.RUNNING,
        State.SAVING,
        State.SUCCEEDED,
    ]
    begun = [each.at_ms for each in noted if each.state is State.RUNNING]
    assert begun == [1_763_600_000_100, 1_763_600_000_300]
    assert noted[-1].at_ms == 1_763_600_000_900
    # The rest by the store's clock.
    assert all(each.at_ms > 1_763_600_000_900 for each in (noted[0], noted[2], noted[4]))
    assert list(of_new) == []
    assert list(moves_of(new)) == [JobMove(State.QUEUED, new.created_ms)]


async def test_a_job_that_is_sent_back_again_and_again_keeps_a_row_of_its_size(
    tmp_path: Path,
) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open()
    await store.jobs.add(a_row("a", state=State.READY))
    for _ in range(60):
        await store.jobs.change("a", jobs.started(5, ENDED))
        await store.jobs.change("a", jobs.put_back(5))
    job = await store.jobs.change("a", jobs.cancelled(9, is_hidden=False))
    assert job is not None
    noted = await store.jobs.moves(job)
    [(text,)] = await store.handle.opened.ledger.select("SELECT moves FROM jobs")
    await store.close()

    assert len(text) <= MOST_CHARS + 2 * 20
    assert len(noted) < 120
    assert noted[-1] == JobMove(State.CANCELLED, 9)
