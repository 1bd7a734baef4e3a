"""The pool of child programs: what it promises whatever a child does."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import uvloop

from support.time_limits import quickest_s
from unstill.domain.errors import (
    BadImage,
    EngineDied,
    ShuttingDown,
    StorageFailed,
    StorageFull,
    UnstillError,
)
from unstill.domain.owner import Owner
from unstill.media.errors import BadVideo, DiedAtWork, TaskFailed
from unstill.media.pool import RECYCLE_AFTER, START_WITHIN_S, Pool

HERE = Path(__file__).parent
PATIENCE_S = 30.0  # for what must happen at once on a machine that is busy


class Words(msgspec.Struct, frozen=True):
    text: str = ""
    number: int = 0


@asynccontextmanager
async def children(
    *,
    size: int = 1,
    recycle_after: int | None = RECYCLE_AFTER,
    start_within_s: float = START_WITHIN_S,
    **variables: Callable[[int], str],
) -> AsyncIterator[Pool]:
    """`variables`: of the child in each slot."""

    def environment(slot: int) -> dict[str, str]:
        return {"PYTHONPATH": str(HERE)} | {name: of(slot) for name, of in variables.items()}

    pool = Pool(
        "media_children",
        size=size,
        recycle_after=recycle_after,
        start_within_s=start_within_s,
        environment=environment,
    )
    try:
        yield pool
    finally:
        await pool.close()


async def process_id(pool: Pool) -> int:
    return await pool.run("process_id", Words(), int)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that is dead but not waited for counts as alive."""
    return Path(f"/proc/{pid}").exists()


def is_running(pid: int) -> bool:
    """Whether the process of somebody else runs; its parent may be slow to wait for it."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110  - a process's end sets no event of ours
            await asyncio.sleep(0.01)


@asynccontextmanager
async def sleeping(
    pool: Pool, task: str = "note_and_sleep"
) -> AsyncIterator[tuple[asyncio.Task[None], int]]:
    """A task that would sleep for a minute, and the id of its child's process."""
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "pid"
        sleep = Words(text=str(note), number=60)
        asleep = asyncio.create_task(pool.run(task, sleep, type(None)))
        await until(note.exists)
        yield asleep, int(note.read_text())
        asleep.cancel()
        await asyncio.wait([asleep])


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
                await until(lambda: not is_alive(first))
        device = await pool.run("device", Words(), str)
        second = await process_id(pool)

    assert device == "0"
    assert second != first


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


async def test_lines_of_many_megabytes_pass_both_ways() -> None:
    long = Words(text="帧" * 3_000_000)

    async with children() as pool:
        echoed = await pool.run("echo", long, Words)
        swollen = await pool.run("swell", Words(number=8_000_000), str)

    assert echoed == long
    assert len(swollen) == 8_000_000


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


# --- deaths -------------------------------------------------------------------------------------


async def test_a_crash_is_told_with_its_last_words_and_the_child_is_replaced() -> None:
    async with children() as pool:
        before = await process_id(pool)
        with pytest.raises(EngineDied, match=r"media_children crash \(exit status 70\)") as death:
            await pool.run("crash", Words(text="by nothing"), int)

        assert "ZeroDivisionError: by nothing" in death.value.last_words
        assert await process_id(pool) != before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_killed_child_is_told_with_the_signal(number: signal.Signals) -> None:
    async with children() as pool:
        with pytest.raises(EngineDied, match=f"killed by signal {number}"):
            await pool.run("die", Words(number=number), int)

        assert await pool.run("echo", Words(number=1), Words) == Words(number=1)


async def test_a_crash_inside_a_decoder_says_where() -> None:
    async with children() as pool:
        with pytest.raises(EngineDied) as death:
            await pool.run("die", Words(number=signal.SIGSEGV), int)

    assert "Segmentation fault" in death.value.last_words
    assert "in die" in death.value.last_words


async def test_a_child_that_died_idle_costs_no_task() -> None:
    async with children() as pool:
        before = await process_id(pool)
        os.kill(before, signal.SIGKILL)
        await until(lambda: not is_alive(before))
        await asyncio.sleep(0.05)  # for the loop to hear of it

        assert await process_id(pool) != before


async def test_a_child_killed_in_the_moment_it_is_asked_is_a_death_or_a_replacement() -> None:
    async with children() as pool:
        for wait_ms in (0, 0.5, 1, 1.5, 2, 2.5, 3, 4):
            os.kill(await process_id(pool), signal.SIGKILL)
            await asyncio.sleep(wait_ms / 1000)
            try:
                assert await process_id(pool) > 0
            except EngineDied as death:
                assert "killed by signal 9" in str(death)  # noqa: PT017  - either end is right


async def test_last_words_are_those_of_the_task_that_died() -> None:
    async with children() as pool:
        await pool.run("chat", Words(text="an earlier warning"), int)
        with pytest.raises(EngineDied) as death:
            await pool.run("die", Words(number=signal.SIGKILL), int)

    assert death.value.last_words == ""


@pytest.mark.parametrize("tenths_of_ms", [1, 2, 4, 8, 16])
async def test_a_last_word_said_while_dying_counts_and_nothing_hangs(tenths_of_ms: int) -> None:
    async with children() as pool:
        await pool.run("echo", Words(), Words)
        try:
            answer: object = await pool.run(
                "finish_and_die", Words(number=tenths_of_ms), int, timeout_s=PATIENCE_S
            )
        except EngineDied as death:
            answer = str(death)

    assert answer == 1 or "killed by signal 14" in str(answer)


async def test_what_a_dead_child_left_behind_is_killed_and_holds_nothing_up(
    tmp_path: Path,
) -> None:
    note = tmp_path / "left"

    async with children() as pool:
        with pytest.raises(EngineDied, match="exit status 3"):
            await pool.run("leave_a_process", Words(text=str(note)), int, timeout_s=PATIENCE_S)
        left = int(note.read_text())
        await until(lambda: not is_running(left))


async def test_a_child_past_its_time_is_ended_and_replaced() -> None:
    async with children() as pool, asyncio.timeout(PATIENCE_S):
        before = await process_id(pool)
        with pytest.raises(EngineDied, match=r"rest \(stopped after 0\.2 s\)"):
            await pool.run("rest", Words(number=60), type(None), timeout_s=0.2)

        assert await process_id(pool) != before


@pytest.mark.parametrize(("task", "what"), [("lie", "malformed"), ("swell", "Expected `int`")])
async def test_a_child_that_speaks_nonsense_is_ended(task: str, what: str) -> None:
    async with children() as pool:
        before = await process_id(pool)
        with pytest.raises(EngineDied, match=f"spoke nonsense.*{what}"):
            await pool.run(task, Words(number=3), int)

        assert not is_alive(before)


async def test_a_task_past_its_address_space_ends_only_its_child() -> None:
    async with children() as pool:
        with pytest.raises(EngineDied) as death:
            await pool.run("allocate", Words(number=2 * 1024**3), int)

        assert "MemoryError" in death.value.last_words
        assert await pool.run("allocate", Words(number=1024), int) == 1024


async def test_a_program_that_does_not_start_says_why() -> None:
    pool = Pool("unstill.no_such_program", size=1)

    with pytest.raises(EngineDied, match="No module named"):
        await pool.run("echo", Words(), Words)
    await pool.close()


# --- turns and cancelling -----------------------------------------------------------------------


async def test_at_most_so_many_children_are_at_work_and_the_others_wait_in_order() -> None:
    done: list[int] = []

    async with children(size=2) as pool:

        async def one(number: int) -> int:
            pid = await process_id(pool)
            done.append(number)
            return pid

        async with sleeping(pool):
            ids = await asyncio.gather(*(one(number) for number in range(6)))

    assert len(set(ids)) == 1
    assert done == list(range(6))


async def cancel_took_s(pool: Pool, task: str) -> float:
    async with sleeping(pool, task) as (asleep, pid):
        began = time.monotonic()
        asleep.cancel()
        await asyncio.wait([asleep])
        took_s = time.monotonic() - began

        assert asleep.cancelled()
        await until(lambda: not is_alive(pid))
        return took_s


@pytest.mark.parametrize("task", ["note_and_sleep", "sleep_deaf"])
async def test_cancelling_ends_the_child_within_a_second(task: str) -> None:
    async with children() as pool:
        assert await quickest_s(lambda: cancel_took_s(pool, task), below_s=1) < 1


async def test_cancelling_one_task_disturbs_no_other() -> None:
    async with children(size=2) as pool, sleeping(pool) as (_, kept):
        async with sleeping(pool) as (cancelled, _):
            cancelled.cancel()
            await asyncio.wait([cancelled])

        assert await pool.run("echo", Words(number=1), Words) == Words(number=1)
        assert is_alive(kept)


async def test_a_task_cancelled_in_the_queue_never_starts() -> None:
    async with children() as pool, sleeping(pool) as (_, pid):
        waiting = asyncio.create_task(process_id(pool))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait([waiting])

        assert waiting.cancelled()
        assert is_alive(pid)


async def test_a_second_cancel_does_not_let_the_child_live() -> None:
    async with children() as pool, sleeping(pool, "sleep_deaf") as (asleep, pid):
        asleep.cancel()
        await asyncio.sleep(0.05)
        asleep.cancel()
        await asyncio.wait([asleep])

        await until(lambda: not is_alive(pid))


async def test_a_report_that_raises_ends_the_child_and_is_not_swallowed() -> None:
    def fail(fraction: float) -> None:
        raise ZeroDivisionError(fraction)

    async with children() as pool:
        before = await process_id(pool)
        with pytest.raises(ZeroDivisionError):
            await pool.run("count", Words(number=3), int, report=fail)

        assert await process_id(pool) != before


# --- the end ------------------------------------------------------------------------------------


async def test_closing_ends_all_children_and_leaves_nothing_open() -> None:
    async with children() as pool:
        await process_id(pool)  # a loop's first child opens what the loop then keeps
    open_before = open_files()

    async with children(size=2) as pool, sleeping(pool) as (asleep, busy):
        idle = await process_id(pool)
        await pool.close()

        with pytest.raises(ShuttingDown):
            await asleep
        assert not is_alive(busy)
        assert not is_alive(idle)
    assert open_files() == open_before


async def test_a_closed_pool_refuses() -> None:
    async with children() as pool:
        await pool.close()

        with pytest.raises(ShuttingDown):
            await pool.run("echo", Words(), Words)


async def test_ctrl_c_in_the_terminal_does_not_reach_a_child() -> None:
    async with children() as pool:
        pid = await process_id(pool)
        os.kill(pid, signal.SIGINT)

        assert os.getsid(pid) == pid
        assert await process_id(pool) == pid


SERVER = """
import asyncio, sys
sys.path.append("..")
from test_media_pool import children, sleeping

async def main():
    async with children() as pool, sleeping(pool) as (_, pid):
        print(pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_children_die_with_a_server_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=HERE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        server.kill()

    asyncio.run(until(lambda: not is_running(pid)))


@pytest.mark.parametrize(
    "truth",
    [
        test_lines_of_many_megabytes_pass_both_ways,
        test_a_crash_is_told_with_its_last_words_and_the_child_is_replaced,
        test_a_child_killed_in_the_moment_it_is_asked_is_a_death_or_a_replacement,
        test_a_child_past_its_time_is_ended_and_replaced,
        test_cancelling_one_task_disturbs_no_other,
        test_a_second_cancel_does_not_let_the_child_live,
        test_closing_ends_all_children_and_leaves_nothing_open,
    ],
)
def test_the_same_holds_on_the_loop_that_the_server_runs(
    truth: Callable[[], Awaitable[None]],
) -> None:
    async def hold() -> None:
        await truth()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(hold())
