"""How long an answer asks to be left alone. Pure but for the clock that a date is read against."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from time import time

_SECONDS = re.compile(
    r"\s*(\d{1,9}(?:\.\d{1,9})?)\d*\s*(?:s|secs?|seconds?)?\s*(?:,.*)?$", re.ASCII | re.IGNORECASE
)


def retry_after_s(text: str) -> float | None:
    """What a Retry-After header asks for, seconds or a date (RFC 9110); None if it is neither.

    Parts of a second and a unit, which some write beside it, are read too.
    """
    seconds = _SECONDS.match(text)
    if seconds is not None:
        return float(seconds[1])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except (ValueError, OverflowError):
        return None
