"""A backup: another data folder that a server starts from, whole or not there at all."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.jobs import OWNER, a_job
from support.requests import a_request
from support.scripted_fetches import PNG
from support.scripted_house import House, opened
from support.scripted_media import VIDEO
from support.small_disks import small_disk
from support.upstream_steps import Desk
from unstill.cli.backup_folder import BackedUp, back_up
from unstill.domain.errors import OperatorError, StoreRefused
from unstill.domain.job import State
from unstill.store.embedded.backup import copy_calls, copy_store, make_own
from unstill.store.embedded.beside import jobs_in
from unstill.store.embedded.folder_match import FILE, find_store
from unstill.store.embedded.generation import noted_in
from unstill.store.embedded.held_jobs import held_in
from unstill.store.embedded.link_secrets import load_secrets
from unstill.system.job_folders import begin
from unstill.upstreams.port import Accepted, Busy


def backed_up(data_dir: Path, target: Path) -> BackedUp:
    return back_up(data_dir, target, local_engines={"camera"})


async def finished(house: House) -> str:
    job_id = await house.submit(PNG)
    assert (await house.until(job_id)).state is State.SUCCEEDED
    return job_id


def beside(target: Path) -> list[str]:
    return sorted(entry.name for entry in target.parent.iterdir())


@pytest.mark.parametrize("is_running", [True, False])
async def test_a_backup_has_the_jobs_their_files_the_uploads_and_the_secrets(
    tmp_path: Path, *, is_running: bool
) -> None:
    data_dir, target = tmp_path / "data", tmp_path / "backup"
    async with opened(data_dir) as house:
        secrets = load_secrets(data_dir)
        done = await finished(house)
        await house.uploads.keep(OWNER, "key", PNG)
        if is_running:
            made = backed_up(data_dir, target)
    if not is_running:
        made = backed_up(data_dir, target)
    shutil.rmtree(data_dir)
    async with opened(target) as house:
        job = await house.job(done)
        video = await house.downloads.file(job, "video", str)
        upload = await house.uploads.read(OWNER, "key", house.clock_ms() / 1000)
        new = await finished(house)

        assert house.folder(done).joinpath("first-frame").read_bytes() == PNG
        assert house.folder(done).joinpath(video.name).read_bytes() == VIDEO
        assert upload == PNG
        assert load_secrets(target) == secrets
        assert (await house.job(new)).state is State.SUCCEEDED
        assert made.store.jobs == 1
        assert made.size_bytes >= len(PNG) + len(VIDEO)
        assert made.without_video == ()


async def test_a_backup_shares_nothing_with_what_it_is_of(tmp_path: Path) -> None:
    data_dir, target = tmp_path / "data", tmp_path / "backup"
    async with opened(data_dir) as house:
        done = await finished(house)
        backed_up(data_dir, target)
        before = noted_in(data_dir)
        copy = target / house.folder(done).relative_to(data_dir) / "first-frame"
        own = house.folder(done) / "first-frame"

        assert copy.stat().st_ino != own.stat().st_ino
        assert own.stat().st_nlink == 1
        assert copy.stat().st_mtime_ns == own.stat().st_mtime_ns
        assert copy.stat().st_mode & 0o777 == 0o600
        assert (target / FILE).stat().st_mode & 0o777 == 0o600
        assert target.stat().st_mode & 0o777 == 0o700
        assert before is not None
        noted = noted_in(target)
        assert noted is not None
        assert noted.store != before.store  # a start of the one never takes the other's


async def test_what_may_cost_waits_in_a_backup_and_the_rest_goes_on(tmp_path: Path) -> None:
    data_dir, target = tmp_path / "data", tmp_path / "backup"
    async with opened(data_dir, serves=False) as house:
        for engine, state in (
            ("bailian", State.QUEUED),
            ("bailian", State.READY),
            ("camera", State.READY),
            ("bailian", State.SUCCEEDED),
        ):
            await house.store.jobs.add(a_job(id=f"{engine}-{state}", engine=engine, state=state))
        made = backed_up(data_dir, target)

    assert made.store.held == 2
    assert held_in(target) == ["bailian-queued", "bailian-ready"]
    assert held_in(data_dir) == []  # the folder itself goes on as it was


async def sent_since(tmp_path: Path, *answers: Accepted | Busy) -> Sequence[object]:
    """A copy from before a submit, with the calls from after it: its job, and what is held."""
    target = tmp_path / "backup"
    target.mkdir()
    desk = Desk(tmp_path / "data")
    await desk.store.open()
    await desk.add("job")
    copy_store(tmp_path / "data", target)
    for each in answers:
        desk.first.submission = desk.second.submission = each
        await desk.step()
    copy_calls(tmp_path / "data", target)
    made = make_own(target, local_engines={"camera"}, deleted=())
    await desk.submitter.stop(0)
    await desk.store.close()
    async with opened(target, serves=False) as house:
        await house.runner.startup()
        job = await house.job("job")
        return job.state, job.ticket, made.sent, "job" in house.store.held_jobs


async def test_a_call_that_was_made_while_the_backup_was_goes_on_under_its_ticket(
    tmp_path: Path,
) -> None:
    state, ticket, sent, _ = await sent_since(tmp_path, Accepted("task-1"))

    assert (state, ticket, sent) == (State.RUNNING, "task-1", 1)


async def test_a_job_that_was_turned_away_meanwhile_waits_to_be_released(tmp_path: Path) -> None:
    state, ticket, _, is_held = await sent_since(tmp_path, Busy("429", "later"))

    assert (state, ticket, is_held) == (State.READY, None, True)


async def test_a_job_that_was_deleted_while_its_files_were_copied_is_deleted_in_the_backup(
    tmp_path: Path,
) -> None:
    target = tmp_path / "backup"
    target.mkdir()
    async with opened(tmp_path / "data") as house:
        done = await finished(house)
        copy_store(tmp_path / "data", target)
        made = make_own(target, local_engines={"camera"}, deleted=[done])

    assert made.jobs == 1
    async with opened(target) as house:
        assert (await house.job(done)).is_hidden


async def test_a_video_that_is_not_there_is_told_and_holds_up_no_backup(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as house:
        kept, lost = await finished(house), await finished(house)
        for video in house.folder(lost).glob("*.mp4"):
            video.unlink()
        made = backed_up(tmp_path / "data", tmp_path / "backup")

    assert made.without_video == (lost,)
    assert {job.id for job in jobs_in(tmp_path / "backup")} == {kept, lost}


async def test_a_backup_has_half_a_video_only_where_it_is_being_saved(tmp_path: Path) -> None:
    data_dir, target = tmp_path / "data", tmp_path / "backup"
    async with opened(data_dir, serves=False) as house:
        for job_id, state in (("saving", State.SAVING), ("running", State.RUNNING)):
            await house.store.jobs.add(a_job(id=job_id, state=state, attempt=1))
            await house.files.keep(job_id, "video-1.part", VIDEO)
            begin(house.folder(job_id), house.store.store_id)
        backed_up(data_dir, target)

    assert [path.parent.name for path in target.glob("jobs/*/*/*")] == ["saving"]


async def test_a_folder_without_a_row_and_the_files_of_deleted_jobs_are_left_out(
    tmp_path: Path,
) -> None:
    data_dir, target = tmp_path / "data", tmp_path / "backup"
    async with opened(data_dir, serves=False) as house:
        await house.store.jobs.add(a_job(id="deleted", state=State.FAILED, is_hidden=True))
        for job_id in ("deleted", "of-nobody"):
            await house.files.keep(job_id, "first-frame", PNG)
        backed_up(data_dir, target)

    found = find_store(target)
    assert found is not None
    assert (found.jobs, found.unknown) == (1, 0)
    assert list(target.glob("jobs/*/*")) == []


async def test_a_place_that_is_taken_or_within_the_folder_is_refused_and_left_alone(
    tmp_path: Path,
) -> None:
    data_dir, taken = tmp_path / "data", tmp_path / "taken"
    taken.mkdir()
    (taken / "mine").write_text("here")
    async with opened(data_dir) as house:
        await finished(house)
    linked = tmp_path / "linked"
    linked.symlink_to(data_dir)
    refused = {
        linked / "backup": "is in the data folder",
        taken: "is not empty",
        taken / "mine": "is not empty",
        data_dir: "is in the data folder",
        data_dir / "backup": "is in the data folder",
        tmp_path / "no" / "such": "make it first",
    }
    for target, why in refused.items():
        with pytest.raises(OperatorError, match=why):
            backed_up(data_dir, target)

    assert beside(taken) == ["data", "linked", "taken"]
    assert [entry.name for entry in taken.iterdir()] == ["mine"]


async def test_an_empty_folder_is_taken_and_the_leavings_of_a_killed_backup_are_not(
    tmp_path: Path,
) -> None:
    target, left = tmp_path / "backup", tmp_path / ".backup.unfinished"
    target.mkdir()
    (left / "jobs").mkdir(parents=True)
    (left / "unstill.sqlite3").write_bytes(b"half")
    async with opened(tmp_path / "data") as house:
        done = await finished(house)
        backed_up(tmp_path / "data", target)

    assert [job.id for job in jobs_in(target)] == [done]
    assert beside(target) == ["backup", "data"]


async def test_what_no_start_would_take_is_not_backed_up(tmp_path: Path) -> None:
    data_dir, target = tmp_path / "data", tmp_path / "backup"
    with pytest.raises(OperatorError, match="nothing to back up"):
        backed_up(data_dir, target)
    async with opened(data_dir) as house:
        await finished(house)
    shutil.copy2(data_dir / FILE, tmp_path / "older")
    async with opened(data_dir) as house:
        await finished(house)
    for end in ("", "-wal", "-shm"):
        (data_dir / f"{FILE}{end}").unlink(missing_ok=True)
    shutil.copy2(tmp_path / "older", data_dir / FILE)
    with pytest.raises(StoreRefused):
        backed_up(data_dir, target)

    assert beside(target) == ["data", "older"]


@pytest.mark.parametrize("takes", ["the files", "the store"])
async def test_a_disk_that_is_too_small_has_no_backup_and_nothing_of_one(
    tmp_path: Path, takes: str
) -> None:
    data_dir = tmp_path / "data"
    async with opened(data_dir) as house:
        done = await finished(house)
        if takes == "the files":
            house.files.path(done, "video-1.mp4").write_bytes(bytes(3 * 2**20))
        else:
            await house.store.jobs.add(a_job(request=a_request(prompt="a" * 3 * 2**20)))
        with small_disk(tmp_path / "disk", size_mb=2) as disk:
            with pytest.raises(OperatorError, match=r"is not made: (its disk is full|No space)"):
                backed_up(data_dir, disk / "backup")
            left = list(disk.iterdir())

    assert left == []
