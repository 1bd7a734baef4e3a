"""What may be asked of usage, and how it is told."""

from __future__ import annotations

import pytest

from unstill.cli.usage import lines_of
from unstill.domain.errors import BadField
from unstill.domain.usage import (
    UsageAsked,
    UsagePart,
    UsageSum,
    day_shown,
    figures_of,
    seconds_shown,
    total_of,
    usage_asked,
)

ANN = UsageSum(("ann",), "EUR", 540_000, 450_001, 0, jobs=3, videos=1, billed_ns=6_500_000_000)
BOB = UsageSum(("bob",), "EUR", 10**9, 0, 1, jobs=10, videos=10, billed_ns=1)


def test_without_words_all_days_are_summed_by_owner() -> None:
    assert usage_asked(None, None, None) == UsageAsked((UsagePart.OWNER,), None, None, None)


def test_several_parts_keep_their_order_and_count_once() -> None:
    asked = usage_asked("day,owner,day", None, None)

    assert asked.by == (UsagePart.DAY, UsagePart.OWNER)
    assert usage_asked("day, owner", None, None).by == asked.by


def test_a_day_is_one_of_the_calendar_and_both_ends_may_be_the_same() -> None:
    asked = usage_asked("key", "1970-01-02", "1970-01-02")

    assert (asked.since_day, asked.until_day) == (1, 1)
    assert day_shown(1) == "1970-01-02"
    assert day_shown(10**12) == "day 1000000000000"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("tenant", None, None), "--by must be owner, key, model, engine, day, or several"),
        (("", None, None), "--by must be owner"),
        (("owner,", None, None), "--by must be owner"),
        (("owner day", None, None), "--by must be owner"),
        ((None, "2026-02-30", None), "--since must be a day such as 2026-11-29"),
        ((None, None, "yesterday"), "--until must be a day such as 2026-11-29"),
        ((None, "20261129", None), "--since must be a day such as 2026-11-29"),
    ],
)
def test_what_cannot_be_asked_is_told_by_its_option(
    words: tuple[str | None, str | None, str | None], message: str
) -> None:
    with pytest.raises(BadField) as refusal:
        usage_asked(*words, dashes="--")

    assert refusal.value.message.startswith(message)


def test_figures_are_plain_decimals() -> None:
    assert figures_of(ANN) == ("0.54", "0.450001", "0", "EUR", "3", "1", "6.5")
    assert figures_of(BOB) == ("1000", "0", "0.000001", "EUR", "10", "10", "0.000000001")
    assert (seconds_shown(0), seconds_shown(5_000_000_000)) == ("0", "5")


def test_amounts_of_two_currencies_are_never_added() -> None:
    other = UsageSum(("ann",), "USD", 1, 2, 3, jobs=4, videos=5, billed_ns=6)

    totals = total_of([ANN, other, BOB])
    assert [each.currency for each in totals] == ["EUR", "USD"]
    assert totals[0].settled_price == 1_000_540_000
    assert totals[1] == UsageSum((), "USD", 1, 2, 3, jobs=4, videos=5, billed_ns=6)


def test_a_table_for_people_has_a_total_below_several_rows() -> None:
    assert lines_of(["owner"], [ANN, BOB]) == [
        "owner  settled price  reserved price  settled cost       jobs  videos      seconds",
        "ann             0.54        0.450001             0  EUR     3       1          6.5",
        "bob             1000               0      0.000001  EUR    10      10  0.000000001",
        "total        1000.54        0.450001      0.000001  EUR    13      11  6.500000001",
    ]
    assert len(lines_of(["key"], [ANN])) == 2
