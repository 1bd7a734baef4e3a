"""What a ledger says: whether an account is left alone, and which engine a job is sent to next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstill.domain.attempts import Attempt, Outcome
from unstill.domain.backoff import ACCOUNT, CALL
from unstill.domain.breaker import (
    RECENT_ATTEMPTS,
    blocked_until_ms,
)
from unstill.steps.failover import LONGEST_ADVICE_MS, Candidate, NextCall, next_engine

NOW_MS = 1_000_000


def an_attempt(outcome: Outcome, settled_ms: int = NOW_MS, *, took_ms: int = 10) -> Attempt:
    return Attempt(
        job_id="job",
        n=1,
        engine="a",
        account="account",
        upstream_model="wan2.7-i2v",
        intent_ms=settled_ms - took_ms,
        submit_by_ms=settled_ms + 60_000,
        outcome=outcome,
        settled_ms=settled_ms,
    )


def refused(settled_ms: int = NOW_MS, *, took_ms: int = 10) -> Attempt:
    attempt = an_attempt(Outcome.REFUSED, settled_ms, took_ms=took_ms)
    return msgspec.structs.replace(attempt, of_account=True)


def newest_first(*attempts: Attempt) -> list[Attempt]:
    return list(reversed(attempts))


# --- the breaker -------------------------------------------------------------------------------


def test_an_account_without_a_past_is_open() -> None:
    assert blocked_until_ms([]) == 0


def test_two_refusals_leave_an_account_open() -> None:
    assert blocked_until_ms([refused(), refused()]) == 0


def test_three_refusals_in_a_row_close_an_account_for_the_first_pause() -> None:
    recent = newest_first(refused(100), refused(200), refused(300))

    assert blocked_until_ms(recent) == 300 + ACCOUNT.first_ms


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.BUSY, Outcome.REJECTED])
def test_an_account_that_has_answered_since_is_open(outcome: Outcome) -> None:
    recent = newest_first(refused(), refused(), refused(), refused(), an_attempt(outcome))

    assert blocked_until_ms(recent) == 0


def test_lost_replies_alone_leave_an_account_open() -> None:
    assert blocked_until_ms([an_attempt(Outcome.UNKNOWN)] * RECENT_ATTEMPTS) == 0


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.UNPREPARED])
def test_what_tells_nothing_of_an_account_does_not_open_it(outcome: Outcome) -> None:
    nothing = an_attempt(outcome)
    recent = newest_first(refused(100), nothing, refused(200), refused(300), nothing)

    assert blocked_until_ms(recent) == 300 + ACCOUNT.first_ms


def test_calls_refused_side_by_side_close_an_account_for_the_first_pause_only() -> None:
    burst = [refused(1_000 + number, took_ms=500) for number in range(10)]

    assert blocked_until_ms(newest_first(*burst)) == 1_009 + ACCOUNT.first_ms


def test_each_refused_probe_doubles_the_pause_up_to_the_longest() -> None:
    recent = newest_first(refused(1), refused(2), refused(3))
    pauses_ms = []
    for _ in range(20):
        until_ms = blocked_until_ms(recent[:RECENT_ATTEMPTS])
        pauses_ms.append(until_ms - (recent[0].settled_ms or 0))
        recent.insert(0, refused(until_ms + 50))

    assert pauses_ms[:5] == [5_000, 10_000, 20_000, 40_000, 60_000]
    assert set(pauses_ms[5:]) == {ACCOUNT.longest_ms}


outcomes = st.sampled_from([each for each in Outcome if each is not Outcome.OPEN])


@given(st.lists(st.tuples(outcomes, st.booleans()), max_size=RECENT_ATTEMPTS))
def test_an_account_is_never_left_alone_for_longer_than_the_longest_pause(
    ends: Sequence[tuple[Outcome, bool]],
) -> None:
    times_ms = count(NOW_MS, 100)
    attempts = [
        msgspec.structs.replace(an_attempt(outcome, next(times_ms)), of_account=of_account)
        for outcome, of_account in ends
    ]
    last_ms = max((attempt.settled_ms or 0 for attempt in attempts), default=0)

    assert blocked_until_ms(newest_first(*attempts)) <= last_ms + ACCOUNT.longest_ms


# --- the route ---------------------------------------------------------------------------------


def candidate(engine: str, blocked_ms: int = 0, *, is_free_to_repeat: bool = False) -> Candidate:
    return Candidate(engine, blocked_ms, is_free_to_repeat)


def of(engine: str, outcome: Outcome, settled_ms: int = NOW_MS, advised_ms: int = 0) -> Attempt:
    return msgspec.structs.replace(
        an_attempt(outcome, settled_ms), engine=engine, retry_after_ms=advised_ms
    )


def at_once(engine: str) -> NextCall:
    return NextCall(engine, NOW_MS, is_blocked=False, is_probe=False)


def test_the_first_engine_of_a_route_is_asked_first() -> None:
    assert next_engine([candidate("a"), candidate("b")], [], NOW_MS) == at_once("a")


@pytest.mark.parametrize(
    "outcome", [Outcome.BUSY, Outcome.UNREACHED, Outcome.UNPREPARED, Outcome.REFUSED]
)
def test_what_was_surely_not_taken_moves_to_the_next_engine_at_once(outcome: Outcome) -> None:
    choice = next_engine([candidate("a"), candidate("b")], [of("a", outcome)], NOW_MS)

    assert choice == at_once("b")


@pytest.mark.parametrize("outcome", [Outcome.BUSY, Outcome.UNREACHED, Outcome.UNPREPARED])
def test_where_no_other_is_left_the_same_engine_is_asked_later(outcome: Outcome) -> None:
    choice = next_engine([candidate("a")], [of("a", outcome)], NOW_MS)

    assert choice is not None
    assert choice.engine == "a"
    assert NOW_MS < choice.due_ms <= NOW_MS + 10_000


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.REJECTED])
def test_an_engine_that_refused_for_good_is_not_asked_again(outcome: Outcome) -> None:
    assert next_engine([candidate("a")], [of("a", outcome)], NOW_MS) is None


def test_a_busy_engine_is_asked_again_when_the_other_one_has_refused() -> None:
    attempts = [of("a", Outcome.BUSY), of("b", Outcome.REFUSED)]
    choice = next_engine([candidate("a"), candidate("b")], attempts, NOW_MS)

    assert choice is not None
    assert choice.engine == "a"


@pytest.mark.parametrize("outcome", [Outcome.OPEN, Outcome.UNKNOWN, Outcome.ACCEPTED])
def test_no_engine_is_asked_while_one_may_have_taken_the_job(outcome: Outcome) -> None:
    attempts = [of("a", outcome), of("b", Outcome.BUSY)]

    assert next_engine([candidate("a"), candidate("b")], attempts, NOW_MS) is None


def test_what_a_free_engine_took_and_lost_may_be_sent_again() -> None:
    free = candidate("a", is_free_to_repeat=True)
    choice = next_engine([free], [of("a", Outcome.ACCEPTED, NOW_MS - 600_000)], NOW_MS)

    assert choice == at_once("a")


def test_a_free_engine_that_loses_all_it_takes_is_asked_less_and_less_often() -> None:
    free = candidate("a", is_free_to_repeat=True)
    choice = next_engine([free], [of("a", Outcome.ACCEPTED)] * 20, NOW_MS)

    assert choice is not None
    assert choice.due_ms == NOW_MS + CALL.longest_ms


def test_pauses_begin_short_and_grow_to_a_minute() -> None:
    pauses_ms = []
    for times in range(1, 12):
        choice = next_engine([candidate("a")], [of("a", Outcome.BUSY)] * times, NOW_MS)
        assert choice is not None
        pauses_ms.append(choice.due_ms - NOW_MS)

    assert all(pause_ms <= 10_000 for pause_ms in pauses_ms[:6])
    assert pauses_ms == sorted(pauses_ms)
    assert pauses_ms[-1] == CALL.longest_ms


def test_a_longer_pause_that_the_upstream_advised_is_kept() -> None:
    choice = next_engine([candidate("a")], [of("a", Outcome.BUSY, advised_ms=90_000)], NOW_MS)

    assert choice is not None
    assert choice.due_ms == NOW_MS + 90_000


def test_a_pause_that_the_upstream_advised_is_kept_within_reason() -> None:
    week_ms = 7 * 24 * 3_600_000
    choice = next_engine([candidate("a")], [of("a", Outcome.BUSY, advised_ms=week_ms)], NOW_MS)

    assert choice is not None
    assert choice.due_ms == NOW_MS + LONGEST_ADVICE_MS


def test_a_closed_account_is_passed_over_for_an_open_one() -> None:
    choice = next_engine([candidate("a", NOW_MS + 1), candidate("b")], [], NOW_MS)

    assert choice == at_once("b")


def test_a_job_waits_for_its_account_where_no_other_is_left() -> None:
    choice = next_engine([candidate("a", NOW_MS + 5_000)], [], NOW_MS)

    assert choice == NextCall("a", NOW_MS + 5_000, is_blocked=True, is_probe=False)


def test_a_job_without_an_engine_has_no_choice() -> None:
    assert next_engine([], [], NOW_MS) is None


def test_the_first_call_after_a_pause_is_a_probe() -> None:
    choice = next_engine([candidate("a", NOW_MS)], [], NOW_MS)

    assert choice == NextCall("a", NOW_MS, is_blocked=False, is_probe=True)
