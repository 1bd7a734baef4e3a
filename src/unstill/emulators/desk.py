"""What all emulators share: the clock, the jobs, the faults, the links and the rates."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from pathlib import Path

from unstill.emulators import KINDS_THAT_BILL_FAILURES, Options
from unstill.emulators.callbacks import CallbackSender
from unstill.emulators.faults import Fault, Faults, parse_rates
from unstill.emulators.jobs import EmulatedJob, Jobs, Terms
from unstill.emulators.results import ResultLinks
from unstill.emulators.wire import Answer, Ask, digest_of


class Desk:
    """One emulator's memory; an upstream's words are its own business."""

    def __init__(self, kind: str, options: Options) -> None:
        """Raises BadSetting."""
        self.options = options
        state = None if options.state is None else Path(options.state)
        self.jobs = Jobs(
            job_s=options.job_s, state=state, bills_failures=kind in KINDS_THAT_BILL_FAILURES
        )
        self.faults = Faults(parse_rates(options.faults), seed=options.seed)
        self.polls = Rate(options.requests_per_s)
        self.submits = Rate(options.submits_per_s)
        # The same after a restart: a link given out before still works.
        self.secret = hashlib.sha256(f"{kind} {options.seed}".encode()).digest()
        self.callbacks = CallbackSender(lambda job_id: self.jobs.find(job_id, now_ms()))
        self._links = ResultLinks(
            secret=self.secret,
            life_s=options.link_s,
            find=lambda job_id: self.jobs.find(job_id, now_ms()),
        )

    def accept(
        self,
        ask: Ask,
        job_id: str,
        terms: Terms,
        *,
        prompt: str | None,
        body: object,
        fails: bool = False,
    ) -> EmulatedJob:
        """Make the job; from here on it is charged. `body` is what its digest is of."""
        now = now_ms()
        self.jobs.add(
            job_id,
            terms,
            prompt=prompt,
            digest=digest_of(body),
            now_ms=now,
            fails=fails or ask.fault is Fault.FAIL,
        )
        job = self.jobs.find(job_id, now)
        assert job is not None  # noqa: S101  - it has just been added
        return job

    def find(self, job_id: str, ask: Ask) -> EmulatedJob | None:
        """The job as it is now; forgotten first where that is the fault."""
        now = now_ms()
        if ask.fault is Fault.LOSE and self.jobs.find(job_id, now) is not None:
            self.jobs.forget(job_id, now)
        return self.jobs.find(job_id, now)

    def link(self, job: EmulatedJob, ask: Ask) -> str:
        return self._links.link(job, origin=ask.origin, now_ms=now_ms())

    def follow(self, ask: Ask) -> Answer:
        return self._links.follow(ask, now_ms=now_ms())


class Rate:
    """So many calls of one key within any second; 0 is no limit."""

    def __init__(self, calls_per_s: int) -> None:
        self._calls_per_s = calls_per_s
        self._at_s: dict[str, deque[float]] = {}

    def takes(self, key: str) -> bool:
        """Count a call, unless there are too many already."""
        if not self._calls_per_s:
            return True
        now_s = time.monotonic()
        calls = self._at_s.setdefault(key, deque())
        while calls and calls[0] <= now_s - 1:
            calls.popleft()
        if len(calls) >= self._calls_per_s:
            return False
        calls.append(now_s)
        return True


def now_ms() -> int:
    return time.time_ns() // 1_000_000
