"""What one server does of all the work, where several are on one job store; a value."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Self

import msgspec

from unstill.domain.errors import OperatorError, shown


class WorkKind(StrEnum):
    """The kinds of work, in the words of operators; the order is that of a job's way."""

    FRAMES = "frames"  # pictures are fetched and checked
    RENDER = "render"  # by the engines of this machine
    CALLS = "calls"  # that may cost: submits to engines on somebody else's servers
    POLLS = "polls"  # what became of these
    SAVE = "save"  # videos are fetched, checked, and kept
    WEBHOOKS = "webhooks"
    UPKEEP = "upkeep"  # what is over is removed, and what servers left behind is judged


OF_AN_ENGINE = frozenset({WorkKind.RENDER, WorkKind.CALLS, WorkKind.POLLS, WorkKind.SAVE})
# What `--engines` means alone: a machine that was got for an engine does nothing else.
BY_AN_ENGINE = frozenset({WorkKind.RENDER, WorkKind.CALLS, WorkKind.POLLS})


class ServerRole(msgspec.Struct, frozen=True):
    """Which work a server does.

    engines: whose work it does, of the work that is an engine's; None: everybody's, also of
    engines that are no longer configured.
    """

    work: frozenset[WorkKind] = frozenset(WorkKind)
    engines: frozenset[str] | None = None

    @classmethod
    def of_words(
        cls, words: Sequence[str], engines: Sequence[str], *, known: Collection[str]
    ) -> Self:
        """As an operator says it. Raises OperatorError for a word or an engine that there is not.

        words: kinds of work; none: all, or what the `engines` themselves do, where some are given.
        known: the engines of the settings.
        """
        for word in words:
            if word not in tuple(WorkKind):
                raise OperatorError(f"--lanes: must be of {', '.join(WorkKind)}, got {shown(word)}")
        for name in engines:
            if name not in known:
                there_are = ", ".join(sorted(known))
                raise OperatorError(f"--engines: must be of {there_are}, got {shown(name)}")
        of_all = BY_AN_ENGINE if engines else frozenset(WorkKind)
        work = frozenset(map(WorkKind, words)) or of_all
        if engines and not work & OF_AN_ENGINE:
            none_s = ", ".join(sorted(work))
            raise OperatorError(f"--engines: say nothing of {none_s}: leave them out")
        return cls(work, frozenset(engines) if engines else None)

    def does(self, work: WorkKind) -> bool:
        """Whether it does any of that work."""
        return work in self.work

    def does_of(self, engine: str, work: WorkKind) -> bool:
        """Whether it does that work of an engine."""
        return work in self.work and (self.engines is None or engine in self.engines)

    @property
    def makes_videos(self) -> bool:
        """Whether it opens pictures or videos on a job's way: a broken installation fails jobs."""
        return not self.work.isdisjoint({WorkKind.FRAMES, WorkKind.RENDER, WorkKind.SAVE})


ALL_WORK = ServerRole()
NO_WORK = ServerRole(frozenset())
