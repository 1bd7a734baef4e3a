"""An emulator's callbacks: when a job has ended, or at each state, sent again until taken.

They go to this machine alone, whatever a submit names: an emulator is no way to reach anybody.
What is owed is in memory, and is lost with the process. The waits between tries are much shorter
than an upstream's, whose ten tries take two hours (fal, webhooks, read 2026-11-28).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx2
import msgspec

from unstill.emulators.jobs import EmulatedJob, EmulatedState

MOST_TRIES = 10
WITHIN_S = 15.0  # fal, webhooks
LOOK_EVERY_S = 0.05
OVER = frozenset({EmulatedState.DONE, EmulatedState.FAILED, EmulatedState.CANCELLED})
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


class SignedCallback(msgspec.Struct, frozen=True):
    """One as it is sent."""

    headers: Mapping[str, str]
    body: bytes


class CallbackTry(msgspec.Struct, frozen=True):
    """What came of sending one, and when; the status is None where there was no answer."""

    job_id: str
    url: str
    headers: Mapping[str, str]
    body: str
    status: int | None
    at_ms: int


Write = Callable[[EmulatedJob], SignedCallback]  # signed anew for each try, by the time it has


class CallbackSender:
    """Waits for the ends of jobs, and tells of each where its submit said."""

    def __init__(self, find: Callable[[str], EmulatedJob | None]) -> None:
        self.tries: list[CallbackTry] = []
        self._find = find
        self._owed: set[asyncio.Task[None]] = set()

    def owe(self, job_id: str, url: object, write: Write, *, of_each_state: bool = False) -> None:
        """Tell of the job's end at `url`, if that is on this machine.

        of_each_state: that comes after the first, and not of the last one alone.
        """
        if isinstance(url, str) and is_here(url):
            telling = self._tell(job_id, url, write, of_each_state=of_each_state)
            task = asyncio.get_running_loop().create_task(telling)
            self._owed.add(task)
            task.add_done_callback(self._owed.discard)

    async def _tell(self, job_id: str, url: str, write: Write, *, of_each_state: bool) -> None:
        told = EmulatedState.WAITING
        while told not in OVER:
            await asyncio.sleep(LOOK_EVERY_S)
            job = self._find(job_id)
            if job is None:  # deleted, or lost in what stands for a restart
                return
            if job.state is not told and (of_each_state or job.state in OVER):
                told = job.state
                await self._send(job, url, write)

    async def _send(self, job: EmulatedJob, url: str, write: Write) -> None:
        """Until it is taken, or has been sent often enough."""
        pause_s = FIRST_PAUSE_S
        async with httpx2.AsyncClient(timeout=WITHIN_S, trust_env=False) as http:
            for _ in range(MOST_TRIES):
                if await self._try(http, job, url, write(job)):
                    return
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _try(
        self, http: httpx2.AsyncClient, job: EmulatedJob, url: str, signed: SignedCallback
    ) -> bool:
        """Whether it was taken."""
        headers = {"content-type": "application/json", **signed.headers}
        try:
            status = (await http.post(url, content=signed.body, headers=headers)).status_code
        except httpx2.HTTPError:
            status = None
        body, at_ms = signed.body.decode(), time.time_ns() // 1_000_000
        self.tries.append(CallbackTry(job.id, url, headers, body, status, at_ms))
        return status is not None and 200 <= status < 300


def is_here(url: str) -> bool:
    """Whether it leads to this machine by its figures alone: no name is looked up."""
    try:
        return ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return False
