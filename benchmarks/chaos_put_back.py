"""The fault campaign's other half: a copy of the database is put back, under jobs that were paid.

    python -m benchmarks.chaos_put_back [--jobs 60] [--seed 1] [--within-s 90]

Callers submit to upstreams that misbehave everywhere. A copy of the database is taken in the midst
of it; the server works on, is killed, and the copy is put in the database's place. Then the server
must refuse to start; after `unstill recover` it must pay for nothing that was paid for since the
copy. An operator looks into the upstreams' books, releases what they do not know, and deletes the
rest. Ends with 1 if anything was paid for twice or anything acknowledged and known is lost.
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
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import httpx2
from benchmarks.chaos import Campaign
from benchmarks.chaos_audit import read_rows
from benchmarks.chaos_upstreams import FREE, Upstream, config, upstreams

DATABASE = "unstill.sqlite3"
WORKS_ON_S = 2.0  # after the copy: some jobs are paid for then, and some are not
CALLS_ARRIVE_S = 2.0  # those that were under way at a kill
IDLE_S = 3.0  # of the recovered server, before anything is released
_FINAL = frozenset({"succeeded", "failed", "cancelled"})


class PutBack(Campaign):
    """Two lives, and a database of the first one after the second."""

    def __init__(self, *, jobs: int, seed: int, data_dir: Path) -> None:
        super().__init__(jobs=jobs, kills=0, seed=seed, data_dir=data_dir)
        self.forgotten = 0  # jobs that the copy does not know
        self.held = 0
        self.released = 0
        self.wrongs: list[str] = []

    async def run(self, found: list[Upstream], *, until_s: float) -> None:
        """`until_s`: for how long the jobs of the recovered server are waited for."""
        await self._pay(found)
        refused = self._unstill("serve", "--port", "0")
        if refused.returncode != 1 or "is an older copy" not in refused.stderr:
            self.wrongs.append(f"started with an older copy: {refused.stderr[-300:]}")
        self._unstill("recover")
        taken = await self._taken(found)
        self._server.start()
        url = await self._server.address()
        async with httpx2.AsyncClient(base_url=url, timeout=60) as http:
            await asyncio.sleep(IDLE_S)
            await self._decide(http, taken)
            await self._call(http, self.left)
            await self._all_ended(time.monotonic() + until_s)
        self._server.end(signal.SIGTERM)
        for upstream in found:
            await asyncio.to_thread(upstream.read_log)

    async def _pay(self, found: Sequence[Upstream]) -> None:
        """A life of the server, with a copy of its database from the midst in its place after."""
        self._server.start()
        url = await self._server.address()
        async with httpx2.AsyncClient(base_url=url, timeout=60) as http:
            await self._call(http, self.left // 2)
            copy = self.data_dir / "copy.sqlite3"
            await asyncio.to_thread(back_up, self.data_dir / DATABASE, copy)
            known = set(read_rows(self.data_dir))
            await self._call(http, self.left // 2)
            await asyncio.sleep(WORKS_ON_S)
        self._server.end(signal.SIGKILL)
        for upstream in found:
            await asyncio.to_thread(upstream.read_log)
        for end in ("", "-wal", "-shm"):
            (self.data_dir / f"{DATABASE}{end}").unlink(missing_ok=True)
        copy.rename(self.data_dir / DATABASE)
        known &= set(read_rows(self.data_dir))
        for job_id in set(self.told.acknowledged) - known:
            del self.told.acknowledged[job_id]
            self.forgotten += 1

    async def _taken(self, found: Sequence[Upstream]) -> set[str]:
        """The prompts that the upstreams' books have."""
        await asyncio.sleep(CALLS_ARRIVE_S)
        for upstream in found:
            await asyncio.to_thread(upstream.read_log)
        return {call.prompt for upstream in found for call in upstream.calls.values() if call.task}

    async def _decide(self, http: httpx2.AsyncClient, taken: set[str]) -> None:
        held = self._unstill("jobs", "held").stdout.split()
        health = (await http.get("/health")).json()
        rows = read_rows(self.data_dir)
        self.held = len(held)
        if health.get("held") != len(held):
            self.wrongs.append(f"/health counts {health.get('held')} of {len(held)} held jobs")
        free = [job_id for job_id in held if rows[job_id].prompt not in taken]
        self.released = len(free)
        if free:
            self._unstill("jobs", "release", *free)
        for job_id in set(held) - set(free):
            self.told.deleted.add(rows[job_id].prompt)
            await http.delete(f"/v1/videos/{job_id}")

    def _unstill(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "unstill", *words, "--data-dir", str(self.data_dir)]
        command += ["--config", str(self.data_dir / "unstill.toml")]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def back_up(file: Path, copy: Path) -> None:
    """Copy a database that is written to."""
    with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as source:
        source.set_busy_timeout(5_000)
        with (
            closing(apsw.Connection(str(copy))) as target,
            target.backup("main", source, "main") as it,
        ):
            it.step()


def wrongs_of(campaign: PutBack, found: Sequence[Upstream]) -> Iterator[str]:
    yield from campaign.wrongs
    yield from campaign.told.refused
    calls = [call for upstream in found for call in upstream.calls.values()]
    paid = Counter(call.prompt for call in calls if call.task and call.engine != FREE)
    for prompt, count in paid.items():
        if count > 1:
            yield f"paid twice: {prompt!r} was taken {count} times"
    rows = read_rows(campaign.data_dir)
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
    asked = parser.parse_args()
    with TemporaryDirectory() as folder, upstreams(asked.seed) as found:
        data_dir = Path(folder)
        (data_dir / "unstill.toml").write_text(config(found))
        campaign = PutBack(jobs=asked.jobs, seed=asked.seed, data_dir=data_dir)
        asyncio.run(campaign.run(found, until_s=asked.within_s))
        wrongs = list(wrongs_of(campaign, found))
    print(f"forgotten with the database: {campaign.forgotten}")
    print(f"held: {campaign.held}, of these released: {campaign.released}")
    print(*wrongs or ["Nothing is wrong."], sep="\n")
    return 1 if wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
