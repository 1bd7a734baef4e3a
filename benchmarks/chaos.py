"""The fault campaign: jobs over every fault of the emulators, while the server is killed.

    python -m benchmarks.chaos [--jobs 1500] [--kills 25] [--seed 1] [--within-s 480] [--write]

Callers submit, look and delete; the server is killed with SIGKILL at random moments, also while it
starts, and started again. At the end everything that was acknowledged must have ended, and the
upstreams' books must agree with the ledger (`chaos_audit`) and with the book of money
(`chaos_money`). Ends with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Collection
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx2
import numpy as np
from benchmarks.chaos_audit import Books, audit
from benchmarks.chaos_engines import ENGINES, LARGE_AT, models_at, prompt_of, some_engines
from benchmarks.chaos_money import set_budgets, settle
from benchmarks.chaos_prices import key_of, keys, owner_of
from benchmarks.chaos_records import FolderRecords
from benchmarks.chaos_report import report, shows_nothing
from benchmarks.chaos_upstreams import HARD, Upstream, config, faults_seen, upstreams
from benchmarks.moved_clock import MovedClock
from PIL import Image

from unstill.domain.attempts import Attempt, Outcome
from unstill.emulators.faults import FaultSite

REPORT = Path(__file__).with_name("CHAOS.md")
CALLERS = 6
LARGE_EVERY = 30  # jobs; such a picture goes through DashScope's uploads
DELETED_EVERY = 5  # jobs
DELETED_WITHIN_S = 2.5  # of the answer: at any state
KILLED_AT_START = 0.2  # of the kills, before the server is ready
KILLS_FOR_HARD = 10  # downloads that drip or have no end cost more than a small campaign has
OFF_MS = 3 * 24 * 3600 * 1000  # that the server is off once
JUMP_MS = 25 * 3600 * 1000  # that the wall clock jumps once, in mid-flight
AFTER_JUMP_S = 3.0  # each ticket is asked for by then
LOOK_EVERY_S = 0.5
ASKED_FOR_S = 60.0  # an upstream that can tell, for a while, has done so by then
ASKED_FIRST_S = 10.0
TOLD_MS = 6 * 60 * 1000  # older than that, a call is told of by all that can tell
OVER_BUDGET = 402
FINAL = frozenset({"succeeded", "failed", "cancelled"})


class Told(NamedTuple):
    """What callers were told."""

    acknowledged: dict[str, str]  # id -> prompt
    deleted: set[str]  # prompts
    refused: list[str]  # answers other than 200
    over_budget: list[str]  # prompts of calls that an owner's budget had no room for


class Server:
    """`unstill serve` over a data folder; its address is new with each start.

    By a wall clock of its own, `clock`: days pass at once.
    """

    def __init__(self, data_dir: Path) -> None:
        file = data_dir / "clock"
        self.clock = MovedClock.make(file)
        self._command = [sys.executable, "-m", "benchmarks.moved_clock", str(file)]
        self._command += ["--data-dir", str(data_dir), "--config", str(data_dir / "unstill.toml")]
        self._log = (data_dir / "server.log").open("a")
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, "UNSTILL_API_KEYS": keys()},
        )

    async def address(self) -> str:
        """Once it is ready."""
        line = await asyncio.to_thread(self._first_line)
        if " is ready at " not in line:
            raise RuntimeError("the server did not start; its log is server.log")
        return line.split(" is ready at ")[1].split()[0]

    def _first_line(self) -> str:
        assert self._process is not None  # noqa: S101  - `start` has been called
        assert self._process.stdout is not None  # noqa: S101  - it is a pipe
        return self._process.stdout.readline()

    def end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(60)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def close(self) -> None:
        self.end(signal.SIGTERM)
        self._log.close()


class Campaign:
    """The callers, the killer and what they remember."""

    def __init__(
        self, *, jobs: int, kills: int, seed: int, data_dir: Path, engines: Collection[str]
    ) -> None:
        self.jobs = jobs
        self.kills = kills
        self.kills_ms: list[int] = []
        self.told = Told({}, set(), [], [])
        self.data_dir = data_dir
        self.off_ms = 0  # by its clock
        self.jumped_ms = 0
        self._models = models_at(engines)
        self._chance = random.Random(seed)
        self._numbers = iter(range(1, jobs + 1))
        self.left = jobs
        self._pictures = Pictures(seed)
        self._server = Server(data_dir)

    async def run(self, found: list[Upstream], *, until_s: float) -> None:
        """Kill after kill, then to the end of all jobs. Times by `time.monotonic`."""
        if self.kills >= KILLS_FOR_HARD:
            for upstream in found:
                upstream.script(FaultSite.FETCH, *HARD.get(upstream.engine, ()))
        for kill in range(self.kills):
            jumps = kill == self.kills * 3 // 4
            await self._life(self.left // (self.kills + 1 - kill), jump_ms=JUMP_MS * jumps)
            if kill >= self.kills // 2 and not self.off_ms and not self._is_soon_forgotten():
                self._server.clock.move(OFF_MS)
                self.off_ms = OFF_MS
            for upstream in found:
                await asyncio.to_thread(upstream.read_log)
        self._server.start()
        url = await self._server.address()
        async with httpx2.AsyncClient(base_url=url, timeout=60) as http:
            await self._call(http, self.left)
        while not await self._all_ended(until_s):
            # Minutes that a clock is set by are as good as minutes.
            self._kill()
            self._server.clock.move(TOLD_MS)
            self._server.start()
            url = await self._server.address()
        async with httpx2.AsyncClient(base_url=url, timeout=60) as http:
            await self._hold_answers(http, found)
        self._server.close()

    async def _life(self, count: int, *, jump_ms: int) -> None:
        """Start, take `count` jobs or fewer, and die; the wall clock jumps meanwhile."""
        self._server.start()
        if self._chance.random() < KILLED_AT_START and not jump_ms:
            await asyncio.sleep(self._chance.uniform(0.1, 0.9))
            self._kill()
            return
        url = await self._server.address()
        async with httpx2.AsyncClient(base_url=url, timeout=60) as http:
            calling = asyncio.create_task(self._call(http, count))
            await asyncio.sleep(self._chance.uniform(0.1, 3.0))
            if jump_ms:
                self._server.clock.move(jump_ms)
                self.jumped_ms = jump_ms
                await asyncio.sleep(AFTER_JUMP_S)
                await self._all_asked_for(time.monotonic() + ASKED_FOR_S)
            self._kill()
            await calling

    def _last(self) -> list[Attempt]:
        """The last call of each job."""
        return [attempts[-1] for attempts in FolderRecords(self.data_dir).attempts().values()]

    def _is_soon_forgotten(self) -> bool:
        """Whether a call is open whose upstream can tell, but not of days ago."""
        open_at = {each.engine for each in self._last() if each.outcome is Outcome.OPEN}
        return any(ENGINES[engine].forgets for engine in open_at)

    async def _all_asked_for(self, until_s: float) -> None:
        while await asyncio.to_thread(self._is_soon_forgotten):
            if time.monotonic() > until_s:
                raise RuntimeError("the upstream that can tell does not")
            await asyncio.sleep(LOOK_EVERY_S)

    def _kill(self) -> None:
        self.kills_ms.append(self._server.clock.now_ms())
        self._server.end(signal.SIGKILL)

    async def _call(self, http: httpx2.AsyncClient, count: int) -> None:
        """Submit `count` jobs, several callers at once; those that meet a dead server stop."""
        shares = [count // CALLERS + (caller < count % CALLERS) for caller in range(CALLERS)]
        await asyncio.gather(*(self._caller(http, share) for share in shares))

    async def _caller(self, http: httpx2.AsyncClient, count: int) -> None:
        with suppress(httpx2.HTTPError):
            for _ in range(count):
                await self._submit(http, next(self._numbers))
                await asyncio.sleep(self._chance.uniform(0.0, 0.05))

    async def _submit(self, http: httpx2.AsyncClient, number: int) -> None:
        self.left -= 1
        prompt = prompt_of(number)
        name = self._chance.choice(list(self._models)) if number % LARGE_EVERY else LARGE_AT
        given = {"first_frame_url": self._pictures.of(number), "prompt": prompt}
        # No server of OpenAI's protocol draws the watermark that HappyHorse has by default.
        parameters = {"duration": self._models[name].duration_s, "watermark": False}
        body = {"model": name, "input": given, "parameters": parameters}
        headers = headers_of(prompt)
        answer = await http.post("/v1/tasks/submit", json=body, headers=headers)
        if answer.status_code == OVER_BUDGET:
            self.told.over_budget.append(prompt)
            return
        if answer.status_code != 200:
            self.told.refused.append(answer.text)
            return
        job_id = answer.json()["output"]["task_id"]
        self.told.acknowledged[job_id] = prompt
        if number % DELETED_EVERY == 0:
            await asyncio.sleep(self._chance.uniform(0.0, DELETED_WITHIN_S))
            self.told.deleted.add(prompt)  # before: a killed server may have done it
            await http.delete(f"/v1/videos/{job_id}", headers=headers)

    async def _all_ended(self, until_s: float) -> bool:
        """Wait for it, until `until_s` at most; False once all that is left has to grow old."""
        while time.monotonic() < until_s:
            rows = await asyncio.to_thread(FolderRecords(self.data_dir).rows)
            left = {row.id for row in rows.values() if row.state not in FINAL}
            if not left:
                break
            last = {each.job_id: each for each in await asyncio.to_thread(self._last)}
            if all(job_id in last and self._has_to_grow_old(last[job_id]) for job_id in left):
                return False
            await asyncio.sleep(LOOK_EVERY_S)
        return True

    def _has_to_grow_old(self, call: Attempt) -> bool:
        """Whether its upstream has said nothing of it for seconds, and will only after minutes."""
        age_s = (self._server.clock.now_ms() - call.intent_ms) / 1000
        told_after_s = ENGINES[call.engine].told_after_s
        return call.outcome is Outcome.OPEN and ASKED_FIRST_S < age_s < told_after_s

    async def _hold_answers(self, http: httpx2.AsyncClient, found: list[Upstream]) -> None:
        """Every acknowledged job answers, with a video if it says so, and names no upstream."""
        addresses = [upstream.url.removeprefix("http://") for upstream in found]
        for job_id, prompt in self.told.acknowledged.items():
            if prompt in self.told.deleted:
                continue
            headers, params = headers_of(prompt), {"task_id": job_id}
            answer = await http.get("/v1/tasks/status", params=params, headers=headers)
            if answer.status_code != 200:
                self.told.refused.append(f"{job_id}: {answer.text}")
                continue
            if any(address in answer.text for address in addresses):
                self.told.refused.append(f"an upstream's address: {answer.text}")
            if answer.json()["output"]["task_status"] == "Success":
                video = await http.get(f"/v1/videos/{job_id}/content", headers=headers)
                if video.content[4:8] != b"ftyp":
                    self.told.refused.append(f"{job_id} has no video: {video.status_code}")


def headers_of(prompt: str) -> dict[str, str]:
    """With the key of the owner of the job that has this prompt."""
    owner = owner_of(int(prompt.rpartition(" ")[2]))
    return {"Authorization": f"Bearer {key_of(owner)}"}


class Pictures:
    """A small first frame, and now and then one too large for a data URL."""

    def __init__(self, seed: int) -> None:
        noise = np.random.default_rng(seed).integers(0, 256, (1600, 1600, 3), np.uint8)
        self._small = _encoded(Image.linear_gradient("L").resize((480, 320)).convert("RGB"), "JPEG")
        self._large = _encoded(Image.fromarray(noise), "PNG")  # 7.7 MB: noise does not compress

    def of(self, number: int) -> str:
        return self._small if number % LARGE_EVERY else self._large


def _encoded(picture: Image.Image, kind: str) -> str:
    file = BytesIO()
    picture.save(file, kind)
    return b64encode(file.getvalue()).decode()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos")
    parser.add_argument("--jobs", type=int, default=1500)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within-s", type=float, default=480)
    parser.add_argument("--engines", type=int, default=len(ENGINES), help="so many, by the seed")
    parser.add_argument("--write", action="store_true", help=f"keep the report in {REPORT.name}")
    return parser.parse_args()


def main() -> int:
    asked = _arguments()
    begun_s = time.monotonic()
    engines = some_engines(asked.engines, asked.seed)
    with TemporaryDirectory() as folder, upstreams(asked.seed, engines) as found:
        data_dir = Path(folder)
        (data_dir / "unstill.toml").write_text(config(found))
        campaign = Campaign(
            jobs=asked.jobs,
            kills=asked.kills,
            seed=asked.seed,
            data_dir=data_dir,
            engines=engines,
        )
        records = FolderRecords(data_dir)
        set_budgets(records, asked.jobs)
        asyncio.run(campaign.run(found, until_s=begun_s + asked.within_s))
        for upstream in found:
            upstream.read_log()
        books = Books(
            rows=records.rows(),
            attempts=records.attempts(),
            calls=[call for upstream in found for call in upstream.calls.values()],
            charges={upstream.engine: upstream.charges() for upstream in found},
            finished={upstream.engine: upstream.finished() for upstream in found},
            kills_ms=campaign.kills_ms,
            deleted=frozenset(campaign.told.deleted),
        )
        findings = audit(books, campaign.told.acknowledged)
        money = settle(records, found, campaign.told.acknowledged, jobs=asked.jobs)
        wrongs = [*findings.wrongs, *money.wrongs, *campaign.told.refused]
        wrongs += shows_nothing(found, books.calls, jobs=asked.jobs)
        faults = faults_seen(found)
    took_s = time.monotonic() - begun_s
    text = report(campaign, findings, money, books, wrongs, faults=faults, took_s=took_s)
    print(text)
    if asked.write:
        REPORT.write_text(text)
    return 1 if wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
