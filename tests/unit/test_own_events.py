"""What one stream of all jobs of an owner tells, and what it does not tell twice."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from support.jobs import a_job
from unstill.domain.job import Job, State
from unstill.server import own_events
from unstill.server.own_events import OPEN, RELOAD, SAME_END_MS, WATCHED, OwnEvents
from unstill.server.own_jobs import OwnJob


class Shown:
    """Tells jobs as it is told to."""

    def __init__(self) -> None:
        self.place: int | None = None
        self.end_ms: int | None = None

    def own_job(self, job: Job) -> OwnJob:
        fields: dict[str, Any] = dict.fromkeys(OwnJob.__struct_fields__)
        fields |= {"id": job.id, "state": job.state}
        fields |= {"queue_position": self.place, "expected_end_ms": self.end_ms}
        return OwnJob(**fields)


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def events(shown: Shown) -> OwnEvents:
    return OwnEvents(shown.own_job)


def read(event: bytes) -> tuple[str, dict[str, object]]:
    name, data, *rest = event.decode().split("\n")
    assert rest == ["", ""]
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_each_event_has_a_name_and_data_or_a_browser_drops_it() -> None:
    assert [read(OPEN), read(RELOAD)] == [("open", {}), ("reload", {})]


def test_a_job_is_told_in_unstills_own_words(events: OwnEvents, shown: Shown) -> None:
    job = a_job()

    assert read(events.of(job)) == ("job", msgspec.to_builtins(shown.own_job(job)))


def test_a_deleted_job_is_gone_and_watched_no_more(events: OwnEvents) -> None:
    job = a_job()
    events.of(job)

    gone = events.of(a_job(id=job.id, is_hidden=True))

    assert read(gone) == ("gone", {"id": job.id})
    assert events.known(job.id) is None


def test_a_watched_job_is_told_once_it_stands_elsewhere_than_it_was_told(
    events: OwnEvents, shown: Shown
) -> None:
    job = a_job()
    shown.place = 2
    events.of(job)
    first = events.of_watched(job)
    shown.place = 1
    second, third = events.of_watched(job), events.of_watched(job)

    assert (first, third) == (b"", b"")
    assert read(second)[1]["queue_position"] == 1


@pytest.mark.parametrize(
    ("before", "now", "is_told"),
    [
        (10_000, 10_000 + SAME_END_MS, False),
        (10_000, 10_000 + SAME_END_MS + 1, True),
        (10_000, 10_000 - SAME_END_MS - 1, True),
        (10_000, None, True),
        (None, 10_000, True),
        (None, None, False),
    ],
)
def test_an_end_is_another_one_where_it_differs_by_more_than_a_moment(
    events: OwnEvents, shown: Shown, before: int | None, now: int | None, *, is_told: bool
) -> None:
    job = a_job()
    shown.end_ms = before
    events.of(job)
    shown.end_ms = now

    assert bool(events.of_watched(job)) is is_told


def test_a_job_that_is_watched_from_the_beginning_is_told_at_any_change(
    events: OwnEvents, shown: Shown
) -> None:
    job = a_job()
    events.watch(job)

    assert events.of_watched(job) == b""
    assert read(events.of(job))[1]["queue_position"] is None  # its list may be older
    shown.place = 7
    assert read(events.of_watched(job))[1]["queue_position"] == 7


def test_so_many_unfinished_jobs_are_watched_those_told_last(events: OwnEvents) -> None:
    jobs = [a_job() for _ in range(WATCHED)]
    for job in jobs:
        events.watch(job)
    events.of(a_job(id=jobs[0].id, state=State.RUNNING))
    assert len(events.watched) == WATCHED

    events.watch(a_job())

    assert len(events.watched) == WATCHED
    assert events.known(jobs[0].id) is not None
    assert events.known(jobs[1].id) is None


def test_a_job_that_has_ended_is_watched_no_more_and_always_told(events: OwnEvents) -> None:
    job = a_job()
    events.of(job)
    over = a_job(id=job.id, state=State.FAILED)

    assert read(events.of(over))[1]["state"] == "failed"
    assert events.of(over)
    assert events.watched == []


def test_what_was_told_is_forgotten_where_the_list_is_to_be_read_again(events: OwnEvents) -> None:
    events.of(a_job())
    events.forget()

    assert events.watched == []


def test_the_names_of_events_are_those_that_are_described() -> None:
    assert own_events.NAMES == ("open", "job", "gone", "reload")
