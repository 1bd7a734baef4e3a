"""The pool of child programs: what it promises whatever a child does."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
from pathlib import Path

import pytest

from support.child_pools import (
    Words,
    children,
    died_idle,
    is_alive,
    is_running,
    process_id,
    sleeping,
)
from support.waits import PATIENCE_S, until
from unstill.domain.errors import (
    BadImage,
    EngineDied,
    StorageFailed,
    StorageFull,
    UnstillError,
)
from unstill.domain.owner import Owner
from unstill.media.errors import BadVideo, DiedAtWork, TaskFailed
from unstill.media.pool import RECYCLE_AFTER

# --- answers ------------------------------------------------------------------------------------


async def test_a_task_gets_its_arguments_and_gives_its_result() -> None:
    words = Words(text="两步,\n\u2028 éè", number=-7)

    async with children() as pool:
        result = await pool.run("echo", words, Words)

    assert result == words


async def test_progress_is_reported_in_order() -> None:
    heard: list[float] = []

    async with children() as pool:
        await pool.run("count", Words(number=4), int, report=heard.append)

    assert heard == [0.25, 0.5, 0.75, 1.0]


async def test_a_child_is_kept_warm() -> None:
    async with children() as pool:
        ids = {await process_id(pool) for _ in range(5)}

    assert len(ids) == 1


async def test_a_child_is_replaced_after_so_many_tasks() -> None:
    async with children(recycle_after=2) as pool:
        ids = [await process_id(pool) for _ in range(5)]
        await until(lambda: not is_alive(ids[0]))

    assert ids[0] == ids[1] != ids[2] == ids[3] != ids[4]


async def test_a_child_that_is_dear_to_start_stays_for_any_number_of_tasks() -> None:
    async with children(recycle_after=None) as pool:
        ids = {await process_id(pool) for _ in range(RECYCLE_AFTER + 5)}

    assert len(ids) == 1


async def test_each_slot_has_an_environment_of_its_own(tmp_path: Path) -> None:
    async with children(size=3, DEVICE=lambda slot: f"cuda:{slot}") as pool:
        notes = [tmp_path / f"{n}" for n in range(3)]
        asleep = [
            asyncio.create_task(pool.run("note_device", Words(str(note), 60), type(None)))
            for note in notes
        ]
        await until(lambda: all(note.exists() for note in notes))
        for each in asleep:
            each.cancel()
        await asyncio.wait(asleep)

    assert {note.read_text() for note in notes} == {"cuda:0", "cuda:1", "cuda:2"}


@pytest.mark.parametrize("end", ["die", "recycle", "die_idle"])
async def test_a_replaced_child_has_its_slots_environment(end: str) -> None:
    recycle_after = 2 if end == "recycle" else None
    async with children(recycle_after=recycle_after, DEVICE=str) as pool:
        first = await process_id(pool)
        match end:
            case "die":
                with pytest.raises(DiedAtWork):
                    await pool.run("die", Words(number=signal.SIGKILL), int)
            case "recycle":
                await process_id(pool)
            case _:
                os.kill(first, signal.SIGKILL)
                await died_idle(pool)
        device = await pool.run("device", Words(), str)
        second = await process_id(pool)

    assert device == "0"
    assert second != first


@pytest.mark.slow
async def test_a_slots_next_child_starts_when_the_last_one_is_gone(tmp_path: Path) -> None:
    """What it held of a device is free again by then, however long it took to end."""
    lock = Words(text=str(tmp_path / "device"))
    async with children(recycle_after=1, DEVICE=str) as pool:
        held = [await pool.run("hold_device", lock, bool) for _ in range(4)]

    assert held == [True] * 4


async def test_a_pool_that_was_cancelled_in_every_way_has_all_of_its_slots() -> None:
    async with children(size=2, DEVICE=str) as pool:
        for pause_s in (0, 0.01, 0.05, 0.2, 0.5):
            started = [asyncio.create_task(process_id(pool)) for _ in range(3)]
            await asyncio.sleep(pause_s)
            for each in started:
                each.cancel()
            await asyncio.wait(started)
        devices = await asyncio.gather(*(pool.run("device", Words(), str) for _ in range(6)))

    assert set(devices) <= {"0", "1"}
    assert sorted(pool._empty) == [0, 1]


async def test_a_child_that_loads_for_too_long_is_ended_and_says_so() -> None:
    async with children(start_within_s=0.2, MEDIA_CHILDREN_LOAD_S=lambda _: "60") as pool:
        with pytest.raises(EngineDied, match=r"media_children start \(stopped after 0.2 s\)"):
            await process_id(pool)


async def test_a_child_may_load_for_as_long_as_its_pool_lets_it() -> None:
    async with children(start_within_s=PATIENCE_S, MEDIA_CHILDREN_LOAD_S=lambda _: "0.5") as pool:
        assert await process_id(pool) > 0


async def test_what_a_library_prints_never_reaches_the_events() -> None:
    async with children() as pool:
        length = await pool.run("chat", Words(text='{"event":"done","result":99}'), int)

    assert length == 28


async def test_a_library_that_reads_stdin_finds_it_empty() -> None:
    async with children() as pool:
        assert await pool.run("read_stdin", Words(), str) == ""


async def test_a_flood_on_stderr_neither_blocks_nor_is_kept() -> None:
    async with children() as pool:
        await pool.run("chat", Words(text="a", number=8_000_000), int, timeout_s=PATIENCE_S)
        with pytest.raises(EngineDied) as death:
            await pool.run("crash", Words(text="b" * 8_000_000), int, timeout_s=PATIENCE_S)

    assert len(death.value.last_words) <= 2048


# --- refusals -----------------------------------------------------------------------------------


async def test_a_refused_image_is_the_same_error_on_both_sides() -> None:
    async with children() as pool:
        with pytest.raises(BadImage) as refusal:
            await pool.run("refuse_image", Words(text="too small: 1x1"), int)

    assert str(refusal.value) == "img_url: too small: 1x1"
    assert refusal.value.param == "img_url"
    assert refusal.value.allowed == "too small: 1x1"


async def test_a_refused_video_is_the_same_error_on_both_sides() -> None:
    async with children() as pool:
        with pytest.raises(BadVideo, match=r"^cut short$"):
            await pool.run("refuse_video", Words(text="cut short"), int)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EROFS, StorageFailed),
        (errno.EIO, StorageFailed),
        (errno.EMFILE, StorageFailed),
        (errno.ENFILE, StorageFailed),
        (errno.EACCES, StorageFailed),
        (errno.ESTALE, StorageFailed),
        (errno.ENOENT, EngineDied),
        (errno.ENOMEM, EngineDied),  # a bomb at the limit on addresses
    ],
)
async def test_a_storage_that_fails_a_child_fails_the_server_and_names_no_path(
    number: int, expected: type[UnstillError]
) -> None:
    async with children() as pool:
        with pytest.raises(UnstillError) as error:
            await pool.run("fail_disk", Words(number=number), type(None))

    assert type(error.value) is expected or expected is EngineDied
    assert isinstance(error.value, expected)
    assert "somewhere" not in error.value.message


async def test_a_server_without_free_files_starts_no_child_and_does_so_later() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    async with children() as pool:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            with pytest.raises(StorageFailed):
                await process_id(pool)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

        assert await process_id(pool) > 0


async def test_owners_take_turns_at_a_child() -> None:
    done = list[str]()

    async def one(owner: str) -> None:
        await pool.run("echo", Words(), Words, owner=Owner(owner))
        done.append(owner)

    async with children() as pool:
        await process_id(pool)
        await asyncio.gather(*(one(owner) for owner in ["ann"] * 10 + ["bob", "cid"]))

    assert done[:4] == ["ann", "bob", "cid", "ann"] or done[:4] == ["ann", "ann", "bob", "cid"]


async def test_a_child_that_says_nothing_for_too_long_is_ended_and_replaced() -> None:
    async with children() as pool:
        with pytest.raises(DiedAtWork, match=r"said nothing for 0\.2 s"):
            await pool.run("rest", Words(number=60), type(None), silence_s=0.2)

        assert await process_id(pool) > 0


@pytest.mark.slow
async def test_a_child_that_goes_on_talking_may_take_as_long_as_it_likes() -> None:
    async with children() as pool:
        await process_id(pool)  # it is warm: its start does not count

        assert await pool.run("tick", Words(number=60), int, silence_s=2.0) == 60


async def test_a_pool_whose_children_were_all_stopped_heals() -> None:
    async with children(size=2) as pool:
        for _ in range(2):
            async with sleeping(pool) as (asleep, pid):
                os.kill(pid, signal.SIGSTOP)
                asleep.cancel()
                await asyncio.wait([asleep])
        warm = await process_id(pool)
        os.kill(warm, signal.SIGSTOP)
        with pytest.raises(DiedAtWork):
            await pool.run("echo", Words(), Words, silence_s=0.2)

        assert await process_id(pool) != warm
        assert not is_running(warm)


async def test_any_other_refusal_keeps_its_word_and_its_message() -> None:
    async with children() as pool:
        with pytest.raises(TaskFailed, match=r"^no room$") as refusal:
            await pool.run("refuse", Words(text="no room"), int)

    assert refusal.value.child_code == "overloaded"


async def test_a_child_that_refused_takes_the_next_task() -> None:
    async with children() as pool:
        before = await process_id(pool)
        with pytest.raises(TaskFailed):
            await pool.run("refuse", Words(), int)

        assert await process_id(pool) == before
