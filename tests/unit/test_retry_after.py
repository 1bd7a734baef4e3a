"""For how long an answer asks to be left alone, in every spelling."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from unstill.net.retry_after import retry_after_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("3.5", 3.5),
        ("120s", 120.0),
        ("2 seconds", 2.0),
        ("5, 5", 5.0),
        ("9" * 30, 999_999_999.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_seconds_are_read_in_every_spelling(text: str, seconds: float) -> None:
    assert retry_after_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "-5", "soon", "1e3", "inf", "nan", "5 minutes", "Wed, 21 Oct 99999 07:28:00 GMT"]
)
def test_what_says_no_time_is_none(text: str) -> None:
    assert retry_after_s(text) is None


def test_a_date_is_read_against_the_clock() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)

    assert 90 < (retry_after_s(date) or 0) <= 100
