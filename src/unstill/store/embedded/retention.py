"""What is kept of jobs and what goes, as the sweeps ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw

from unstill.domain.job import IN_DOUBT, Job
from unstill.domain.job_ids import first_id
from unstill.store import job_rows
from unstill.store.book_rows import IS_RESERVED
from unstill.store.embedded import deliveries, rows
from unstill.store.embedded.handle import Handle
from unstill.store.job_rows import NAMES, Value
from unstill.store.ports.retention import KEY_KNOWN_MS, RETRY_KNOWN_MS, Kept

CHUNK = 1_000  # ids in one read
PIECE = 100  # jobs in one read

_PICTURES, _VIDEO = 1, 2  # in the column `removed`
_OWES = "EXISTS (SELECT 1 FROM deliveries WHERE job_id = id AND deliveries.state = 'owed')"
# A call that nobody knows the end of: it may have been paid for, and its row is all that tells so.
# An operator's word ends that.
_IS_RESOLVED = "EXISTS (SELECT 1 FROM resolutions WHERE job_id = jobs.id)"
_FAILED_IN_DOUBT = f"coalesce(failure ->> '$.code', '') = '{IN_DOUBT}'"
# One with money, which is reserved until then, cannot be resolved without its row.
_IS_IN_DOUBT = (
    f"NOT {_IS_RESOLVED} AND ({_FAILED_IN_DOUBT} OR {IS_RESERVED} OR EXISTS "  # noqa: S608  - no value
    "(SELECT 1 FROM attempts WHERE job_id = id AND outcome IN ('open', 'unknown')))"
)
_MAY_BE_SENT_AGAIN = (
    "EXISTS (SELECT 1 FROM marks WHERE job_id = id AND "
    "marks.created_ms > CASE WHEN key IS NULL THEN ?5 ELSE ?6 END)"
)
_HAS = {
    Kept.VIDEO: f"state = 'succeeded' AND removed & {_VIDEO} = 0",
    Kept.PICTURES: f"removed & {_PICTURES} = 0",
    Kept.FAILED_PICTURES: f"state IN ('failed', 'cancelled') AND removed & {_PICTURES} = 0",
    Kept.ROW: f"NOT {_MAY_BE_SENT_AGAIN}",
}
_ENDED = (
    f"SELECT {NAMES} FROM jobs WHERE ended_ms IS NOT NULL AND ended_ms < ?1 "  # noqa: S608  - field names
    f"AND (ended_ms, id) > (?2, ?3) AND {{has}} AND is_hidden = 0 AND NOT {_OWES} "
    f"AND NOT ({_IS_IN_DOUBT}) ORDER BY ended_ms, id LIMIT ?4"
)
_GUARD = f"id = ?1 AND ended_ms IS NOT NULL AND is_hidden = 0 AND NOT {_OWES}"
_VIDEO_REMOVED = (
    f"UPDATE jobs SET removed = removed | {_VIDEO}, "  # noqa: S608  - a number
    f"video = json_set(video, '$.removed_ms', ?2) WHERE {_GUARD}"
)
_PICTURES_REMOVED = f"UPDATE jobs SET removed = removed | {_PICTURES} WHERE {_GUARD}"  # noqa: S608
# Guarded: a job that is not hidden, or not final, keeps its row.
_FORGET = (
    "DELETE FROM jobs WHERE id = ? AND is_hidden = 1 "  # noqa: S608  - state names
    f"AND state IN ({job_rows.FINAL_STATES}) AND NOT {IS_RESERVED}"
)
_DROP_ROW = f"DELETE FROM jobs WHERE {_GUARD}"  # noqa: S608  - a number


def ended_sql(kept: Kept) -> str:
    """Parameters: before, the place behind which, limit; of rows also when retries and keys end."""
    return _ENDED.format(has=_HAS[kept])


class EmbeddedRetention:
    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def ended(
        self, kept: Kept, before_ms: int, *, now_ms: int, after: Job | None = None
    ) -> Sequence[Job]:
        place = (0, "") if after is None else (after.ended_ms or 0, after.id)
        bounds: tuple[Value, ...] = (before_ms, *place, PIECE)
        if kept is Kept.ROW:
            bounds = (*bounds, now_ms - RETRY_KNOWN_MS, now_ms - KEY_KNOWN_MS)
        found = await self._handle.opened.ledger.select(ended_sql(kept), bounds)
        return [job_rows.job_of(row) for row in found]

    async def note_removed(self, job_id: str, kept: Kept, now_ms: int) -> None:
        match kept:
            case Kept.VIDEO:
                await self._handle.execute(_VIDEO_REMOVED, (job_id, now_ms))
            case Kept.PICTURES | Kept.FAILED_PICTURES:
                await self._handle.execute(_PICTURES_REMOVED, (job_id,))
            case Kept.ROW:
                await self._drop(job_id, _DROP_ROW)

    async def long_deleted(self, before_ms: int, *, after: str = "") -> Sequence[str]:
        bounds = (after, first_id(before_ms), CHUNK)
        found = await self._handle.opened.ledger.select(rows.LONG_DELETED, bounds)
        return [job_id for (job_id,) in found]

    async def standing(self, job_ids: Sequence[str]) -> Mapping[str, bool]:
        found: dict[str, bool] = {}
        for first in range(0, len(job_ids), CHUNK):
            chunk = tuple(job_ids[first : first + CHUNK])
            is_needed = await self._handle.opened.ledger.select(rows.needed(len(chunk)), chunk)
            found |= {job_id: flag == 1 for job_id, flag in is_needed}
        return found

    async def forget(self, job_id: str) -> None:
        await self._drop(job_id, _FORGET)

    async def _drop(self, job_id: str, of_row: str) -> None:
        def delete(connection: apsw.Connection) -> None:
            connection.execute(of_row, (job_id,))
            connection.execute(rows.FORGET_ATTEMPTS, (job_id,))
            connection.execute(rows.FORGET_MARK, (job_id,))
            connection.execute(deliveries.FORGET, (job_id,))

        await self._handle.opened.writer.write(delete)
