"""The circuit breaker of an account: after refusals it is left alone for a while. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from unstill.domain.attempts import Attempt, Outcome
from unstill.domain.backoff import ACCOUNT

# A breaker opens at the third refusal in a row that is the account's, and lets one call through
# after a pause that doubles with each such call that is refused.
REFUSALS_TO_OPEN = 3
RECENT_ATTEMPTS = 12  # enough to count to the longest pause
# They say nothing of an account: a reply was lost, or there was no call.
_TELL_NOTHING = frozenset({Outcome.UNKNOWN, Outcome.UNPREPARED})


def blocked_until_ms(recent: Sequence[Attempt]) -> int:
    """Until when an account's breaker is open, in Unix milliseconds; 0 if all is well with it.

    Nobody calls the account before.

    Once that moment is past, one call at a time finds out whether all is well again.
    recent: its settled attempts, newest first.
    """
    telling = (attempt for attempt in recent if attempt.outcome not in _TELL_NOTHING)
    refusals = list(takewhile(lambda attempt: attempt.of_account, telling))
    if len(refusals) < REFUSALS_TO_OPEN:
        return 0
    opened_ms = refusals[-REFUSALS_TO_OPEN].settled_ms or 0
    # Calls that were under way already when it opened have learnt nothing since.
    probes = sum(attempt.intent_ms >= opened_ms for attempt in refusals[:-REFUSALS_TO_OPEN])
    pause_ms = ACCOUNT.after_ms(probes + 1)
    return (refusals[0].settled_ms or 0) + pause_ms
