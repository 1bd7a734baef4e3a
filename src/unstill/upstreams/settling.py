"""What a call comes to that is sent again under its key, to learn what became of it. Pure."""

from __future__ import annotations

from unstill.upstreams.port import Accepted, Doubt, Submission


def as_repeated(submission: Submission) -> Submission:
    """An acceptance counts. A refusal is of the second call alone: the key, a limit and the
    request are looked at before anybody looks whether there was a first.
    """
    match submission:
        case Accepted() | Doubt():
            return submission
        case refused:
            return Doubt(refused.code, f"sent again, it was refused: {refused.message}")
