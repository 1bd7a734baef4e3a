"""The pool of child programs: notes of children at work, and the end of those without work."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import msgspec
import pytest
from structlog.testing import capture_logs

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
from unstill.domain.errors import EngineDied
from unstill.media.events import MOST_NOTE_CHARS, MOST_NOTE_FIELDS, ChildNote

# --- notes --------------------------------------------------------------------------------------


async def test_a_note_is_a_line_of_the_log_and_is_handed_over() -> None:
    heard = list[tuple[int, ChildNote]]()
    async with children(noted=lambda slot, note: heard.append((slot, note))) as pool:
        with capture_logs() as logs:
            await pool.run("note_well", Words("resident", 7), type(None))

    fields: dict[str, str | float] = {
        "memory": "resident",
        "tensors": 7,
        "took_s": 0.5,
        "is_cold": True,
    }
    own = {"log_level": "info", "program": "media_children", "slot": 0}
    assert logs == [{"event": "weights_loaded"} | own | fields]
    assert heard == [(0, ChildNote("weights_loaded", fields))]


async def test_a_note_that_nobody_wants_is_logged_all_the_same() -> None:
    async with children() as pool:
        with capture_logs() as logs:
            await pool.run("note_well", Words(), type(None))

    assert [log["event"] for log in logs] == ["weights_loaded"]


@pytest.mark.slow
async def test_notes_count_as_words() -> None:
    async with children() as pool:
        await process_id(pool)  # it is warm: its start does not count

        assert await pool.run("mumble", Words(number=60), int, silence_s=2.0) == 60


@pytest.mark.parametrize("chars", [MOST_NOTE_CHARS, MOST_NOTE_CHARS + 1])
async def test_a_long_text_of_a_note_is_cut(chars: int) -> None:
    async with children() as pool:
        with capture_logs() as logs:
            await pool.run("note_well", Words("界" * chars), type(None))

    assert logs[0]["memory"] == "界" * MOST_NOTE_CHARS


async def test_a_child_that_was_stopped_may_still_note_something() -> None:
    async with (
        children(stop_within_s=PATIENCE_S) as pool,
        sleeping(pool, "note_when_stopped") as (at_work, pid),
    ):
        with capture_logs() as logs:
            at_work.cancel()
            await asyncio.wait([at_work])

        assert (logs[0]["event"], logs[0]["hooks"]) == ("hooks_taken_off", 2)
        assert await process_id(pool) == pid


async def test_who_raises_at_a_note_ends_the_child_and_is_not_silenced() -> None:
    def fail(slot: int, note: ChildNote) -> None:
        raise ZeroDivisionError(slot, note)

    async with children(noted=fail) as pool:
        before = await process_id(pool)
        with pytest.raises(ZeroDivisionError):
            await pool.run("note_well", Words(), type(None))

        assert await process_id(pool) != before


@pytest.mark.parametrize("name", ["Weights loaded", "slot", "_x", "x" * 65, "界"])
async def test_a_note_by_a_name_that_the_log_cannot_have_is_the_programs_fault(name: str) -> None:
    async with children() as pool:
        with pytest.raises(EngineDied) as death:
            await pool.run("note_badly", Words(name), type(None))

    assert "ValueError: a note has no name such as" in death.value.last_words


def a_note(name: object = "ok", **fields: object) -> str:
    return msgspec.json.encode({"event": "note", "name": name, "fields": fields}).decode()


FULL = {f"field_{number}": number for number in range(MOST_NOTE_FIELDS)}


@pytest.mark.parametrize(
    "line",
    [
        a_note("Not a name"),
        a_note(3),
        a_note(program="x"),
        a_note(engine="x"),
        a_note(job_id="x"),
        a_note(owner="x"),
        a_note(event="x"),
        a_note(self="x"),
        a_note(Upper="x"),
        a_note(deep={"a": 1}),
        a_note(many=[1]),
        a_note(nothing=None),
        a_note(text="x" * (MOST_NOTE_CHARS + 1)),
        a_note(**FULL, one_more=1),
        '{"event":"note"}',
        '{"event":"rumour","name":"ok"}',
        '{"event":"note","name":"\xff"}',
        '{"event":"done","result":"\xff"}',
        '{"event":"done","result":' + "[" * 5000 + "}",
    ],
    ids=lambda line: line[:60],
)
async def test_a_note_of_a_foreign_shape_is_nonsense_and_ends_the_child(line: str) -> None:
    async with children() as pool:
        before = await process_id(pool)
        with capture_logs() as logs, pytest.raises(EngineDied, match="spoke nonsense"):
            await pool.run("say", Words(line), type(None))

        assert logs == []
        assert not is_alive(before)


@pytest.mark.parametrize(
    "line",
    [
        a_note("x" * 64),
        a_note(text="x" * MOST_NOTE_CHARS),
        a_note(**FULL),
        '{"event":"note","name":"bare"}',
    ],
    ids=lambda line: line[:60],
)
async def test_a_note_at_the_limits_is_taken(line: str) -> None:
    async with children() as pool:
        with capture_logs() as logs:
            await pool.run("say", Words(line), type(None))

    assert len(logs) == 1


# --- without work -------------------------------------------------------------------------------


async def test_a_child_without_a_task_for_so_long_is_ended_and_the_next_task_starts_one() -> None:
    async with children(idle_end_s=0.1, DEVICE=str) as pool:
        before = await process_id(pool)
        await until(lambda: not is_running(before))

        assert await process_id(pool) != before
        assert await pool.run("device", Words(), str) == "0"
    assert pool._empty == [0]


async def test_a_child_that_is_not_to_be_ended_idle_stays() -> None:
    async with children() as pool:
        before = await process_id(pool)
        await asyncio.sleep(0.3)

        assert await process_id(pool) == before


async def test_the_time_at_work_is_not_idle() -> None:
    async with children(idle_end_s=0.5) as pool:
        before = await process_id(pool)

        assert await pool.run("nap", Words(number=1000), int) == before


async def test_a_child_that_was_stopped_is_idle_from_then_on() -> None:
    async with (
        children(stop_within_s=PATIENCE_S, idle_end_s=0.1) as pool,
        sleeping(pool, "tick_for_ever") as (at_work, pid),
    ):
        at_work.cancel()
        await asyncio.wait([at_work])

        await until(lambda: not is_running(pid))
        assert await process_id(pool) != pid


@pytest.mark.parametrize("turns", [0, 1, 2, 3])  # of the loop, once the time is over
async def test_a_task_that_comes_as_a_childs_time_runs_out_is_done(turns: int) -> None:
    async with children(idle_end_s=0.05, DEVICE=str) as pool:
        before = await process_id(pool)
        time.sleep(0.1)  # noqa: ASYNC251  - the loop is to be late
        for _ in range(turns):
            await asyncio.sleep(0)
        was_idle = bool(pool._idle)
        after = await pool.run("nap", Words(number=200), int)

        assert (after == before) is was_idle
        assert was_idle or turns
        assert not was_idle or turns < 3
    assert pool._empty == [0]


async def test_of_several_idle_children_the_one_that_had_work_last_gets_the_next() -> None:
    async with children(size=2, idle_end_s=1.0) as pool:
        naps = [asyncio.create_task(pool.run("nap", Words(number=100), int)) for _ in range(2)]
        ids = {await nap for nap in naps}
        kept = await process_id(pool)
        for _ in range(15):
            assert await process_id(pool) == kept
            await asyncio.sleep(0.1)
        [ended] = ids - {kept}

        assert not is_running(ended)
    assert sorted(pool._empty) == [0, 1]


async def test_an_idle_child_that_died_before_its_time_leaves_one_empty_slot() -> None:
    async with children(idle_end_s=0.3) as pool:
        before = await process_id(pool)
        os.kill(before, signal.SIGKILL)
        await died_idle(pool)
        await until(lambda: not pool._idle)
        await until(lambda: pool._empty == [0])

        assert await process_id(pool) != before
    assert pool._empty == [0]


async def test_closing_a_pool_leaves_no_timer() -> None:
    async with children(idle_end_s=PATIENCE_S) as pool:
        await process_id(pool)
        [timer] = pool._idle.values()
        await pool.close()

        assert timer is not None
        assert timer.cancelled()
        assert not pool._idle
