"""The lines in which jobs wait for their lanes, and the entry that each change of a job puts there.

A lane is a line of its own; those of engines that share an upstream account are one, as its slots
are one limit for all servers. The entry is written in the unit that writes the row. What was not
put by that, as a server knew no such lane or nobody was there to write it, the sweep puts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from unstill.domain.job import Job, State
from unstill.domain.owner import Owner
from unstill.store import job_rows
from unstill.store.ports.queue import Lane, Turnstile
from unstill.store.postgres.database import Database, WriteUnit
from unstill.store.postgres.entries import Entries, Entry, NewEntry
from unstill.store.postgres.tags import Tags

CHUNK = 1_000  # rows in one read

_PARK = "UPDATE jobs SET is_parked = 1 WHERE id = $1 AND state = 'ready'"
_WRITTEN = (
    "SELECT entry.id, entry.dedupe_key, entry.priority, entry.status = 'picked', jobs.owner "
    "FROM unstill_pgqueuer AS entry JOIN jobs ON jobs.id = split_part(entry.dedupe_key, ':', 1) "
    "WHERE entry.id > $1 ORDER BY entry.id LIMIT $2"
)
_ROWS = f"SELECT {job_rows.NAMES} FROM jobs WHERE id = ANY($1::text[])"  # noqa: S608  - field names
_HASTEN = (
    "UPDATE unstill_pgqueuer SET execute_after = now() "
    "WHERE dedupe_key = $1 AND status = 'queued' AND execute_after > now()"
)
_LOWERED = "SELECT line, lowered FROM line_tags"


class LineOfLane(msgspec.Struct, frozen=True):
    """What entries of a lane are put by."""

    name: str
    is_by_owner: bool  # each owner's entries have an entrypoint of their own
    limit: int  # how many all servers may have in hand; 0 is no limit
    begins_jobs: bool

    @classmethod
    def of(cls, lane: Lane) -> LineOfLane:
        if lane.shared_by:
            return cls(f"calls:{lane.shared_by}", False, lane.slots, lane.begins_jobs)
        return cls(lane.name, lane.keeps_room, 0, lane.begins_jobs)

    def entrypoint(self, owner: Owner) -> str:
        return f"{self.name}/{owner}" if self.is_by_owner else self.name


def key_of(job_id: str, lane: str) -> str:
    """The one entry of a job on a lane."""
    return f"{job_id}:{lane}"


def parts_of(entry: Entry) -> tuple[str, str]:
    """Its job and its lane."""
    job_id, _, lane = (entry.payload or b"").decode().partition(":")
    return job_id, lane


class Lines:
    """The lines as one server knows them."""

    def __init__(self, database: Database, entries: Entries, clock_ms: Callable[[], int]) -> None:
        self.tags = Tags()
        self.turnstile: Turnstile | None = None
        self.under_way: dict[str, list[str]] = {}  # this server's steps: by job, their lanes
        # Told of the line of each job that is put, and after how many seconds it is due.
        self.placed: Callable[[str, float], None] = _nobody
        self._database = database
        self._entries = entries
        self._clock_ms = clock_ms
        self._lines: dict[str, LineOfLane] = {}  # by lane
        self._heard: set[str] | None = None  # while the lines are read: jobs that have moved

    def know(self, lanes: Iterable[Lane]) -> None:
        self._lines |= {lane.name: LineOfLane.of(lane) for lane in lanes}

    def of(self, lane: str | None) -> LineOfLane | None:
        """None of no lane, and of one that this server does not know."""
        return None if lane is None else self._lines.get(lane)

    @property
    def names(self) -> Sequence[str]:
        return sorted({line.name for line in self._lines.values()})

    # --- putting -------------------------------------------------------------------------------

    def foresee(self, job: Job) -> int | None:
        """The tag of a new job, reserved before it is written: jobs are in line as they came."""
        line = self.of(job.lane)
        return None if line is None else self.tags.reserve(line.name, job.owner)

    def came_to_nothing(self, job: Job, tag: int | None) -> None:
        """The new job was not stored."""
        line = self.of(job.lane)
        if line is not None and tag is not None:
            self.tags.give_back(line.name, job.owner, tag)

    async def follow(self, unit: WriteUnit, job: Job, tag: int | None = None) -> None:
        """Put the job where it waits by the change that the unit has just written.

        Asked before its listeners are given to the unit. A step's own lane gets no entry: the step
        has one in hand, and puts it off.
        """
        line = self.of(job.lane)
        if line is None or job.lane in self.under_way.get(job.id, ()):
            return
        if line.begins_jobs and self.is_held(job):
            await unit.run(_PARK, job.id)
            return
        await self.put(unit, [job], tag)

    async def put(self, unit: WriteUnit, jobs: Sequence[Job], tag: int | None = None) -> None:
        """Let jobs wait whose lanes are known."""
        now_ms = self._clock_ms()
        entries = []
        for job in jobs:
            line, lane = self.of(job.lane), job.lane
            if line is None or lane is None:
                continue
            own = self._tag_in(line, job) if tag is None else tag
            entrypoint, key = line.entrypoint(job.owner), key_of(job.id, lane)
            delay_s = (job.due_ms - now_ms) / 1000
            entries.append(NewEntry(entrypoint, key, self.tags.priority(line.name, own), delay_s))
            unit.after.append(self._placing(line, job, own, delay_s))
        await self._entries.put(unit, entries)

    async def put_behind(self, unit: WriteUnit, job: Job) -> None:
        """Let a job wait that has had its turn, behind its owner's others."""
        line = self.of(job.lane)
        if line is not None:
            await self.put(unit, [job], self.tags.reserve(line.name, job.owner))

    def _tag_in(self, line: LineOfLane, job: Job) -> int:
        place = self.tags.place_of(job.id)
        if place is not None and place.line == line.name:
            return place.tag
        return self.tags.reserve(line.name, job.owner)

    def _placing(self, line: LineOfLane, job: Job, tag: int, delay_s: float) -> Callable[[], None]:
        def place() -> None:
            self.tags.put(job.id, line.name, job.owner, tag)
            self.placed(line.name, delay_s)

        return place

    # --- holding -------------------------------------------------------------------------------

    def is_held(self, job: Job) -> bool:
        """Whether somebody's limit lets the job not be begun now."""
        turnstile = self.turnstile
        if turnstile is None:
            return False
        return not turnstile.may_begin(job.owner) or turnstile.holder_of(job.id) is not None

    async def park(self, entry: Entry, job: Job) -> None:
        """Let it wait without an entry until its holder has room. Raises StorageFailed."""

        async def park(unit: WriteUnit) -> None:
            await unit.run(_PARK, job.id)
            await self._entries.end_within(unit, entry)

        await self._database.write(park)
        self._entries.forget(entry)

    async def hasten(self, job_id: str) -> Job | None:
        """Let a job that was put off be due now; its row. Raises StorageFailed."""
        job = (await self.rows([job_id])).get(job_id)
        if job is not None and job.lane is not None:
            await self._database.execute(_HASTEN, key_of(job_id, job.lane))
        return job

    async def rows(self, job_ids: Sequence[str]) -> Mapping[str, Job]:
        """The jobs as they are now, by id. Raises StorageFailed."""
        if not job_ids:
            return {}
        found = await self._database.rows(_ROWS, list(job_ids))
        return {job.id: job for job in (job_rows.job_of(tuple(row)) for row in found)}

    # --- hearing -------------------------------------------------------------------------------

    def heard(self, job: Job) -> tuple[str | None, str | None]:
        """Follow a committed change of any server: the line that the job left, and where it is."""
        if self._heard is not None:
            self._heard.add(job.id)
        line = self.of(job.lane)
        place = self.tags.place_of(job.id)
        left = None if place is None else place.line
        if line is None:
            self.tags.leave(job.id, has_begun=job.state is not State.CANCELLED)
            return left, None
        self.tags.put(job.id, line.name, job.owner)
        return (None if left == line.name else left), line.name

    async def read(self) -> None:
        """Read how far the lines are. Raises StorageFailed."""
        await self.read_lowered()
        after, self._heard = 0, set()
        try:
            while found := await self._database.rows(_WRITTEN, after, CHUNK):
                for number, key, priority, is_taken, owner in found:
                    after = int(number)
                    job_id, _, lane = str(key).partition(":")
                    line = self.of(lane)
                    if line is not None and job_id not in self._heard:
                        tag = self.tags.tag_of(line.name, priority)
                        self.tags.has_written(job_id, line.name, Owner(owner), tag)
                        if is_taken:
                            self.tags.reach(line.name, tag)
        finally:
            self._heard = None

    async def read_lowered(self) -> None:
        """By how much tags are written smaller; another server may have lowered them."""
        for line, lowered in await self._database.rows(_LOWERED):
            self.tags.lower(str(line), int(lowered))


def _nobody(line: str, delay_s: float) -> None:
    """No lane is served."""
