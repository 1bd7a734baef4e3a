"""A store that is put back gets what its folder knows: what was sent since is not sent again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from support.scripted_house import opened
from support.scripted_media import VIDEO
from support.scripted_upstream import ACCOUNT, ScriptedRemote, hang
from support.upstream_steps import Desk
from support.waits import until
from unstill.domain.attempts import Attempt
from unstill.domain.job import Job, State, lost, made_ready
from unstill.domain.request import Size
from unstill.store.call_journal import FILE
from unstill.store.embedded.folder_match import FILE as DATABASE
from unstill.store.embedded.held_jobs import held_in, release_in
from unstill.store.embedded.recovery import Recovered, recover
from unstill.upstreams.port import Accepted, Busy, Doubt, Refused, Rejected, Submission

SIZE = Size(1280, 720)
Part = Callable[[Desk], Awaitable[None]]


class Kept(NamedTuple):
    """A job and its ledger."""

    job: Job
    attempts: Sequence[Attempt]


async def put_back(folder: Path, before: Part, since: Part) -> Kept:
    """A store after `before` in the place of the one after `since`, which knew what is returned."""
    await lived(folder, before)
    copy = folder.with_name("copy")
    shutil.copy2(folder / DATABASE, copy)
    kept = await lived(folder, since)
    for end in ("", "-wal", "-shm"):
        (folder / f"{DATABASE}{end}").unlink(missing_ok=True)
    shutil.copy2(copy, folder / DATABASE)
    return kept


async def lived(folder: Path, part: Part) -> Kept:
    desk = Desk(folder)
    desk.first.is_free_to_repeat = True
    await desk.store.open()
    await part(desk)
    kept = await kept_by(desk)
    await desk.submitter.stop(0)
    await desk.store.close()
    return kept


async def kept_by(desk: Desk) -> Kept:
    return Kept(await desk.job(), await desk.store.attempts.of("job"))


async def recovered(folder: Path) -> Recovered:
    return await recover(folder, local_engines={"camera"})


async def started(folder: Path) -> Kept:
    """The job as a start leaves it."""
    async with opened(folder, serves=False) as house:
        await house.runner.startup()
        return Kept(await house.job("job"), await house.store.attempts.of("job"))


async def is_ready(desk: Desk) -> None:
    await desk.add("job")


async def is_queued(desk: Desk) -> None:
    await desk.add("job", state=State.QUEUED, size=None)


def answered(*submissions: Submission) -> Part:
    """The job's steps, until an engine has answered so often."""

    async def part(desk: Desk) -> None:
        for each in submissions:
            desk.first.submission = desk.second.submission = each
            job = await desk.job()
            desk.now_ms = max(desk.now_ms, job.due_ms)
            await desk.step()

    return part


async def sent(desk: Desk) -> Job:
    """The job, once an engine has it; it is asked as often as that takes."""
    job = await desk.job()
    for _ in range(3):
        if job.state is not State.RUNNING:
            desk.now_ms = max(desk.now_ms, job.due_ms)
            job = await desk.step()
    return job


SINCE: dict[str, tuple[Sequence[Submission], State]] = {
    "taken": ([Accepted("task-1")], State.RUNNING),
    "taken by the second": ([Busy("429", "later"), Accepted("task-2")], State.RUNNING),
    "refused, then taken": ([Refused("401", "no"), Accepted("task-3")], State.RUNNING),
    "in doubt": ([Busy("429", "later"), Doubt("submit_unknown", "no reply")], State.FAILED),
    "rejected": ([Rejected("bad", "no")], State.FAILED),
    "busy alone": ([Busy("429", "later")], State.READY),
    "refused by all": ([Refused("401", "no"), Refused("403", "no")], State.READY),
}


@pytest.mark.parametrize("since", SINCE)
async def test_calls_since_the_copy_are_in_the_ledger_again_and_judged_as_they_were(
    tmp_path: Path, since: str
) -> None:
    submissions, state = SINCE[since]
    lost_store = await put_back(tmp_path / "data", is_ready, answered(*submissions))
    done = await recovered(tmp_path / "data")
    found = await started(tmp_path / "data")

    assert (done.sent, done.held) == (1, 0)
    assert found.attempts == lost_store.attempts
    assert found.job.state is state
    assert found.job.ticket == lost_store.job.ticket
    assert held_in(tmp_path / "data") == (["job"] if state is State.READY else [])
    if state is State.RUNNING:
        assert msgspec.structs.replace(found.job, due_ms=0) == msgspec.structs.replace(
            lost_store.job, due_ms=0
        )


async def test_what_nobody_has_sent_is_held_and_not_touched(tmp_path: Path) -> None:
    async def other(desk: Desk) -> None:
        await desk.add("another")
        await desk.step("another")

    await put_back(tmp_path / "data", is_ready, other)
    done = await recovered(tmp_path / "data")
    found = await started(tmp_path / "data")

    assert (done.jobs, done.sent, done.held) == (1, 0, 1)
    assert (found.job.state, found.attempts) == (State.READY, [])


async def test_a_job_whose_pictures_were_still_to_come_is_watched_with_its_size(
    tmp_path: Path,
) -> None:
    async def since(desk: Desk) -> None:
        await desk.store.jobs.change("job", made_ready(SIZE))
        await desk.step()

    await put_back(tmp_path / "data", is_queued, since)
    await recovered(tmp_path / "data")
    found = await started(tmp_path / "data")

    assert (found.job.state, found.job.ticket) == (State.RUNNING, "task-job-1")
    assert found.job.size == SIZE


async def test_a_call_that_had_begun_is_in_doubt_and_not_made_again(tmp_path: Path) -> None:
    async def since(desk: Desk) -> None:
        desk.first.submissions.append(hang)
        stepping = asyncio.create_task(desk.submitter.submit(await desk.job()))
        await until(lambda: desk.first.under_way == 1)
        stepping.cancel()

    await put_back(tmp_path / "data", is_ready, since)
    done = await recovered(tmp_path / "data")
    found = await started(tmp_path / "data")

    assert (done.sent, done.held) == (1, 0)
    assert found.job.failure is not None
    assert (found.job.state, found.job.failure.code) == (State.FAILED, "submit_unknown")


async def test_what_was_lost_where_it_is_free_and_paid_for_elsewhere_is_watched_there(
    tmp_path: Path,
) -> None:
    async def since(desk: Desk) -> None:
        await desk.store.jobs.change("job", lost(desk.now_ms))
        desk.second.submissions.append(Accepted("paid"))
        await sent(desk)

    lost_store = await put_back(tmp_path / "data", answered_from_the_first, since)
    await recovered(tmp_path / "data")
    found = await started(tmp_path / "data")

    assert [attempt.ticket for attempt in found.attempts] == ["task-job-1", "paid"]
    assert found.attempts == lost_store.attempts
    assert (found.job.engine, found.job.ticket) == ("gpu1", "paid")


@pytest.mark.parametrize("has_notes", [True, False])
async def test_a_video_that_is_in_the_folder_is_the_jobs_whatever_is_noted(
    tmp_path: Path, *, has_notes: bool
) -> None:
    folder = tmp_path / "data"
    await put_back(folder, is_ready, answered(Accepted("task-1")))
    if not has_notes:
        (folder / FILE).unlink()
    home = folder / "jobs" / "ob" / "job"
    home.mkdir(parents=True)
    (home / "video-1.mp4").write_bytes(VIDEO)
    done = await recovered(folder)
    async with opened(folder) as house:
        job = await house.until("job")
        attempts = await house.store.attempts.of("job")

    assert (done.sent, done.held) == (1, 0)
    assert (job.state, job.attempt) == (State.SUCCEEDED, 1)
    assert job.video is not None
    assert job.video.file_name == "video-1.mp4"
    assert [each.ticket for each in attempts] == (["task-1"] if has_notes else [])


async def test_the_half_of_a_video_is_none_and_one_of_this_machine_is_made_again(
    tmp_path: Path,
) -> None:
    async def before(desk: Desk) -> None:
        await desk.add("job")
        await desk.add("cam", engine="camera")

    folder = tmp_path / "data"
    await put_back(folder, before, answered())
    for job_id, name in {"job": "video-1.part", "cam": "video-1.mp4"}.items():
        home = folder / "jobs" / job_id[-2:] / job_id
        home.mkdir(parents=True)
        (home / name).write_bytes(VIDEO)
    done = await recovered(folder)
    async with opened(folder) as house:
        drawn = await house.until("cam")

    assert (done.sent, done.held) == (0, 1)
    assert (drawn.state, drawn.attempt) == (State.SUCCEEDED, 1)


async def test_to_recover_twice_changes_nothing_more(tmp_path: Path) -> None:
    lost_store = await put_back(tmp_path / "data", is_ready, answered(Accepted("task-1")))
    await recovered(tmp_path / "data")
    again = await recovered(tmp_path / "data")
    found = await started(tmp_path / "data")
    after = await recovered(tmp_path / "data")

    assert (again.sent, after.sent) == (0, 0)
    assert found.attempts == lost_store.attempts


async def test_a_release_names_the_ticket_of_what_was_sent_and_sends_nothing(
    tmp_path: Path,
) -> None:
    await put_back(tmp_path / "data", is_ready, answered(Accepted("task-1")))
    await recovered(tmp_path / "data")
    before = release_in(tmp_path / "data", ["job", "none"], now_ms=0, within_ms=0)
    await started(tmp_path / "data")
    after = release_in(tmp_path / "data", ["job"], now_ms=0, within_ms=0)

    assert before.sent == after.sent == {"job": "bailian, as task-1"}
    assert (before.job_ids, after.job_ids) == ([], [])


async def test_what_its_copy_has_at_a_free_engine_is_held_if_it_is_lost_there(
    tmp_path: Path,
) -> None:
    # Since the copy it may have been lost already, and paid for at the second.
    folder = tmp_path / "data"
    await lived(folder, answered_from_the_first)
    done = await recovered(folder)
    desk = Desk(folder)
    desk.first = ScriptedRemote("bailian", ACCOUNT, is_free_to_repeat=True)
    desk.submitter = desk.opened({"bailian": desk.first, "gpu1": desk.second})
    await desk.store.open()
    waiting_before = desk.store.held_jobs.waiting
    await desk.store.jobs.change("job", lost(desk.now_ms))
    held = await desk.step()
    waiting = desk.store.held_jobs.waiting
    listed = held_in(folder)
    release_in(folder, ["job"], now_ms=desk.now_ms, within_ms=60_000)
    await until(lambda: "job" not in desk.store.held_jobs)
    after = await sent(desk)
    calls = desk.first.submitted + desk.second.submitted
    await desk.submitter.stop(1)
    await desk.store.close()

    assert (done.held, waiting_before, waiting) == (0, 0, 1)
    assert listed == ["job"]
    assert (held.state, after.state) == (State.READY, State.RUNNING)
    assert calls == ["job"]  # once, after the release


async def answered_from_the_first(desk: Desk) -> None:
    await desk.add("job")
    await desk.step()


async def test_what_is_saved_or_lost_by_a_store_that_was_not_put_back_is_not_held(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    await lived(folder, answered_from_the_first)
    desk = Desk(folder)
    desk.first.is_free_to_repeat = True
    await desk.store.open()
    await desk.store.jobs.change("job", lost(desk.now_ms))
    after = await sent(desk)
    held = desk.store.held_jobs.waiting
    await desk.submitter.stop(1)
    await desk.store.close()

    assert (after.state, held) == (State.RUNNING, 0)
