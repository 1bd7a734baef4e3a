"""The fault campaign of a fleet: servers, workers, database, bucket and network fail in turn.

    python -m benchmarks.chaos_cluster [--jobs 600] [--s 300] [--seed 1] [--within-s 900] [--write]

Three gateways and two workers are real processes on one PostgreSQL and one S3, the emulators of
`chaos_upstreams` behind them. Callers send each job under a key until it is taken, to any gateway,
look at others, and delete some. Meanwhile processes are killed, frozen and cut off from the
database, the database crashes, the bucket is away or slow. At the end everything that was taken
must have ended, no file may be torn, and all books must agree (`chaos_audit`, `chaos_money`). Ends
with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import av
import httpx2
from benchmarks.chaos import (
    DELETED_EVERY,
    LARGE_EVERY,
    LOOK_EVERY_S,
    OVER_BUDGET,
    Pictures,
    Told,
    headers_of,
)
from benchmarks.chaos_audit import Books, Findings, audit
from benchmarks.chaos_engines import FEW, LARGE_AT, models_at, prompt_of
from benchmarks.chaos_money import Money, set_budgets, settle
from benchmarks.chaos_prices import keys
from benchmarks.chaos_records import DatabaseRecords
from benchmarks.chaos_report import table
from benchmarks.chaos_upstreams import Upstream, config, faults_seen, upstreams
from benchmarks.fleet import Fleet, fleet
from benchmarks.fleet_faults import Faults
from benchmarks.real_servers import postgres
from benchmarks.s3_server import seaweed

REPORT = Path(__file__).with_name("CHAOS_CLUSTER.md")
ROLES: Mapping[str, Sequence[str]] = {
    "gateway-1": ("serve",),
    "gateway-2": ("serve", "--no-work"),
    "gateway-3": ("serve", "--no-work"),
    "worker-1": ("worker",),
    "worker-2": ("worker",),
}
MODELS = models_at(FEW)
CALLERS = 6
ANSWER_WITHIN_S = 30.0
AGAIN_S = 0.3
ENDED = frozenset({"Success", "Failure"})


class ClusterCallers:
    """Callers that send again what was not answered, under its key, to any gateway."""

    def __init__(self, site: Fleet, *, jobs: int, seed: int) -> None:
        self.told = Told({}, set(), [], [])
        self.retries = 0
        self.torn: list[str] = []
        self._jobs = jobs
        self._chance = random.Random(seed)
        self._numbers = iter(range(1, jobs + 1))
        self._pictures = Pictures(seed)
        self._urls = [member.url for member in site.gateways]

    async def run(self, for_s: float) -> None:
        """Spread all jobs over that time."""
        pause_s = for_s * CALLERS / self._jobs
        async with httpx2.AsyncClient(timeout=ANSWER_WITHIN_S) as http:
            await asyncio.gather(*(self._caller(http, pause_s) for _ in range(CALLERS)))

    async def _caller(self, http: httpx2.AsyncClient, pause_s: float) -> None:
        for number in self._numbers:
            await self._submit(http, number)
            await asyncio.sleep(self._chance.uniform(0.0, 2 * pause_s))

    async def _submit(self, http: httpx2.AsyncClient, number: int) -> None:
        prompt = prompt_of(number)
        name = self._chance.choice(list(MODELS)) if number % LARGE_EVERY else LARGE_AT
        given = {"first_frame_url": self._pictures.of(number), "prompt": prompt}
        parameters = {"duration": MODELS[name].duration_s, "watermark": False}
        body = {"model": name, "input": given, "parameters": parameters}
        headers = headers_of(prompt)
        keyed = headers | {"Idempotency-Key": f"job-{number}"}
        answer = await self._asked(http, "POST", "/v1/tasks/submit", headers=keyed, json=body)
        if answer.status_code == OVER_BUDGET:
            self.told.over_budget.append(prompt)
            return
        if answer.status_code != 200:
            self.told.refused.append(answer.text)
            return
        job_id = answer.json()["output"]["task_id"]
        self.told.acknowledged[job_id] = prompt
        # What one gateway has taken, any other knows.
        seen = await self._asked(
            http, "GET", "/v1/tasks/status", headers=headers, params={"task_id": job_id}
        )
        if seen.status_code != 200:
            self.told.refused.append(f"{job_id} was taken, and then: {seen.text}")
        if number % DELETED_EVERY == 0:
            await asyncio.sleep(self._chance.uniform(0.0, 1.5))  # at any state
            self.told.deleted.add(prompt)
            await self._asked(http, "DELETE", f"/v1/videos/{job_id}", headers=headers)

    async def hold_answers(self, found: Sequence[Upstream]) -> None:
        """Every job answers at every gateway the same, with a whole video if it says so."""
        addresses = [upstream.url.removeprefix("http://") for upstream in found]
        async with httpx2.AsyncClient(timeout=ANSWER_WITHIN_S) as http:
            for job_id, prompt in self.told.acknowledged.items():
                if prompt in self.told.deleted:
                    continue
                params, headers = {"task_id": job_id}, headers_of(prompt)
                states = set()
                for url in self._urls:
                    answer = await http.get(
                        f"{url}/v1/tasks/status", params=params, headers=headers
                    )
                    if answer.status_code != 200 or any(at in answer.text for at in addresses):
                        self.told.refused.append(f"{job_id}: {answer.text}")
                        continue
                    states.add(answer.json()["output"]["task_status"])
                if len(states) != 1 or not states <= ENDED:
                    self.told.refused.append(f"{job_id} is {sorted(states)}")
                elif states == {"Success"}:
                    url = self._chance.choice(self._urls)
                    path = f"{url}/v1/videos/{job_id}/content"
                    video = await http.get(path, headers=headers, follow_redirects=True)
                    why = why_torn(video.content) if video.is_success else video.text
                    if why:
                        self.torn.append(f"{job_id}: {why}")

    async def _asked(
        self, http: httpx2.AsyncClient, method: str, path: str, **given: object
    ) -> httpx2.Response:
        """The first answer that is none of a gateway that is away or cannot now."""
        while True:
            url = self._chance.choice(self._urls)
            try:
                answer = await http.request(method, url + path, **given)  # type: ignore[arg-type]
            except httpx2.HTTPError:
                pass
            else:
                if answer.status_code not in {429, 502, 503, 504, 507}:
                    return answer
            self.retries += 1
            await asyncio.sleep(AGAIN_S)


def why_torn(video: bytes) -> str:
    """Why a file is none that can be played to its end; empty: it is whole."""
    try:
        with av.open(BytesIO(video), "r") as container:
            frames = len(list(container.decode(video=0)))
    except av.FFmpegError as error:
        return f"{len(video)} bytes: {error}"
    return "" if frames else "it has no frame"


async def campaign(
    site: Fleet, callers: ClusterCallers, faults: Faults, found: list[Upstream], asked: Arguments
) -> float:
    """Until all has ended, or `within_s` is over; how long the end took after the last fault."""
    begun_s = time.monotonic()
    site.start()
    calling = asyncio.create_task(callers.run(asked.s))
    reading = asyncio.create_task(_read_logs(found))
    await asyncio.sleep(10)  # some are under way before anything goes wrong
    await faults.run(begun_s + asked.s)
    await faults.heal()
    healed_s = time.monotonic()
    await calling
    records = DatabaseRecords(site.database, site.config, {})
    while time.monotonic() < begun_s + asked.within_s:
        rows = await asyncio.to_thread(records.rows)
        if {row.state for row in rows.values()} <= {"succeeded", "failed", "cancelled"}:
            break
        await asyncio.sleep(2 * LOOK_EVERY_S)
    reading.cancel()
    took_s = time.monotonic() - healed_s
    await asyncio.to_thread(site.wait_ready)  # the last to be started may be on its way up yet
    await callers.hold_answers(found)
    return took_s


async def _read_logs(found: Sequence[Upstream]) -> None:
    while True:
        for upstream in found:
            await asyncio.to_thread(upstream.read_log)
        await asyncio.sleep(5)


def report(
    callers: ClusterCallers,
    faults: Faults,
    findings: Findings,
    money: Money,
    *,
    drawn: Mapping[str, int],
    took_s: float,
    settled_s: float,
) -> str:
    """The campaign in Markdown."""
    wrongs = [*findings.wrongs, *money.wrongs, *callers.told.refused, *callers.torn]
    rows = {
        "jobs taken": len(callers.told.acknowledged),
        "refused by a budget": len(callers.told.over_budget),
        "deleted by their callers": len(callers.told.deleted),
        "calls that were sent again": callers.retries,
        "faults of upstreams": sum(drawn.values()),
        "tasks that the upstreams took": findings.accepted,
        "of these, repeats where repeating is free": findings.repeats,
        "videos that the upstreams had finished": findings.finished,
        "of these, thrown away": findings.thrown_away,
        "torn files": len(callers.torn),
        "submits in doubt by a fault of the fleet": findings.unknown_by_kill,
        "most of one such fault and account": findings.most_unknown,
        "submits in doubt by a fault of an upstream": findings.unknown_by_fault,
        "calls of lost replies that their upstream told of": findings.settled,
        "calls in doubt that upstreams had billed": money.resolved.get("charged", 0),
        "calls in doubt that they had not": money.resolved.get("free", 0),
        "seconds from the last fault to the last end": int(settled_s),
        "wrong": len(wrongs),
    }
    lines = ["# Fault campaign of a fleet", ""]
    lines += [f"{datetime.now(UTC):%Y-%m-%d}, {took_s:.0f} s, {os.cpu_count()} cores:", ""]
    command = f"python -m benchmarks.chaos_cluster {shlex.join(sys.argv[1:])}".rstrip()
    lines += [f"    {command}", ""]
    lines += ["Three gateways and two workers, one PostgreSQL, one SeaweedFS, seven upstreams.", ""]
    lines += table("what", rows)
    lines += table("what went wrong", dict(faults.seen.most_common()))
    lines += table("state at the end", findings.states)
    lines += table("why jobs failed", findings.failures)
    lines += [*(f"- {wrong}" for wrong in wrongs[:50]), "" if wrongs else "Nothing is wrong."]
    return "\n".join(lines) + "\n"


class Arguments(argparse.Namespace):
    jobs: int
    s: float
    seed: int
    within_s: float
    write: bool


def _arguments() -> Arguments:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos_cluster")
    parser.add_argument("--jobs", type=int, default=600)
    parser.add_argument("--s", type=float, default=300, help="for so long things go wrong")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within-s", type=float, default=900)
    parser.add_argument("--write", action="store_true", help=f"keep the report in {REPORT.name}")
    return parser.parse_args(namespace=Arguments())


def main() -> int:
    asked = _arguments()
    begun_s = time.monotonic()
    with (
        upstreams(asked.seed, FEW) as found,
        postgres() as database,
        seaweed() as s3,
        fleet(
            database,
            s3,
            config(found),
            roles=ROLES,
            environment={"UNSTILL_API_KEYS": keys()},
        ) as site,
    ):
        records = DatabaseRecords(
            site.database,
            site.config,
            {**site.environment, "UNSTILL_DATABASE": site.database},
        )
        set_budgets(records, asked.jobs)
        callers = ClusterCallers(site, jobs=asked.jobs, seed=asked.seed)
        faults = Faults(site, random.Random(asked.seed))
        settled_s = asyncio.run(campaign(site, callers, faults, found, asked))
        for upstream in found:
            upstream.read_log()
        books = Books(
            rows=records.rows(),
            attempts=records.attempts(),
            calls=[call for upstream in found for call in upstream.calls.values()],
            charges={upstream.engine: upstream.charges() for upstream in found},
            finished={upstream.engine: upstream.finished() for upstream in found},
            kills_ms=faults.at_ms,
            deleted=frozenset(callers.told.deleted),
        )
        findings = audit(books, callers.told.acknowledged)
        money = settle(records, found, callers.told.acknowledged, jobs=asked.jobs)
        text = report(
            callers,
            faults,
            findings,
            money,
            drawn=faults_seen(found),
            took_s=time.monotonic() - begun_s,
            settled_s=settled_s,
        )
        if findings.wrongs or money.wrongs or callers.told.refused or callers.torn:
            for member in site.members.values():
                (Path.cwd() / f"chaos-{member.name}.log").write_bytes(member.log.read_bytes())
    print(text)
    if asked.write:
        REPORT.write_text(text)
    return 1 if "Nothing is wrong." not in text else 0


if __name__ == "__main__":
    sys.exit(main())
