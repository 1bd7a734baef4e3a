"""What nobody needs any more: files of deleted jobs, old uploads, old rows, folders of no job.

A folder without a row is no proof that nobody needs it: the rows may be what was lost. Only one
that says that this very store began it, and that it never had a row, is taken, and only aside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from unstill.domain.errors import StorageFailed, StorageFull
from unstill.files.port import Files
from unstill.files.uploads import Uploads
from unstill.store.local_duties import ALWAYS
from unstill.store.ports.duties import Term
from unstill.store.ports.retention import Retention
from unstill.store.ports.store_state import StoreState
from unstill.system.job_folders import JobFolder

log = structlog.get_logger()

INTERVAL_S = 600.0
# Pictures are kept before their row is committed: a folder may be young and without one.
LOST_AFTER_S = 3600.0
LOST_KEPT_S = 7 * 24 * 3600  # set aside, for whoever misses them
# A round looks at so many folders, and the next one goes on behind them: in a bucket a request for
# each few hundred of them is paid for.
LOOKED_AT_IN_A_ROUND = 100_000
# So many of all folders go in one round: more at once are more likely a mistake.
LOST_SHARE = 0.01
LOST_AT_LEAST = 20
ROWS_KEPT_MS = (
    30 * 24 * 3600 * 1000
)  # deleted jobs keep them, for whoever checks the month's accounts


class Sweep:
    """Comes round now and then; each round may be ended at any point."""

    def __init__(
        self,
        *,
        retention: Retention,
        store_state: StoreState,
        files: Files,
        uploads: Uploads,
        clock_ms: Callable[[], int],
        looked_at_in_a_round: int = LOOKED_AT_IN_A_ROUND,
    ) -> None:
        self._most = looked_at_in_a_round
        self._retention = retention
        self._store_state = store_state
        self._files = files
        self._uploads = uploads
        self._clock_ms = clock_ms
        self._after = ""  # the job that the last round came to; empty: to the end
        self._unknown_so_far = 0  # folders without a row that stay, in the rounds of this walk
        self._unknown = 0  # in those of the last one

    async def run(self, term: Term = ALWAYS) -> None:
        """Sweep at once and then every ten minutes, for as long as the term goes on."""
        while True:
            try:
                if not await term.goes_on():
                    return
                await self.sweep()
            except Exception as error:  # a round that failed does not end the rounds
                log.exception("sweep_failed", why=type(error).__name__)
            await asyncio.sleep(INTERVAL_S)

    async def sweep(self) -> None:
        """One round. Raises OwnError if the rows or the folders cannot be read."""
        await self._forget_rows()
        await self._uploads.sweep(self._clock_ms() / 1000)
        await self._files.drop_lost(self._day(-LOST_KEPT_S))
        await self._sweep_folders()

    async def _forget_rows(self) -> None:
        before_ms = self._clock_ms() - ROWS_KEPT_MS
        after = ""
        while ids := await self._retention.long_deleted(before_ms, after=after):
            for job_id in ids:
                if await self._remove(job_id):
                    await self._retention.forget(job_id)
            after = ids[-1]

    async def _sweep_folders(self) -> None:
        count, unknown, begun = 0, 0, list[str]()
        async for folders in self._files.folders(after=self._after):
            count += len(folders)
            standing = await self._retention.standing([folder.job_id for folder in folders])
            for folder in folders:
                is_needed = standing.get(folder.job_id)
                if is_needed is False:
                    await self._remove(folder.job_id)
                elif is_needed is None and self._is_old(folder):
                    is_ours = (
                        await self._files.begun_by(folder.job_id) == self._store_state.store_id
                    )
                    (begun.append(folder.job_id) if is_ours else None)
                    unknown += not is_ours
            if folders and count >= self._most:
                self._after = folders[-1].job_id
                self._unknown_so_far += unknown
                break
        else:
            self._end_walk(unknown)
        await self._set_aside(begun, most=max(LOST_AT_LEAST, round(LOST_SHARE * count)))

    def _end_walk(self, unknown: int) -> None:
        """All folders have been looked at, and the next round begins anew."""
        unknown += self._unknown_so_far
        self._after, self._unknown_so_far = "", 0
        if unknown != self._unknown:
            self._unknown = unknown
            log.warning("folders_without_job", count=unknown, mend="unstill doctor")

    async def _set_aside(self, job_ids: Sequence[str], *, most: int) -> None:
        for job_id in job_ids[:most]:
            day = self._day()
            try:
                await self._files.set_aside(job_id, day)
            except (StorageFull, StorageFailed) as error:
                log.warning("files_not_removed", job_id=job_id, why=error.message)
            else:
                log.warning("folder_lost", job_id=job_id, moved_to=f"lost/{day}")
        if len(job_ids) > most:
            log.warning("folders_left_for_later", count=len(job_ids) - most)

    def _day(self, later_s: int = 0) -> str:
        moment = datetime.fromtimestamp(self._clock_ms() / 1000 + later_s, UTC)
        return f"{moment:%Y-%m-%d}"

    def _is_old(self, folder: JobFolder) -> bool:
        return folder.changed_at_s < self._clock_ms() / 1000 - LOST_AFTER_S

    async def _remove(self, job_id: str) -> bool:
        """Remove its files; whether they are gone. One that cannot be removed holds up no other."""
        try:
            await self._files.remove(job_id)
        except (StorageFull, StorageFailed) as error:
            log.warning("files_not_removed", job_id=job_id, why=error.message)
            return False
        return True
