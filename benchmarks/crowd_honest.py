"""Honest owners in a crowd: `python -m benchmarks.crowd_honest URL KEY,KEY SECONDS`.

Each polls 10 times a second, submits once a second, and has a short video made and loaded every
ten seconds, each call on a fresh connection and at its own time. Prints one line of JSON:
milliseconds by kind, what failed, and the jobs that were acknowledged, by key; a call without a
good answer within 10 s counts as 10 s.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter, defaultdict

import uvloop
from benchmarks.siege_honest import outcome_of, picture, request, submit_body

POLLS_PER_S, SUBMITS_PER_S = 10, 1
FILM_EVERY_S = 10.0
FILM_WITHIN_S = 60.0
_PICTURE = picture()
SUBMIT = submit_body(_PICTURE)
FILM = json.dumps(
    {
        "model": "happyhorse-1.0-i2v",
        "input": {"first_frame_url": _PICTURE, "prompt": "push in"},
        "parameters": {"size": "320x256", "duration": 3},
    }
).encode()


class Owner:
    """What one owner asked for, and what came of it."""

    def __init__(self, url: str, key: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._at = host, int(port)
        self._host, self._key = f"{host}:{port}", key
        self.jobs: list[str] = []
        self.took_ms: dict[str, list[float]] = defaultdict(list)
        self.failed: Counter[str] = Counter()

    async def run(self, seconds: float) -> None:
        begun_s = time.perf_counter()
        await self._submit(SUBMIT)
        async with asyncio.TaskGroup() as calls:
            calls.create_task(self._films(begun_s + seconds))
            for n in range(int(seconds * POLLS_PER_S)):
                await asyncio.sleep(begun_s + n / POLLS_PER_S - time.perf_counter())
                calls.create_task(self._poll())
                if n % (POLLS_PER_S // SUBMITS_PER_S) == 0:
                    calls.create_task(self._submit(SUBMIT))

    async def _films(self, ends_s: float) -> None:
        while time.perf_counter() < ends_s:
            next_s = time.perf_counter() + FILM_EVERY_S
            job = await self._submit(FILM)
            if job is not None:
                await self._film(job)
            await asyncio.sleep(max(0.0, next_s - time.perf_counter()))

    async def _film(self, job: str) -> None:
        """Wait for a video and load it; how long both took."""
        begun_s = time.perf_counter()
        while time.perf_counter() - begun_s < FILM_WITHIN_S:
            answer = await self._asked("wait", f"/v1/tasks/status?task_id={job}")
            if b'"Success"' in answer:
                break
            await asyncio.sleep(0.25)
        video = await self._asked("load", f"/v1/videos/{job}/content")
        if b"ftyp" not in video[:2000]:
            self.failed["no video"] += 1
        self.took_ms["film"].append((time.perf_counter() - begun_s) * 1000)

    async def _poll(self) -> None:
        if self.jobs:
            await self._asked("poll", f"/v1/videos/{self.jobs[-1]}")

    async def _submit(self, body: bytes) -> str | None:
        answer = await self._asked("submit", "/v1/tasks/submit", method="POST", body=body)
        if not answer:
            return None
        job = str(json.loads(answer.partition(b"\r\n\r\n")[2])["output"]["task_id"])
        self.jobs.append(job)
        return job

    async def _asked(
        self, kind: str, path: str, *, method: str = "GET", body: bytes = b""
    ) -> bytes:
        """The answer; empty where it was no good one."""
        sent = request(method, path, self._key, body, host=self._host)
        answer, fault, took_ms = await outcome_of(*self._at, sent)
        self.took_ms[kind].append(took_ms)
        if fault:
            self.failed[f"{kind} {fault}"] += 1
        return answer


async def run(owners: list[Owner], seconds: float) -> None:
    await asyncio.gather(*(owner.run(seconds) for owner in owners))


def main() -> None:
    url, keys, seconds = sys.argv[1:]
    owners = {key: Owner(url, key) for key in keys.split(",")}
    uvloop.run(run(list(owners.values()), float(seconds)))
    took_ms: dict[str, list[float]] = defaultdict(list)
    failed: Counter[str] = Counter()
    for owner in owners.values():
        failed += owner.failed
        for kind, each in owner.took_ms.items():
            took_ms[kind] += each
    jobs = {key: owner.jobs for key, owner in owners.items()}
    print(json.dumps({"took_ms": took_ms, "failed": failed, "jobs": jobs}))


if __name__ == "__main__":
    main()
