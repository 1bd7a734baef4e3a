"""What every job store keeps to about servers that are up: nobody else judges what they have begun.

Two servers are two ids here, over one open store, so that a store which one process holds is asked
the same as one of many.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.jobs import a_job
from support.stored_files import made_with
from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.job import Job, State, accepted, intended, started
from unstill.domain.lease import LEASE_MS, Lease
from unstill.steps.interrupted_jobs import judge_interrupted
from unstill.steps.submit_outcome import held_on
from unstill.store import job_rows
from unstill.store.embedded.migrations import FOLDER, read_versions
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.ports.store import Store

NOW_MS = 1_800_000_000_000
BEGUN = Lease("first", NOW_MS + LEASE_MS)
SETTLED = Settlement(1, Outcome.ACCEPTED, NOW_MS + 5, ticket="task-1")


def an_attempt(job_id: str) -> Attempt:
    return Attempt(
        job_id=job_id,
        n=1,
        engine="bailian",
        account="account",
        upstream_model="wan2.7-i2v",
        intent_ms=NOW_MS,
        submit_by_ms=NOW_MS + 60_000,
    )


async def under_way(store: Store) -> None:
    """The first server makes a call that may cost, and renders another job itself."""
    for job_id in ("call", "render"):
        await store.jobs.add(a_job(id=job_id, state=State.READY))
    await store.jobs.change("call", intended(an_attempt("call"), BEGUN), attempt=0)
    await store.jobs.change("render", started(NOW_MS, BEGUN), attempt=0)


async def given(store: Store, server: str, now_ms: int) -> list[str]:
    found = await store.backlog.interrupted(server=server, now_ms=now_ms)
    return [each.job.id for each in found]


async def judge(store: Store, now_ms: int) -> None:
    """As a second server does at its start."""
    await judge_interrupted(
        jobs=store.jobs,
        attempts=store.attempts,
        backlog=store.backlog,
        server="second",
        uptime_ms=now_ms,
        now_ms=now_ms,
    )


async def test_what_a_server_that_is_up_has_under_way_is_given_to_no_other(store: Store) -> None:
    await under_way(store)

    assert await given(store, "second", NOW_MS + 1) == []
    assert await given(store, "second", NOW_MS + LEASE_MS - 1) == []


async def test_what_a_server_had_under_way_is_given_once_its_lease_has_ended(
    store: Store,
) -> None:
    await under_way(store)

    assert await given(store, "second", NOW_MS + LEASE_MS) == ["call", "render"]


async def test_a_server_is_never_given_its_own(store: Store) -> None:
    await under_way(store)

    assert await given(store, "first", NOW_MS + 10 * LEASE_MS) == []


async def test_a_lease_is_renewed_with_each_note_that_its_server_is_up(store: Store) -> None:
    await under_way(store)
    noted_ms = NOW_MS + LEASE_MS // 2
    await store.uptime_notes.note_up(noted_ms, Lease("first", noted_ms + LEASE_MS))

    assert await given(store, "second", NOW_MS + LEASE_MS) == []
    assert await given(store, "second", noted_ms + LEASE_MS) == ["call", "render"]


async def test_a_second_server_never_fails_a_paid_call_of_the_first(store: Store) -> None:
    await under_way(store)
    await judge(store, NOW_MS + 1)
    settled = await store.jobs.change("call", accepted("task-1", "wan2.7-i2v", SETTLED), attempt=1)

    assert settled is not None
    assert (settled.state, settled.ticket) == (State.RUNNING, "task-1")


async def test_a_second_server_judges_what_a_first_that_is_gone_had_under_way(
    store: Store,
) -> None:
    await under_way(store)
    gone_ms = NOW_MS + LEASE_MS
    await judge(store, gone_ms)
    call, render = await store.jobs.find("call"), await store.jobs.find("render")

    assert call is not None
    assert render is not None
    assert (call.state, render.state) == (State.FAILED, State.READY)
    assert call.failure is not None
    assert call.failure.code == "submit_unknown"


async def test_a_call_of_a_server_that_is_gone_is_taken_over_by_one_server_alone(
    store: Store,
) -> None:
    await under_way(store)
    gone_ms = NOW_MS + LEASE_MS
    [found, _] = await store.backlog.interrupted(server="second", now_ms=gone_ms)
    third = Lease("third", gone_ms + LEASE_MS)
    second = Lease("second", gone_ms + LEASE_MS)
    taken = await store.jobs.change("call", held_on(second, by=found.held_by), attempt=1)
    again = await store.jobs.change("call", held_on(third, by=found.held_by), attempt=1)
    kept = await store.jobs.change("call", held_on(second, by="second"), attempt=1)
    of_another_attempt = await store.jobs.change("call", held_on(second, by="second"), attempt=2)

    assert (found.held_by, again, of_another_attempt) == ("first", None, None)
    assert taken is not None
    assert (taken.state, taken.attempt, kept) == (State.SUBMITTING, 1, taken)
    assert await given(store, "third", gone_ms + 1) == ["render"]


# --- one process at a time ---------------------------------------------------------------------


async def test_whoever_had_the_folder_before_is_gone_whatever_its_lease(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open()
    await under_way(store)
    await store.close()
    again = EmbeddedStore(tmp_path)
    await again.open()
    found = await given(again, "second", NOW_MS + 1)
    await again.close()

    assert found == ["call", "render"]


@pytest.mark.parametrize("state", [State.SUBMITTING, State.RUNNING])
async def test_a_row_of_a_release_that_named_no_server_is_judged_as_it_always_was(
    tmp_path: Path, state: State
) -> None:
    job = a_job(id="old", state=state, attempt=1)
    as_of_schema_5(tmp_path, job)
    store = EmbeddedStore(tmp_path)
    await store.open()
    found = await given(store, "second", 0)
    kept = await store.jobs.find("old")
    await store.close()

    assert found == ["old"]
    assert kept == job


def as_of_schema_5(data_dir: Path, job: Job) -> None:
    """A file as release 0.1.0 left it, with one job."""
    old = [version.sql for version in read_versions(FOLDER) if version.number <= 5]
    connection = made_with(data_dir, f"{';'.join(old)}; PRAGMA user_version = 5")
    columns = job_rows.COLUMNS[: job_rows.COLUMNS.index("key_id")]
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    values = job_rows.row_of(job)[: len(columns)]
    connection.execute(f"INSERT INTO jobs ({names}) VALUES ({places})", values)  # noqa: S608  - field names
    connection.close()
