"""How long an answer asks to be left alone. Pure but for the clock that a date is read against."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from time import time


def retry_after_s(text: str) -> float | None:
    """Of a Retry-After header, seconds or a date, as RFC 9110 has it; None if it is neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except (ValueError, OverflowError):
        return None
