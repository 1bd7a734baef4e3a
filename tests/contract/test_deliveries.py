"""What every job store keeps to about the deliveries of webhooks."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from support.jobs import a_job
from support.open_stores import embedded_stores
from unstill.domain.delivery import DAY_MS, Delivery, DeliveryState, delivered, owed_for
from unstill.domain.job import (
    Change,
    Failure,
    Job,
    State,
    Usage,
    Video,
    cancelled,
    failed,
    hidden,
    succeeded,
)
from unstill.domain.job_ids import new_id
from unstill.domain.owner import Owner
from unstill.store.embedded.deliveries import newest_in, replay_in
from unstill.store.ports.store import Store
from unstill.webhooks.retry import after_failure

NOW_MS = 1_763_600_000_000
# A replay is the embedded store's own: an operator writes into the folder, beside its server.
IN_A_FOLDER = pytest.mark.parametrize("make", [embedded_stores], indirect=True)
URL = "https://hooks.example.com/a"
FAILED = failed(Failure("x", "y"), NOW_MS)
VIDEO = Video("video-1.mp4", 832, 480, 5.0, 29.97, 150, 2**20, has_audio=True)
FOREVER = 2**50
TESTS = Path(__file__).parents[1]
PROGRAM = "contract.adding_process"


def job(**fields: Any) -> Job:
    return a_job(**{"id": new_id(NOW_MS), "created_ms": NOW_MS, "webhook_url": URL} | fields)


async def ended(store: Store, change: Change = FAILED, **fields: Any) -> Job:
    added = await store.jobs.add(job(**fields))
    changed = await store.jobs.change(added.id, change)
    assert changed is not None
    return changed


async def owed(store: Store, by_ms: int = FOREVER) -> list[Delivery]:
    return list(await store.outbox.due(by_ms, limit=100))


# --- what comes to be owed ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "change"),
    [
        (State.SAVING, succeeded(VIDEO, Usage(5), NOW_MS)),
        (State.QUEUED, FAILED),
        (State.READY, cancelled(NOW_MS, is_hidden=False)),
    ],
)
async def test_each_end_is_owed_to_the_jobs_receiver(
    store: Store, state: State, change: Change
) -> None:
    now = await ended(store, change, state=state)

    assert await owed(store) == [owed_for(now)]


async def test_nothing_is_owed_before_the_end_or_without_a_receiver(store: Store) -> None:
    await store.jobs.add(job())
    await ended(store, webhook_url=None)

    assert await owed(store) == []


async def test_a_deleted_job_is_owed_nothing_whenever_it_is_deleted(store: Store) -> None:
    await ended(store, cancelled(NOW_MS, is_hidden=True))
    await ended(store, is_hidden=True)
    later = await ended(store)
    await store.jobs.change(later.id, hidden(of=State.FAILED))

    assert await owed(store) == []


async def test_a_second_end_owes_nothing(store: Store) -> None:
    now = await ended(store)
    second = await store.jobs.change(now.id, cancelled(NOW_MS + 9, is_hidden=False))

    assert second is None
    assert [each.type for each in await owed(store)] == ["video.failed"]


# --- what is due -------------------------------------------------------------------------------


async def test_what_is_due_comes_soonest_first_and_without_the_named_receivers(
    store: Store,
) -> None:
    ends = [failed(Failure("x", "y"), NOW_MS + after) for after in (30, 10, 20)]
    hosts = ("https://b.example/", "https://a.example/", "https://b.example/")
    late, first, second = [
        await ended(store, end, webhook_url=host) for end, host in zip(ends, hosts, strict=True)
    ]

    assert [each.job_id for each in await owed(store)] == [first.id, second.id, late.id]
    assert [each.job_id for each in await owed(store, NOW_MS + 20)] == [first.id, second.id]
    without_b = await store.outbox.due(FOREVER, limit=9, without=["b.example", "c.example"])
    assert [each.job_id for each in without_b] == [first.id]
    assert len(await store.outbox.due(FOREVER, limit=1)) == 1


async def test_what_is_due_comes_without_the_jobs_of_the_named_owners(store: Store) -> None:
    kept = await ended(store, owner="team-a")
    await ended(store, owner="team-b")
    await ended(store, owner="team-a", webhook_url="https://b.example/")
    found = await store.outbox.due(
        FOREVER, limit=9, without=["b.example"], without_owners=[Owner("team-b"), Owner("team-c")]
    )

    assert [each.job_id for each in found] == [kept.id]


async def test_a_failed_try_is_due_later_and_an_ended_one_never(store: Store) -> None:
    await ended(store)
    (first,) = await owed(store)
    again = after_failure(first, "answered 500", NOW_MS, chance=0)
    await store.outbox.settle(again)
    due = await owed(store, NOW_MS), await owed(store, NOW_MS + 2000)
    await store.outbox.settle(delivered(again, NOW_MS + 2000))

    assert due == ([], [again])
    assert await owed(store) == []


async def test_a_try_that_ends_after_the_job_was_deleted_brings_nothing_back(
    store: Store,
) -> None:
    now = await ended(store)
    (first,) = await owed(store)
    await store.jobs.change(now.id, hidden(of=State.FAILED))
    await store.outbox.settle(after_failure(first, "answered 500", NOW_MS, chance=0))

    assert await owed(store) == []


async def test_a_start_makes_all_that_is_owed_due_with_its_first_pauses(store: Store) -> None:
    await ended(store)
    (first,) = await owed(store)
    tried = after_failure(first, "answered 500", NOW_MS, chance=0)
    await store.outbox.settle(tried)
    await store.outbox.owe_at_once(NOW_MS + 1, until_ms=NOW_MS + 5)
    (at_once,) = await owed(store, NOW_MS + 1)
    await store.outbox.owe_at_once(NOW_MS + 1, until_ms=FOREVER)
    (longer,) = await owed(store)

    assert (at_once.tries, at_once.until_ms) == (0, NOW_MS + DAY_MS)
    assert longer.until_ms == FOREVER


# --- what stays --------------------------------------------------------------------------------


async def test_what_is_owed_is_owed_after_a_restart(make: Callable[[], Store]) -> None:
    store = make()
    await store.open()
    await ended(store)
    before = await owed(store)
    await store.close()
    store = make()
    await store.open()
    after = await owed(store)
    await store.close()

    assert len(before) == 1
    assert after == before


@pytest.mark.slow
def test_no_job_has_ended_without_its_delivery_after_kill_minus_nine(tmp_path: Path) -> None:
    command = [sys.executable, "-m", PROGRAM, str(tmp_path), "end"]
    told: list[str] = []
    for _ in range(3):
        with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            told += [process.stdout.readline().strip() for _ in range(100)]
            process.send_signal(signal.SIGKILL)
            told += [line.strip() for line in process.stdout if line.endswith("\n")]
    kept = {each.job_id for each in newest_in(tmp_path, 10**6)}
    with closing(apsw.Connection(str(tmp_path / "unstill.sqlite3"))) as connection:
        found = connection.execute("SELECT id FROM jobs WHERE state = 'failed'").fetchall()

    assert set(told) <= kept
    assert {job_id for (job_id,) in found} == kept


@IN_A_FOLDER
async def test_a_forgotten_job_takes_its_delivery_along(store: Store, tmp_path: Path) -> None:
    gone, stays = await ended(store), await ended(store)
    for now in (gone, stays):
        (delivery, *_) = [each for each in await owed(store) if each.job_id == now.id]
        await store.outbox.settle(delivered(delivery, NOW_MS))
    await store.jobs.change(gone.id, hidden(of=State.FAILED))
    await store.retention.forget(gone.id)
    await store.retention.forget(stays.id)  # not hidden: it keeps all

    assert [each.job_id for each in newest_in(tmp_path / "data", 9)] == [stays.id]


# --- beside a server ---------------------------------------------------------------------------


@IN_A_FOLDER
async def test_a_replay_makes_due_what_is_owed_or_given_up_for_a_fresh_day(
    store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    jobs = [await ended(store) for _ in range(3)]
    first, second, third = sorted(await owed(store), key=lambda each: each.job_id)
    await store.outbox.settle(delivered(first, NOW_MS))
    await store.outbox.settle(after_failure(second, "x", NOW_MS + 2 * DAY_MS, chance=0))
    states = [each.state for each in reversed(newest_in(folder, 9))]
    later_ms = NOW_MS + 3 * DAY_MS
    replayed = replay_in(folder, [], now_ms=later_ms)
    due = await owed(store)
    named = replay_in(folder, [first.job_id, "unknown"], now_ms=later_ms)

    assert states == [DeliveryState.DELIVERED, DeliveryState.GIVEN_UP, DeliveryState.OWED]
    assert sorted(replayed) == [second.job_id, third.job_id]
    assert {(each.due_ms, each.until_ms, each.tries, each.ended_ms) for each in due} == {
        (0, later_ms + DAY_MS, 0, None)  # due by any clock
    }
    assert named == [first.job_id]
    assert len(await owed(store)) == len(jobs)


@IN_A_FOLDER
@pytest.mark.parametrize("ids", [[], ["its"]], ids=["all", "named"])
async def test_a_deleted_job_is_not_replayed_whatever_became_of_its_event(
    store: Store, tmp_path: Path, ids: list[str]
) -> None:
    now = await ended(store)
    (first,) = await owed(store)
    await store.outbox.settle(after_failure(first, "x", NOW_MS + 2 * DAY_MS, chance=0))
    await store.jobs.change(now.id, hidden(of=State.FAILED))
    replayed = replay_in(tmp_path / "data", [now.id for _ in ids], now_ms=NOW_MS)

    assert replayed == []
    assert await owed(store) == []


@IN_A_FOLDER
async def test_a_try_that_ends_after_a_replay_leaves_the_replay_standing(
    store: Store, tmp_path: Path
) -> None:
    now = await ended(store)
    (under_way,) = await owed(store)
    replay_in(tmp_path / "data", [now.id], now_ms=NOW_MS + 5)
    replayed = await owed(store)
    await store.outbox.settle(delivered(under_way, NOW_MS + 6))
    await store.outbox.settle(after_failure(under_way, "x", NOW_MS + 6, chance=0))

    assert await owed(store) == replayed


def test_where_there_is_no_store_there_is_nothing_to_replay(tmp_path: Path) -> None:
    assert replay_in(tmp_path, [], now_ms=NOW_MS) == []
    assert newest_in(tmp_path / "nowhere", 9) == []
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_a_release_without_webhooks_has_none(tmp_path: Path) -> None:
    apsw.Connection(str(tmp_path / "unstill.sqlite3")).execute("CREATE TABLE jobs (id TEXT)")

    assert newest_in(tmp_path, 9) == []
    assert replay_in(tmp_path, ["x"], now_ms=NOW_MS) == []


async def test_what_is_owed_is_counted_until_it_is_taken_given_up_or_deleted(store: Store) -> None:
    jobs = [await ended(store) for _ in range(3)]
    await ended(store, webhook_url=None)
    counted = [await store.outbox.owed()]
    first, second, _ = await owed(store)
    for settled in (
        after_failure(first, "answered 500", NOW_MS, chance=0.0),
        delivered(second, NOW_MS),
    ):
        await store.outbox.settle(settled)
        counted.append(await store.outbox.owed())
    deleted = next(job for job in jobs if job.id not in {first.job_id, second.job_id})
    await store.jobs.change(deleted.id, hidden(State.FAILED))
    counted.append(await store.outbox.owed())

    assert counted == [3, 3, 2, 1]
