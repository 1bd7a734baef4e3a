"""The guarded write of a change as SQL: the columns that it sets, and what it may start from."""

from __future__ import annotations

from functools import cache

from unstill.domain.job import Change
from unstill.store.change_shape import ChangeShape, shape_of
from unstill.store.job_rows import NAMES, Value, value_of
from unstill.store.move_texts import at_ms_of, noting_sql


def update(
    job_id: str, change: Change, attempt: int | None, now_ms: int
) -> tuple[str, list[Value]]:
    """The guarded write of `change` and its parameters; it gives the new row, or none.

    Raises ValueError for a change that no job may make, whatever its state.
    """
    shape = shape_of(change, attempt)
    values = [value_of(column, value) for column, value in change.sets.items()]
    if change.to is not None:
        values.append(at_ms_of(change, now_ms))
    if shape.names_server:
        values.append(None if change.lease is None else change.lease.server)
    values.append(job_id)
    if attempt is not None:
        values.append(attempt)
    if change.held_by is not None:
        values.append(change.held_by)
    return _update_sql(shape), values


@cache
def _update_sql(shape: ChangeShape) -> str:
    shape.check()
    sets = ["state = state" if shape.to is None else f"state = '{shape.to}'"]
    sets += [f"{column} = ?" for column in shape.columns]
    sets += [] if shape.to is None else [noting_sql(shape.to, "(? - created_ms)")]
    sets += ["leased_by = ?"] * shape.names_server
    sets += ["attempt = attempt + 1"] * shape.starts + ["deaths = deaths + 1"] * shape.dies
    guard = "id = ?" + " AND attempt = ?" * shape.has_attempt
    guard += " AND leased_by = ?" * shape.is_of_server + " AND ticket IS NULL" * shape.is_local
    states = ", ".join(f"'{state}'" for state in sorted(shape.of))
    return (
        f"UPDATE jobs SET {', '.join(sets)} "  # noqa: S608  - checked above
        f"WHERE {guard} AND state IN ({states}) RETURNING {NAMES}"
    )
