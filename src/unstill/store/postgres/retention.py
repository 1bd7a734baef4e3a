"""What is kept of jobs and what goes, as the sweeps of one server ask for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unstill.domain.job import IN_DOUBT, Job
from unstill.domain.job_ids import first_id
from unstill.domain.money import ChargeKind
from unstill.store import job_rows
from unstill.store.ports.retention import KEY_KNOWN_MS, RETRY_KNOWN_MS, Kept
from unstill.store.postgres import deliveries
from unstill.store.postgres.database import Database, WriteUnit

CHUNK = 1_000  # ids in one read
PIECE = 100  # jobs in one read

_PICTURES, _VIDEO = 1, 2  # in the column `removed`
# Not EXISTS: that is answered for all rows at once, and a piece of them is asked for.
_OWES = "coalesce((SELECT state = 'owed' FROM deliveries WHERE job_id = jobs.id), FALSE)"
# A call that nobody knows the end of: it may have been paid for, and its row is all that tells so.
# An operator's word ends that.
_IS_RESOLVED = "(SELECT TRUE FROM resolutions WHERE job_id = jobs.id) IS NOT NULL"
_FAILED_IN_DOUBT = f"coalesce(failure::jsonb ->> 'code', '') = '{IN_DOUBT}'"
# One with money, which is reserved until then, cannot be resolved without its row.
_IS_RESERVED = (
    f"coalesce((SELECT bool_or(kind = '{ChargeKind.RESERVE}') "  # noqa: S608  - our words
    f"AND NOT bool_or(kind IN ('{ChargeKind.SETTLE}', '{ChargeKind.RELEASE}')) "
    "FROM charges WHERE job_id = jobs.id), FALSE)"
)
_IS_IN_DOUBT = (
    f"NOT ({_IS_RESOLVED}) AND ({_FAILED_IN_DOUBT} OR {_IS_RESERVED} OR "  # noqa: S608  - no value
    "(SELECT TRUE FROM attempts WHERE job_id = jobs.id AND outcome IN ('open', 'unknown') LIMIT 1) "
    "IS NOT NULL)"
)
_MAY_BE_SENT_AGAIN = (
    "coalesce((SELECT marks.created_ms > CASE WHEN key IS NULL THEN $5::bigint ELSE $6::bigint END "
    "FROM marks WHERE job_id = jobs.id), FALSE)"
)
_HAS = {
    Kept.VIDEO: f"state = 'succeeded' AND removed & {_VIDEO} = 0",
    Kept.PICTURES: f"removed & {_PICTURES} = 0",
    Kept.FAILED_PICTURES: f"state IN ('failed', 'cancelled') AND removed & {_PICTURES} = 0",
    Kept.ROW: f"NOT {_MAY_BE_SENT_AGAIN}",
}
_ENDED = (
    f"SELECT {job_rows.NAMES} FROM jobs WHERE ended_ms IS NOT NULL AND ended_ms < $1 "  # noqa: S608  - field names
    f"AND (ended_ms, id) > ($2, $3) AND {{has}} AND is_hidden = 0 AND NOT {_OWES} "
    f"AND NOT ({_IS_IN_DOUBT}) ORDER BY ended_ms, id LIMIT $4"
)
_GUARD = f"id = $1 AND ended_ms IS NOT NULL AND is_hidden = 0 AND NOT {_OWES}"
_VIDEO_REMOVED = (
    f"UPDATE jobs SET removed = removed | {_VIDEO}, "  # noqa: S608  - a number
    "video = jsonb_set(video::jsonb, '{removed_ms}', to_jsonb($2::bigint))::text "
    f"WHERE {_GUARD}"
)
_PICTURES_REMOVED = f"UPDATE jobs SET removed = removed | {_PICTURES} WHERE {_GUARD}"  # noqa: S608
# Guarded: a job that is not hidden, or not final, keeps its row.
_FORGET = (
    "DELETE FROM jobs WHERE id = $1 AND is_hidden = 1 "  # noqa: S608  - state names
    f"AND state IN ({job_rows.FINAL_STATES}) AND NOT {_IS_RESERVED}"
)
_DROP_ROW = f"DELETE FROM jobs WHERE {_GUARD}"  # noqa: S608  - a number
# What goes with a row; nothing where the job has kept it.
_OF_ROW = (
    *(
        f"DELETE FROM {table} WHERE job_id = $1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = $1)"  # noqa: S608  - ours
        for table in ("attempts", "marks")
    ),
    deliveries.FORGET,
)
LONG_DELETED = (
    f"SELECT id FROM jobs WHERE is_hidden = 1 AND state IN ({job_rows.FINAL_STATES}) "  # noqa: S608  - state names
    "AND id > $1 AND id < $2 ORDER BY id LIMIT $3"
)
_NEEDED = (
    f"SELECT id, NOT (is_hidden = 1 AND state IN ({job_rows.FINAL_STATES})) FROM jobs "  # noqa: S608  - state names
    "WHERE id = ANY($1::text[])"
)


def ended_sql(kept: Kept) -> str:
    """Parameters: before, the place behind which, limit; of rows also when retries and keys end."""
    return _ENDED.replace("{has}", _HAS[kept])


class PostgresRetention:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def ended(
        self, kept: Kept, before_ms: int, *, now_ms: int, after: Job | None = None
    ) -> Sequence[Job]:
        place = (0, "") if after is None else (after.ended_ms or 0, after.id)
        bounds: tuple[object, ...] = (before_ms, *place, PIECE)
        if kept is Kept.ROW:
            bounds = (*bounds, now_ms - RETRY_KNOWN_MS, now_ms - KEY_KNOWN_MS)
        found = await self._database.rows(ended_sql(kept), *bounds)
        return [job_rows.job_of(tuple(row)) for row in found]

    async def note_removed(self, job_id: str, kept: Kept, now_ms: int) -> None:
        match kept:
            case Kept.VIDEO:
                await self._database.execute(_VIDEO_REMOVED, job_id, now_ms)
            case Kept.PICTURES | Kept.FAILED_PICTURES:
                await self._database.execute(_PICTURES_REMOVED, job_id)
            case Kept.ROW:
                await self._drop(job_id, _DROP_ROW)

    async def long_deleted(self, before_ms: int, *, after: str = "") -> Sequence[str]:
        bounds = (after, first_id(before_ms), CHUNK)
        return [job_id for (job_id,) in await self._database.rows(LONG_DELETED, *bounds)]

    async def standing(self, job_ids: Sequence[str]) -> Mapping[str, bool]:
        found: dict[str, bool] = {}
        for first in range(0, len(job_ids), CHUNK):
            chunk = list(job_ids[first : first + CHUNK])
            found |= map(tuple, await self._database.rows(_NEEDED, chunk))
        return found

    async def forget(self, job_id: str) -> None:
        await self._drop(job_id, _FORGET)

    async def _drop(self, job_id: str, of_row: str) -> None:
        async def delete(unit: WriteUnit) -> None:
            for sql in (of_row, *_OF_ROW):
                await unit.run(sql, job_id)

        await self._database.write(delete)
