"""Counts of calls to upstreams: what submits came to, and how many calls had no good answer."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from unstill.domain.attempts import Outcome

# Few words, so that they can be counted by: whoever asks and whatever it answers.
CodeClass = Literal["unreached", "no_answer", "key", "busy", "4xx", "5xx", "other"]


class CallCounts:
    """All engines' together; kept by whoever makes a call."""

    def __init__(self) -> None:
        self.submits: Counter[tuple[str, Outcome]] = Counter()  # by engine and outcome
        self.errors: Counter[tuple[str, CodeClass]] = Counter()  # by engine, polls among them

    def submitted(self, engine: str, outcome: Outcome) -> None:
        self.submits[engine, outcome] += 1

    def answered(self, engine: str, status: int) -> None:
        """Count an HTTP status that is an error."""
        code_class = code_class_of(status)
        if code_class is not None:
            self.errors[engine, code_class] += 1

    def unanswered(self, engine: str, *, is_sent: bool) -> None:
        self.errors[engine, "no_answer" if is_sent else "unreached"] += 1


def code_class_of(status: int) -> CodeClass | None:
    """The class of an HTTP status; None where it is no error."""
    match status:
        case _ if 200 <= status < 300:
            return None
        case 401 | 402 | 403:  # the key, or the bill
            return "key"
        case 429:
            return "busy"
        case _ if 400 <= status < 500:
            return "4xx"
        case _ if 500 <= status < 600:
            return "5xx"
        case _:
            return "other"
