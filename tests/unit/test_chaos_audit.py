"""The fault campaign's audit finds what it is there to find."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from benchmarks.chaos_audit import Books, audit
from benchmarks.chaos_engines import FREE, SETTLES
from benchmarks.chaos_records import Row
from benchmarks.chaos_upstreams import Call

from unstill.domain.attempts import Attempt, Outcome

KILL_MS = 5_000
TOLD = min(SETTLES)
ROW = Row("job-1", "succeeded", is_hidden=False, prompt="one", code="", message="")
ATTEMPT = Attempt(
    job_id="job-1",
    n=1,
    engine="bailian",
    account="account",
    upstream_model="wan2.7-i2v",
    intent_ms=1_000,
    submit_by_ms=61_000,
    outcome=Outcome.ACCEPTED,
    ticket="task-1",
    settled_ms=1_100,
)
CALL = Call(
    engine="bailian",
    number=1,
    place="submit",
    path="/submit",
    fault=None,
    prompt="one",
    task="task-1",
)
GOOD = Books(
    rows={"job-1": ROW},
    attempts={"job-1": [ATTEMPT]},
    calls=[CALL],
    charges={"bailian": {"accepted": 1, "doubles": {}}},
    finished={"bailian": {"task-1"}},
    kills_ms=[KILL_MS],
    deleted=frozenset(),
)


def attempt(**changes: Any) -> Attempt:
    return msgspec.structs.replace(ATTEMPT, **changes)


def row(**changes: Any) -> Row:
    return msgspec.structs.replace(ROW, **changes)


IN_DOUBT = row(state="failed", code="submit_unknown")
FETCH = CALL._replace(place="fetch", path="/results/task-1.mp4", prompt="", task=None)
UNKNOWN = attempt(outcome=Outcome.UNKNOWN, ticket=None)
# What is wrong with the books -> how they differ from good ones.
WRONG: dict[str, dict[str, Any]] = {
    "lost": {"rows": {}, "attempts": {}, "calls": [], "charges": {}},
    "not ended": {"rows": {"job-1": row(state="running")}},
    "paid twice": {
        "calls": [CALL, CALL._replace(engine="ope", number=2, task="task-2")],
        "attempts": {"job-1": [ATTEMPT, attempt(n=2, engine="ope", ticket="task-2")]},
    },
    "not logged": {"charges": {"bailian": {"accepted": 2, "doubles": {}}}},
    "not in the ledger": {"attempts": {"job-1": [attempt(outcome=Outcome.BUSY, ticket=None)]}},
    "made up": {"calls": [], "charges": {}},
    "sent again": {"attempts": {"job-1": [UNKNOWN, attempt(n=2)]}},
    "left open": {"attempts": {"job-1": [attempt(outcome=Outcome.OPEN, ticket=None)]}},
    "unexplained": {"rows": {"job-1": IN_DOUBT}, "attempts": {"job-1": [UNKNOWN]}},
    "untold": {"attempts": {"job-1": [UNKNOWN]}, "calls": [CALL._replace(fault="500_after")]},
    "too many in doubt": {
        "rows": {f"job-{n}": row(id=f"job-{n}", prompt=f"{n}") for n in range(11)},
        "attempts": {
            f"job-{n}": [
                attempt(job_id=f"job-{n}", outcome=Outcome.UNKNOWN, ticket=None, settled_ms=9_000)
            ]
            for n in range(11)
        },
        "calls": [],
        "charges": {},
    },
    "not settled": {
        "rows": {"job-1": IN_DOUBT},
        "attempts": {"job-1": [msgspec.structs.replace(UNKNOWN, engine=TOLD)]},
        "calls": [CALL._replace(engine=TOLD, fault="drop_after")],
    },
    "thrown away": {
        "rows": {"job-1": row(state="failed", code="invalid_video")},
        "calls": [CALL, FETCH._replace(fault="html_video"), FETCH._replace(fault="truncated")],
    },
    "undeserved": {
        "rows": {"job-1": row(state="failed", code="failed")},
        "calls": [CALL, CALL._replace(number=2, place="poll", path="/task-1", fault="500")],
    },
}


def wrongs(books: Books) -> set[str]:
    found = audit(books, {"job-1": "one"}).wrongs
    return {wrong.partition(":")[0] for wrong in found}


def test_a_job_that_was_held_in_the_midst_of_its_call_need_not_be_settled() -> None:
    books = msgspec.structs.replace(GOOD, **WRONG["not settled"], held_in_call=frozenset({"job-1"}))

    assert "not settled" not in wrongs(books)


def test_good_books_have_nothing_wrong() -> None:
    assert wrongs(GOOD) == set()


@pytest.mark.parametrize("wrong", WRONG)
def test_each_wrong_is_found(wrong: str) -> None:
    assert wrong in wrongs(msgspec.structs.replace(GOOD, **WRONG[wrong]))


def test_a_submit_in_doubt_is_explained_by_a_kill_or_by_a_fault() -> None:
    doubt = {"rows": {"job-1": IN_DOUBT}}
    killed = {"attempts": {"job-1": [attempt(**unknown(settled_ms=KILL_MS + 900))]}}
    faulty = {
        "attempts": {"job-1": [UNKNOWN]},
        "calls": [CALL._replace(fault="drop_after")],
    }

    assert wrongs(msgspec.structs.replace(GOOD, **doubt, **killed)) == set()
    assert wrongs(msgspec.structs.replace(GOOD, **doubt, **faulty)) == set()


def unknown(**changes: Any) -> dict[str, Any]:
    return {"outcome": Outcome.UNKNOWN, "ticket": None, **changes}


def test_a_repeat_where_repeating_is_free_is_counted_and_no_wrong() -> None:
    free = attempt(engine=FREE)
    books = msgspec.structs.replace(
        GOOD,
        attempts={"job-1": [free, attempt(n=2, engine=FREE, ticket="task-2")]},
        calls=[CALL._replace(engine=FREE), CALL._replace(engine=FREE, number=2, task="task-2")],
        charges={FREE: {"accepted": 2, "doubles": {"digest": ["task-1", "task-2"]}}},
    )

    assert wrongs(books) == set()
    assert audit(books, {}).repeats == 1


def test_a_job_whose_upload_was_refused_for_good_fails_deservedly_and_no_other() -> None:
    refusal = attempt(outcome=Outcome.REFUSED, ticket=None)
    failed = {f"job-{n}": row(id=f"job-{n}", state="failed", code="x") for n in (1, 2)}
    upload = CALL._replace(place="upload", path="/uploads", fault="404", prompt="", task=None)
    one = msgspec.structs.replace(
        GOOD,
        rows={"job-1": failed["job-1"]},
        attempts={"job-1": [refusal]},
        calls=[upload],
        charges={},
    )
    two = msgspec.structs.replace(one, rows=failed, attempts={each: [refusal] for each in failed})

    assert wrongs(one) == set()
    assert wrongs(two) == {"undeserved"}


@pytest.mark.parametrize(
    ("times", "found"), [(1, {"undeserved", "thrown away"}), (2, set[str]()), (3, set[str]())]
)
def test_what_was_too_large_may_end_its_job_the_second_time(times: int, found: set[str]) -> None:
    fetches = [FETCH._replace(number=2 + n, fault="huge") for n in range(times)]
    books = msgspec.structs.replace(
        GOOD,
        rows={"job-1": row(state="failed", code="video_too_large")},
        calls=[CALL, *fetches],
    )

    assert wrongs(books) == found


def test_a_video_that_its_upstream_has_denied_or_lost_is_not_thrown_away() -> None:
    failed = {"rows": {"job-1": row(state="failed", code="upstream_lost")}}
    poll = CALL._replace(number=2, place="poll", path="/tasks/task-1", prompt="", task=None)
    denied = {"calls": [CALL, poll._replace(fault="404")]}
    lost = {"calls": [CALL, poll._replace(fault="lose")], "finished": {}}

    assert wrongs(msgspec.structs.replace(GOOD, **failed, **denied)) == set()
    assert wrongs(msgspec.structs.replace(GOOD, **failed, **lost)) == set()


def test_finished_videos_are_counted() -> None:
    findings = audit(GOOD, {})

    assert (findings.finished, findings.thrown_away) == (1, 0)
