"""What a child program is told and what it says: one JSON line each way, on stdin and stdout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec

from unstill.system.machine import Confinement

MOST_NOTE_FIELDS = 20
MOST_NOTE_CHARS = 1000  # in one text of a note

_NOTE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# What a line of the log has already, or structlog means something else by.
_LOGS_OWN = frozenset(
    {
        *("engine", "event", "exc_info", "exception", "level", "log_level", "method_name"),
        *("job_id", "owner", "program", "request_id", "self", "slot", "stack_info", "timestamp"),
        "trace_id",
    }
)

NoteText = Annotated[str, msgspec.Meta(max_length=MOST_NOTE_CHARS)]
NoteValue = NoteText | int | float | bool


class Task(msgspec.Struct, frozen=True):
    """One piece of work; `args` is decoded by the child, as the type that its function names."""

    task: str
    args: msgspec.Raw
    number: int = 0  # by which it can be stopped; a pool has each number once


class Stop(msgspec.Struct, frozen=True):
    """The task of this number is to end; a child that has it no more goes on as it was."""

    stop: int


class ChildReady(msgspec.Struct, frozen=True, tag_field="event", tag="ready"):
    """The child's first words: it is imported, confined, and takes tasks."""

    confinement: Confinement


class Progress(msgspec.Struct, frozen=True, tag_field="event", tag="progress"):
    fraction: float


class ChildNote(msgspec.Struct, frozen=True, tag_field="event", tag="note"):
    """What a child has to say of itself while it works: a line of the log, named in snake_case."""

    name: str
    fields: Mapping[str, NoteValue] = {}

    def __post_init__(self) -> None:
        """Raises ValueError, also where it is decoded, if the log could not have it."""
        for name in (self.name, *self.fields):
            if not _NOTE_NAME.fullmatch(name) or name in _LOGS_OWN:
                raise ValueError(f"a note has no name such as {name[:80]!r}")
        if len(self.fields) > MOST_NOTE_FIELDS:
            raise ValueError(f"a note has at most {MOST_NOTE_FIELDS} fields")


class TaskDone(msgspec.Struct, frozen=True, tag_field="event", tag="done"):
    result: msgspec.Raw


class TaskRefused(msgspec.Struct, frozen=True, tag_field="event", tag="failed"):
    """The task ended with an UnstillError; the child is well and takes the next task."""

    code: str
    message: str
    param: str | None = None


class TaskLeft(msgspec.Struct, frozen=True, tag_field="event", tag="left"):
    """The task was stopped as it was told; the child is well and takes the next task."""


LastWord = TaskDone | TaskRefused | TaskLeft
Event = ChildReady | Progress | ChildNote | LastWord
