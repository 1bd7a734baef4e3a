"""The states of a job and the changes between them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import get_type_hints
from uuid import UUID

import pytest

from support.jobs import a_job
from support.leases import ENDED
from unstill.domain import job as jobs
from unstill.domain import job_ids
from unstill.domain.job import (
    FINAL,
    MOVES,
    Change,
    ChangedFields,
    Failure,
    Job,
    State,
    Usage,
    Video,
)
from unstill.domain.request import Size

SIZE = Size(832, 480)
VIDEO = Video("video-1.mp4", 832, 480, 5.0, 24.0, 120, 1_000_000, has_audio=False)


def job_in(state: State = State.QUEUED, **fields: object) -> Job:
    return a_job(**{"id": "a", "created_ms": 1_000, "state": state} | fields)


def test_no_state_follows_a_final_one() -> None:
    assert {state for state, following in MOVES.items() if not following} == FINAL


def test_every_state_has_its_moves_and_can_be_reached() -> None:
    reached = {State.QUEUED}.union(*MOVES.values())

    assert set(MOVES) == set(State) == reached


def test_only_a_job_that_is_being_saved_succeeds() -> None:
    assert jobs.states_before(State.SUCCEEDED) == {State.SAVING}


def test_a_job_that_is_being_submitted_or_saved_cannot_be_cancelled() -> None:
    before = jobs.states_before(State.CANCELLED)

    assert before == {State.QUEUED, State.READY, State.RUNNING}


def test_a_job_walks_from_its_create_to_its_video() -> None:
    ready = jobs.apply(job_in(), jobs.made_ready(SIZE))
    assert ready is not None
    running = jobs.apply(ready, jobs.started(2_000, ENDED))
    assert running is not None
    saving = jobs.apply(running, jobs.rendered())
    assert saving is not None
    done = jobs.apply(saving, jobs.succeeded(VIDEO, Usage(duration_s=5), 3_000))

    assert done == job_in(
        State.SUCCEEDED,
        size=SIZE,
        attempt=1,
        started_ms=2_000,
        ended_ms=3_000,
        video=VIDEO,
        usage=Usage(duration_s=5),
    )


@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize(
    "change",
    [
        jobs.made_ready(SIZE),
        jobs.started(1, ENDED),
        jobs.rendered(),
        jobs.put_back(1, died=True),
        jobs.succeeded(VIDEO, Usage(duration_s=5), 1),
        jobs.failed(Failure("bad", "it broke"), 1),
        jobs.cancelled(1, is_hidden=True),
    ],
    ids=lambda change: str(change.to),
)
def test_a_final_job_stays_as_it_ended(state: State, change: Change) -> None:
    assert jobs.apply(job_in(state), change) is None


def test_each_start_counts_an_attempt_and_each_death_a_death() -> None:
    job = job_in(State.READY)

    for due_ms in (10, 20):
        running = jobs.apply(job, jobs.started(1, ENDED))
        assert running is not None
        put_back = jobs.apply(running, jobs.put_back(due_ms, died=due_ms == 20))
        assert put_back is not None
        job = put_back

    assert (job.state, job.attempt, job.deaths, job.due_ms) == (State.READY, 2, 1, 20)


def test_a_failed_job_has_used_nothing() -> None:
    failed = jobs.apply(job_in(State.RUNNING), jobs.failed(Failure("bad", "it broke"), 7))

    assert failed is not None
    assert failed.usage == Usage(duration_s=0, video_count=0)
    assert failed.ended_ms == 7


@pytest.mark.parametrize("state", sorted(State))
def test_a_job_can_be_deleted_in_any_state_and_keeps_it(state: State) -> None:
    assert jobs.apply(job_in(state), jobs.hidden(state)) == job_in(state, is_hidden=True)


def test_each_waiting_state_has_its_lane() -> None:
    lanes = {state: job_in(state).lane for state in State if job_in(state).lane is not None}

    assert lanes == {
        State.QUEUED: "frames",
        State.READY: "engine:camera",
        State.SAVING: "save:camera",
    }


def test_a_video_that_could_not_be_saved_waits_apart_from_those_not_tried() -> None:
    tried = jobs.apply(job_in(State.SAVING), jobs.unsaved(9_000))

    assert tried is not None
    assert (tried.state, tried.lane, tried.due_ms) == (State.SAVING, "again:camera", 9_000)


@pytest.mark.parametrize("change", [jobs.rendered(), jobs.arrived(jobs.Result())])
def test_a_video_that_was_not_tried_yet_waits_for_no_pause_of_an_earlier_state(
    change: jobs.Change,
) -> None:
    now = jobs.apply(job_in(State.RUNNING, due_ms=9_000), change)

    assert now is not None
    assert now.lane == "save:camera"


def test_an_id_is_a_uuid_of_version_7_and_safe_in_a_path() -> None:
    made = UUID(job_ids.new_id(1_700_000_000_000))

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == 1_700_000_000_000


def test_every_bit_of_an_id_that_is_neither_time_nor_version_is_random() -> None:
    made = [UUID(job_ids.new_id(1_700_000_000_000)).int for _ in range(200)]
    varying = 0
    for number in made:
        varying |= number ^ made[0]

    version, variant = 0xF << 76, 0x3 << 62
    assert varying == (1 << 80) - 1 & ~version & ~variant


def test_ids_sort_by_their_time_and_never_meet() -> None:
    ids = [job_ids.new_id(now_ms) for now_ms in range(1_700_000_000_000, 1_700_000_001_000)]

    assert ids == sorted(set(ids))


def test_ids_of_one_moment_never_meet_in_any_thread() -> None:
    with ThreadPoolExecutor(4) as threads:
        ids = list(threads.map(job_ids.new_id, [1_700_000_000_000] * 4_000))

    assert len(set(ids)) == len(ids)


def test_what_a_change_may_set_has_the_type_that_it_has_in_a_job() -> None:
    fields = get_type_hints(Job)
    changed = get_type_hints(ChangedFields)

    assert changed == {name: fields[name] for name in changed}


def test_a_change_sets_neither_what_a_job_is_known_by_nor_what_moves_it() -> None:
    known_by = {"id", "owner", "dialect", "words", "model", "request", "created_ms"}

    assert known_by | {"state", "attempt", "deaths"} < set(Job.__struct_fields__)
    assert not ChangedFields.__optional_keys__ & (known_by | {"state", "attempt", "deaths"})
