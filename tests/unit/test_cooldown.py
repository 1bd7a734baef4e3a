"""The cooldown of a busy upstream model: how long it pauses, and who finds out."""

from __future__ import annotations

import pytest

from unstill.domain.backoff import MODEL
from unstill.domain.owner import Owner
from unstill.steps.cooldown import WAITER_GAP_MS, ModelCooldown
from unstill.steps.failover import LONGEST_ADVICE_MS
from unstill.upstreams.port import Accepted, Busy, Doubt, Refused, Rejected, Submission

NOW_MS = 1_000_000
BUSY = Busy("Throttling", "later")


def told_busy(*, after_s: float | None = None) -> ModelCooldown:
    cooldown = ModelCooldown()
    cooldown.note(Busy("429", "later", after_s), of_round=cooldown.begin(), now_ms=NOW_MS)
    return cooldown


def test_a_line_without_a_past_is_open() -> None:
    assert ModelCooldown().blocked_until_ms(0, NOW_MS) == 0
    assert not ModelCooldown().is_busy(NOW_MS, is_probe=False)


def test_each_call_that_is_told_busy_makes_the_next_pause_longer_up_to_the_longest() -> None:
    cooldown, now_ms, pauses_ms = ModelCooldown(), NOW_MS, []
    for _ in range(6):
        cooldown.note(BUSY, of_round=cooldown.begin(), now_ms=now_ms)
        pauses_ms.append(cooldown.blocked_until_ms(0, now_ms) - now_ms)
        now_ms += pauses_ms[-1]

    assert pauses_ms == [*MODEL.pauses_ms, MODEL.longest_ms, MODEL.longest_ms]


def test_what_the_upstream_advises_is_kept_where_it_is_longer_within_reason() -> None:
    assert told_busy(after_s=1).blocked_until_ms(0, NOW_MS) == NOW_MS + MODEL.first_ms
    assert told_busy(after_s=42).blocked_until_ms(0, NOW_MS) == NOW_MS + 42_000
    assert told_busy(after_s=999_999).blocked_until_ms(0, NOW_MS) == NOW_MS + LONGEST_ADVICE_MS


@pytest.mark.parametrize(
    "submission",
    [BUSY, Refused("404", "no"), Rejected("bad", "no"), Doubt("lost", "lost")],
)
def test_only_a_call_that_is_accepted_opens_a_line(submission: Submission) -> None:
    cooldown = told_busy()
    cooldown.note(submission, of_round=cooldown.begin(), now_ms=NOW_MS)
    before_ms = cooldown.blocked_until_ms(0, NOW_MS)
    cooldown.note(Accepted("task"), of_round=cooldown.begin(), now_ms=NOW_MS)

    assert before_ms > NOW_MS
    assert cooldown.blocked_until_ms(0, NOW_MS) == 0


def test_a_call_begun_before_the_pause_neither_opens_a_line_nor_lengthens_it() -> None:
    cooldown = ModelCooldown()
    early = cooldown.begin()
    cooldown.note(BUSY, of_round=early, now_ms=NOW_MS)
    for late in (BUSY, Accepted("task")):
        cooldown.note(late, of_round=early, now_ms=NOW_MS)

    assert cooldown.blocked_until_ms(0, NOW_MS) == NOW_MS + MODEL.first_ms


def test_a_slow_call_that_is_told_busy_after_the_line_was_opened_begins_with_the_first_pause() -> (
    None
):
    cooldown = ModelCooldown()
    slow, quick = cooldown.begin(), cooldown.begin()
    cooldown.note(BUSY, of_round=quick, now_ms=NOW_MS)
    cooldown.note(Accepted("task"), of_round=cooldown.begin(), now_ms=NOW_MS + 2_000)
    cooldown.note(BUSY, of_round=slow, now_ms=NOW_MS + 3_000)

    assert cooldown.blocked_until_ms(0, NOW_MS + 3_000) == NOW_MS + 3_000 + MODEL.first_ms


def test_after_the_pause_one_call_is_made_and_no_other_beside_it() -> None:
    cooldown = told_busy()
    after_ms = NOW_MS + MODEL.first_ms
    may_probe = 0 < cooldown.blocked_until_ms(0, after_ms) <= after_ms
    with cooldown.probing():
        beside_ms = cooldown.blocked_until_ms(0, after_ms)

    assert may_probe
    assert beside_ms > after_ms
    assert not cooldown.is_busy(after_ms, is_probe=True)
    assert cooldown.is_busy(after_ms, is_probe=False)


def test_each_owners_jobs_wait_in_a_line_of_their_own() -> None:
    cooldown = ModelCooldown()
    ann = [cooldown.place_ms(Owner("ann"), NOW_MS) for _ in range(500)]
    bob = [cooldown.place_ms(Owner("bob"), NOW_MS) for _ in range(2)]

    assert ann[:2] == bob == [NOW_MS, NOW_MS + WAITER_GAP_MS]
    assert ann[-1] == NOW_MS + 499 * WAITER_GAP_MS
