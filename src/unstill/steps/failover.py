"""Which of a job's engines is asked next, and when: read from the job's ledger alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from unstill.domain.attempts import AGAIN, Attempt, Outcome
from unstill.domain.backoff import CALL

# An upstream that asks for more is asked once more then: it says so again if it means it.
LONGEST_ADVICE_MS = 600_000

_NEVER_AGAIN = frozenset({Outcome.OPEN, Outcome.UNKNOWN})


class Candidate(msgspec.Struct, frozen=True):
    """An engine that can do the request; a route is a sequence of them."""

    engine: str
    blocked_ms: int  # until when its account is not called; 0 if all is well with it
    is_free_to_repeat: bool  # what it had accepted may be sent again


class NextCall(msgspec.Struct, frozen=True):
    """Which engine is asked, and not before when."""

    engine: str
    due_ms: int
    is_blocked: bool  # it waits for its account
    is_probe: bool  # nobody else may ask the account meanwhile


def next_engine(
    route: Sequence[Candidate], attempts: Sequence[Attempt], now_ms: int
) -> NextCall | None:
    """The engine that may be asked soonest, the earlier in the route among equals.

    attempts: the job's, oldest first. None if every engine has refused for good, or if any may
    have taken the job.
    """
    repeatable = {candidate.engine for candidate in route if candidate.is_free_to_repeat}
    if any(_may_be_taken(attempt, repeatable) for attempt in attempts):
        return None
    choices: list[NextCall] = []
    for candidate in route:
        own = [attempt for attempt in attempts if attempt.engine == candidate.engine]
        if own and own[-1].outcome not in AGAIN | {Outcome.ACCEPTED}:
            continue
        choices.append(
            NextCall(
                engine=candidate.engine,
                due_ms=max(now_ms, candidate.blocked_ms, _again_ms(own)),
                is_blocked=candidate.blocked_ms > now_ms,
                is_probe=0 < candidate.blocked_ms <= now_ms,
            )
        )
    return min(choices, key=lambda choice: choice.due_ms, default=None)


def _may_be_taken(attempt: Attempt, repeatable: set[str]) -> bool:
    if attempt.outcome is Outcome.ACCEPTED:
        return attempt.engine not in repeatable
    return attempt.outcome in _NEVER_AGAIN


def _again_ms(own: Sequence[Attempt]) -> int:
    """When an engine that was asked may be asked again; the ledger keeps what it advised."""
    if not own:
        return 0
    advice_ms = min(own[-1].retry_after_ms, LONGEST_ADVICE_MS)
    return (own[-1].settled_ms or 0) + max(CALL.after_ms(len(own)), advice_ms)
