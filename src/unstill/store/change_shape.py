"""What the statement of a change depends on, in whichever store."""

from __future__ import annotations

from typing import NamedTuple

from unstill.domain.job import MOVES, Change, ChangedFields, State


class ChangeShape(NamedTuple):
    """What of a change its statement depends on."""

    of: frozenset[State]
    to: State | None
    columns: tuple[str, ...]
    starts: bool
    dies: bool
    is_local: bool
    names_server: bool  # who has the job under way is written, be it nobody
    is_of_server: bool
    has_attempt: bool

    def check(self) -> None:
        """Raises ValueError for a change that no job may make, whatever its state."""
        if unknown := set(self.columns) - ChangedFields.__optional_keys__:
            raise ValueError(f"a change may not set {', '.join(sorted(unknown))}")
        for state in sorted(self.of):
            if self.to is not None and self.to not in MOVES[state]:
                raise ValueError(f"no job moves from {state} to {self.to}")


def shape_of(change: Change, attempt: int | None) -> ChangeShape:
    return ChangeShape(
        change.of,
        change.to,
        tuple(change.sets),
        starts=change.starts,
        dies=change.dies,
        is_local=change.is_local,
        names_server=change.starts or change.lease is not None,
        is_of_server=change.held_by is not None,
        has_attempt=attempt is not None,
    )
