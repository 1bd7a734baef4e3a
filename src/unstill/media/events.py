"""What a child program is told and what it says: one JSON line each way, on stdin and stdout."""

from __future__ import annotations

import msgspec

from unstill.system.machine import Confinement


class Task(msgspec.Struct, frozen=True):
    """One piece of work; `args` is decoded by the child, as the type that its function names."""

    task: str
    args: msgspec.Raw


class ChildReady(msgspec.Struct, frozen=True, tag_field="event", tag="ready"):
    """The child's first words: it is imported, confined, and takes tasks."""

    confinement: Confinement


class Progress(msgspec.Struct, frozen=True, tag_field="event", tag="progress"):
    fraction: float


class TaskDone(msgspec.Struct, frozen=True, tag_field="event", tag="done"):
    result: msgspec.Raw


class TaskRefused(msgspec.Struct, frozen=True, tag_field="event", tag="failed"):
    """The task ended with an UnstillError; the child is well and takes the next task."""

    code: str
    message: str
    param: str | None = None


Event = ChildReady | Progress | TaskDone | TaskRefused
