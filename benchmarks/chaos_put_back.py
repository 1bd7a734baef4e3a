"""The fault campaign's other half: a copy of the database is put back, under jobs that were paid.

    python -m benchmarks.chaos_put_back [--jobs 60] [--seed 1] [--within-s 90] [--without-notes]

Callers submit to upstreams that misbehave everywhere. A copy of the database is taken in the midst
of it; the server works on until jobs of the copy have been paid for, is killed, and the copy is put
in the database's place. Then the server must refuse to start. After `unstill recover` it must go on
with all that was sent since, as its folder shows, and hold the rest, which is released without a
look: nothing may be paid for twice, and no paid video thrown away. With `--without-notes` the
folder's notes are lost too: an operator looks into the upstreams' books, releases what they do not
know, and deletes the rest. Ends with 1 if anything was paid for twice, or anything acknowledged
and known is lost, if `unstill usage check` finds anything, or if the campaign shows nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import httpx2
from benchmarks.chaos import Campaign, headers_of
from benchmarks.chaos_audit import Books, audit
from benchmarks.chaos_engines import FEW, FREE
from benchmarks.chaos_records import DATABASE, FolderRecords, read_rows
from benchmarks.chaos_upstreams import Call, Upstream, config, upstreams

NOTES = ("unstill.ahead", "unstill.ahead.older")
COPIED_WITHIN_S = 0.2  # of the calls before: its jobs are in any state
PAID_SINCE = 3  # jobs of the copy, or the campaign shows nothing
PAID_WITHIN_S = 90.0  # on a busy machine, by upstreams that refuse
WORKS_ON_S = 1.0  # after that
QUIET_S = 3.0  # of an upstream's log: the calls that were under way at a kill have arrived
IDLE_S = 3.0  # of the recovered server, before anything is released
_FINAL = frozenset({"succeeded", "failed", "cancelled"})
_HELD_IN_CALL = "SELECT id FROM held JOIN jobs ON id = job_id WHERE state = 'submitting'"


class PutBack(Campaign):
    """Two lives, and a database of the first one after the second."""

    def __init__(self, *, jobs: int, seed: int, data_dir: Path, has_notes: bool) -> None:
        super().__init__(jobs=jobs, kills=0, seed=seed, data_dir=data_dir, engines=FEW)
        self.has_notes = has_notes
        self.forgotten: set[str] = set()  # prompts of jobs that the copy does not know
        self.paid_since = 0  # jobs of the copy
        self.held = 0
        self.held_in_call = frozenset[str]()
        self.released = 0
        self.wrongs: list[str] = []

    async def run(self, found: list[Upstream], *, until_s: float) -> None:
        """`until_s`: for how long the jobs of the recovered server are waited for."""
        await self._pay(found)
        self._must_refuse()
        if not self.has_notes:
            for name in NOTES:
                (self.data_dir / name).unlink(missing_ok=True)
        self._unstill("recover")
        self.held_in_call = held_in_call(self.data_dir / DATABASE)
        await _quiet(found)
        self._server.start()
        url = await self._server.address()
        async with httpx2.AsyncClient(base_url=url, timeout=60) as http:
            await asyncio.sleep(IDLE_S)
            await self._decide(http, {call.prompt for call in _paid(found)})
            await self._call(http, self.left)
            await self._all_ended(time.monotonic() + until_s)
            await self._hold_answers(http, found)
        self._server.end(signal.SIGTERM)
        for upstream in found:
            await asyncio.to_thread(upstream.read_log)

    async def _pay(self, found: Sequence[Upstream]) -> None:
        """A life of the server, with a copy of its database from the midst in its place after."""
        self._server.start()
        url = await self._server.address()
        copy = self.data_dir / "copy.sqlite3"
        async with httpx2.AsyncClient(base_url=url, timeout=60) as http:
            await self._call(http, self.left // 3)
            with frozen(found):  # or a quick machine would have sent all that the copy has
                before = set(self.told.acknowledged)
                await self._call(http, self.left // 2)
                await asyncio.sleep(self._chance.uniform(0, COPIED_WITHIN_S))
                await asyncio.to_thread(back_up, self.data_dir / DATABASE, copy)
                known = set(read_rows(copy))
            unpaid = {self.told.acknowledged[job_id] for job_id in known - before}
            await asyncio.gather(self._call(http, self.left // 2), self._paid_since(unpaid, found))
            await asyncio.sleep(self._chance.uniform(0, WORKS_ON_S))
        self._kill()
        for end in ("", "-wal", "-shm"):
            (self.data_dir / f"{DATABASE}{end}").unlink(missing_ok=True)
        copy.rename(self.data_dir / DATABASE)
        for job_id in set(self.told.acknowledged) - known:
            self.forgotten.add(self.told.acknowledged.pop(job_id))

    async def _paid_since(self, unpaid: set[str], found: Sequence[Upstream]) -> None:
        """Wait until some of these jobs, which the copy has, are paid for."""
        until_s = time.monotonic() + PAID_WITHIN_S
        while time.monotonic() < until_s and self.paid_since < PAID_SINCE:
            await asyncio.sleep(0.1)
            await _read(found)
            self.paid_since = len({call.prompt for call in _paid(found)} & unpaid)
        if self.paid_since < PAID_SINCE:
            self.wrongs.append(f"shows nothing: {self.paid_since} jobs of the copy were paid since")

    def _must_refuse(self) -> None:
        try:
            refused = self._unstill("serve", "--port", "0")
        except subprocess.TimeoutExpired:
            self.wrongs.append("serves an older copy")
            return
        if refused.returncode != 1 or "is an older copy" not in refused.stderr:
            self.wrongs.append(f"started with an older copy: {refused.stderr[-300:]}")

    async def _decide(self, http: httpx2.AsyncClient, paid: set[str]) -> None:
        held = self._unstill("jobs", "held").stdout.split()
        held = [] if held[:2] == ["no", "job"] else held
        health = (await http.get("/health")).json()
        rows = FolderRecords(self.data_dir).rows()
        self.held = len(held)
        if health.get("held", 0) != len(held):
            self.wrongs.append(f"/health counts {health.get('held')} of {len(held)} held jobs")
        known = [job_id for job_id in held if rows[job_id].prompt in paid]
        if self.has_notes:
            self.wrongs += [f"held, though its folder shows that it was paid: {e}" for e in known]
            self.released = len(held)
            self._unstill("jobs", "release")
            return
        free = [job_id for job_id in held if job_id not in known]
        self.released = len(free)
        if free:
            self._unstill("jobs", "release", *free)
        for job_id in known:
            self.told.deleted.add(rows[job_id].prompt)
            await http.delete(f"/v1/videos/{job_id}", headers=headers_of(rows[job_id].prompt))

    def _unstill(self, *words: str) -> subprocess.CompletedProcess[str]:
        return FolderRecords(self.data_dir).command(*words)


@contextmanager
def frozen(found: Sequence[Upstream]) -> Iterator[None]:
    for upstream in found:
        upstream.freeze()
    try:
        yield
    finally:
        for upstream in found:
            upstream.thaw()


def back_up(file: Path, copy: Path) -> None:
    """Copy a database that is written to."""
    with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as source:
        source.set_busy_timeout(5_000)
        with (
            closing(apsw.Connection(str(copy))) as target,
            target.backup("main", source, "main") as it,
        ):
            it.step()


def held_in_call(file: Path) -> frozenset[str]:
    """Of the held jobs those whose call was under way: what came of it nobody may ask."""
    with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return frozenset(str(job_id) for (job_id,) in connection.execute(_HELD_IN_CALL))


async def _read(found: Sequence[Upstream]) -> None:
    for upstream in found:
        await asyncio.to_thread(upstream.read_log)


async def _quiet(found: Sequence[Upstream]) -> None:
    """Until the upstreams have answered all that a killed server had sent them."""
    seen: list[Call] = []
    since_s = time.monotonic()
    while time.monotonic() < since_s + QUIET_S:
        await asyncio.sleep(0.2)
        await _read(found)
        calls = [call for upstream in found for call in upstream.calls.values()]
        if calls != seen:
            seen, since_s = calls, time.monotonic()


def _paid(found: Sequence[Upstream]) -> list[Call]:
    """The submits that were taken where repeating is not free."""
    calls = [call for upstream in found for call in upstream.calls.values()]
    return [call for call in calls if call.task and call.engine != FREE]


def wrongs_of(campaign: PutBack, found: Sequence[Upstream]) -> Iterator[str]:
    yield from campaign.wrongs
    yield from campaign.told.refused
    records = FolderRecords(campaign.data_dir)
    proved = records.command("usage", "check")
    if proved.returncode:
        yield f"usage check: {proved.stdout}{proved.stderr}"
    rows = records.rows()
    if campaign.has_notes:
        # The ledger is whole again: all that holds without a copy holds with it. But what callers
        # had deleted is there once more, and cancelled at its upstream.
        rows = {each.id: each for each in rows.values() if each.prompt not in campaign.told.deleted}
        attempts = records.attempts()
        books = Books(
            rows=rows,
            attempts={job_id: attempts[job_id] for job_id in rows if job_id in attempts},
            calls=[call for upstream in found for call in upstream.calls.values()],
            charges={upstream.engine: upstream.charges() for upstream in found},
            finished={upstream.engine: upstream.finished() for upstream in found},
            kills_ms=campaign.kills_ms,
            deleted=frozenset(campaign.told.deleted | campaign.forgotten),
            held_in_call=campaign.held_in_call,
        )
        yield from audit(books, campaign.told.acknowledged).wrongs
        return
    paid = Counter(call.prompt for call in _paid(found))
    for prompt, count in paid.items():
        if count > 1:
            yield f"paid twice: {prompt!r} was taken {count} times"
    for job_id, prompt in campaign.told.acknowledged.items():
        if job_id not in rows and prompt not in campaign.told.deleted:
            yield f"lost: {job_id} was acknowledged and has no row"
    for row in rows.values():
        if row.state not in _FINAL:
            yield f"not ended: {row.id} is {row.state}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos_put_back")
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within-s", type=float, default=90)
    parser.add_argument("--without-notes", action="store_true", help="these are lost as well")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder, upstreams(asked.seed, FEW) as found:
        data_dir = Path(folder)
        (data_dir / "unstill.toml").write_text(config(found))
        campaign = PutBack(
            jobs=asked.jobs,
            seed=asked.seed,
            data_dir=data_dir,
            has_notes=not asked.without_notes,
        )
        asyncio.run(campaign.run(found, until_s=asked.within_s))
        wrongs = list(wrongs_of(campaign, found))
    print(f"forgotten with the database: {len(campaign.forgotten)}")
    print(f"paid for since the copy, and known to it: {campaign.paid_since}")
    print(f"held: {campaign.held}, of these released: {campaign.released}")
    print(*wrongs or ["Nothing is wrong."], sep="\n")
    return 1 if wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
