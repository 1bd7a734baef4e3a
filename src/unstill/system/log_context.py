"""What the log says of a line that does not say itself whose job it is about.

A call to an upstream, a child's note, an address that is refused: who writes such a line knows no
job, and is always at work for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from structlog.typing import EventDict, WrappedLogger

_about: ContextVar[Mapping[str, str]] = ContextVar("about")
_nobody: Mapping[str, str] = {}


@contextmanager
def lines_about(fields: Mapping[str, str]) -> Iterator[None]:
    """Let the lines that are written inside, by tasks that are begun there too, have `fields`.

    fields: those of one job, `job_id` among them.
    """
    token = _about.set(fields)
    try:
        yield
    finally:
        _about.reset(token)


def add_job(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Complete a line by the job that is worked for, unless it is about another one."""
    about = _about.get(_nobody)
    if about and event.get("job_id", about["job_id"]) == about["job_id"]:
        return {**about, **event}
    return event
