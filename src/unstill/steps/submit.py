"""A ready job's step at somebody else's server: which engine, when, and the one call that may cost.

    ready -> submitting   committed together with the attempt, before the call
    submitting -> running accepted: the ticket is committed at once
    submitting -> ready   surely not taken: the next engine, or the same one later
    submitting -> failed  refused for good, or in doubt: never sent again

The account's slots enclose both commits, so that a crash leaves no more attempts open than there
are slots. Which engine is next, and when: engine_choice.py. What becomes of a doubt where the
upstream can tell: settle_doubts.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec
import structlog

from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.backoff import TICKET, Backoff
from unstill.domain.call_counts import CallCounts
from unstill.domain.errors import UpstreamError
from unstill.domain.job import (
    IN_DOUBT,
    Change,
    Failure,
    Job,
    State,
    cancelled,
    deferred,
    failed,
    intended,
    unprepared,
    unsent,
)
from unstill.domain.lease import Lease
from unstill.domain.log_fields import job_facts, job_fields
from unstill.domain.owner_turns import WeightOf, equal_weight
from unstill.progress.stalls import Stalls
from unstill.steps.call_ends import CallEnds
from unstill.steps.cooldown import ModelCooldown
from unstill.steps.engine_choice import EngineChoice
from unstill.steps.failover import NextCall
from unstill.steps.prepare import PrepareFrames
from unstill.steps.settle_doubts import ASKED_FOR_MS, DoubtSettler, Prepare, UnansweredCall
from unstill.steps.submit_outcome import (
    asked_after,
    held_on,
    no_more,
    settled,
    settlement_of,
    too_late,
)
from unstill.store.ports.attempts import Attempts
from unstill.store.ports.backlog import InterruptedJob
from unstill.store.ports.held_jobs import HeldJobs
from unstill.store.ports.jobs import Jobs
from unstill.store.ports.queue import PutOff
from unstill.store.ports.signals import Signals
from unstill.system.tracing import NO_TRACES, Traces
from unstill.upstreams.port import (
    Doubt,
    Prepared,
    PrepareRefused,
    Remote,
    SettlingRemote,
    Submission,
)

log = structlog.get_logger()

SUBMIT_WITHIN_MS = 60_000  # then the reply is taken for lost
HELD_MS = 600_000  # between two looks at a held job; its release wakes it up
NO_ENGINE_MS = 60_000  # between two looks at a job without an engine or a deadline
# A longer pause is stored, for the job's expected end; shorter ones would be a hundred writes a
# second for as long as an upstream is busy, once thousands of jobs wait in line.
LONGEST_UNSTORED_MS = 60_000

HELD = ("held", "the server's operator has to release it: it may have been sent before")


class Submitter:
    """Submits ready jobs; one per product, whatever the engines."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        attempts: Attempts,
        held_jobs: HeldJobs,
        remotes: Mapping[str, Remote],
        routes: Mapping[str, Sequence[str]],
        prepare_frames: PrepareFrames,
        stalls: Stalls,
        clock_ms: Callable[[], int],
        uptime_ms: Callable[[], int],
        lease: Callable[[], Lease],
        submit_within_ms: int = SUBMIT_WITHIN_MS,
        asked_for_ms: int = ASKED_FOR_MS,
        store_again: Backoff = TICKET,
        counts: CallCounts | None = None,
        weight_of: WeightOf = equal_weight,
        traces: Traces = NO_TRACES,
        signals: Signals | None = None,
    ) -> None:
        """`routes`: by model name, the engines in the order in which they are tried.

        asked_for_ms: so long an upstream is asked what became of a call in doubt.
        signals: between this server and others; None: there can be none.
        """
        self._submit_within_ms = submit_within_ms
        self._jobs = jobs
        self._attempts = attempts
        self._held_jobs = held_jobs
        self._remotes = remotes
        self._choice = EngineChoice(
            attempts=attempts,
            remotes=remotes,
            routes=routes,
            clock_ms=clock_ms,
            uptime_ms=uptime_ms,
            weight_of=weight_of,
            signals=signals,
        )
        self._prepare_frames = prepare_frames
        self._stalls = stalls
        self._clock_ms = clock_ms
        self._uptime_ms = uptime_ms
        self._lease = lease
        self._traces = traces
        self._doubts = DoubtSettler(
            jobs=jobs, stalls=stalls, lease=lease, asked_for_ms=asked_for_ms
        )
        self._ends = CallEnds(
            jobs=jobs,
            attempts=attempts,
            choice=self._choice,
            stalls=stalls,
            counts=counts or CallCounts(),
            store_again=store_again,
            is_ours=self._doubts.is_ours,
        )
        # The calls under way, each with all that belongs to it: they outlive their steps.
        self._sending: set[asyncio.Task[PutOff | None]] = set()
        self._is_stopping = False

    async def submit(self, job: Job) -> PutOff | None:
        """The step of a job that is ready for one of the remote engines, or for one removed.

        Raises StorageFull or StorageFailed before the call only: then the step may be begun again.
        """
        now_ms = self._clock_ms()
        if job.wants_cancel:
            await self._write(job, cancelled(now_ms, is_hidden=job.is_hidden))
            return None
        if job.id in self._held_jobs:
            self._stalls.job(job.id, State.READY, *HELD)
            return PutOff(now_ms + HELD_MS)
        attempts = await self._attempts.of(job.id) if job.attempt else ()
        if job.deadline_ms and self._uptime_ms() >= job.deadline_ms:
            await self._write(job, failed(too_late(attempts), now_ms))
            return None
        choice = await self._choice.next_call(job, attempts)
        if choice is None and not self._choice.route(job):
            # Its engine was removed, and may come back with the next start.
            self._stalls.job(job.id, State.READY, "engine_removed", f"there is no {job.engine} now")
            left_ms = job.deadline_ms - self._uptime_ms() if job.deadline_ms else NO_ENGINE_MS
            await self._write(job, deferred(job.engine, now_ms + left_ms))
        elif choice is None:
            await self._write(job, failed(no_more(attempts[-1]), now_ms))
        elif choice.engine == job.engine and choice.due_ms <= self._clock_ms():
            return await self._call(self._remotes[job.engine], job, choice)
        else:
            return await self._put_off(job, choice)
        return None

    async def take_up(self, found: InterruptedJob) -> bool:
        """Ask what became of the call that a server made which is gone.

        False where nobody can tell: the job is in doubt. Raises StorageFull or StorageFailed.
        """
        job = found.job
        attempt = next((a for a in await self._attempts.of(job.id) if a.n == job.attempt), None)
        if attempt is None or not attempt.call_key or job.id in self._held_jobs:
            return False
        remote = self._remotes.get(attempt.engine)
        if not isinstance(remote, SettlingRemote) or remote.account.id != attempt.account:
            return False
        # One server alone may ask: another one's question may be a call.
        change = held_on(self._lease(), by=found.held_by)
        now = await self._jobs.change(job.id, change, attempt=job.attempt)
        if now is not None:
            self._follow(self._settle_interrupted(remote, now, attempt))
        return True

    async def stop(self, timeout_s: float) -> None:
        """Begin no more calls, and wait for those under way to be settled.

        One that takes longer is given up: the next start finds its attempt open.
        """
        self._is_stopping = True
        if not self._sending:
            return
        _, late = await asyncio.wait(self._sending, timeout=timeout_s)
        for sending in late:
            sending.cancel()
        if late:
            log.warning("submits_given_up", count=len(late))
            await asyncio.wait(late)

    async def _put_off(self, job: Job, choice: NextCall) -> PutOff | None:
        """Let the job wait for the engine of `choice`: in its row, where that is for long."""
        due_ms = self._choice.due_ms(job, choice)
        if choice.engine == job.engine and choice.due_ms <= self._clock_ms() + LONGEST_UNSTORED_MS:
            return PutOff(due_ms)
        await self._write(job, deferred(choice.engine, due_ms))
        return None

    # --- the call ------------------------------------------------------------------------------

    async def _call(self, remote: Remote, job: Job, choice: NextCall) -> PutOff | None:
        if not choice.is_probe:
            return await self._prepare_and_send(remote, job, choice)
        gate = self._choice.gate(remote)
        with gate.probing(remote.upstream_model(job.request)):
            return await self._prepare_and_send(remote, job, choice)

    async def _prepare_and_send(self, remote: Remote, job: Job, choice: NextCall) -> PutOff | None:
        begun_ms = self._clock_ms()
        key = str(uuid4()) if isinstance(remote, SettlingRemote) else ""
        try:
            with self._traces.step("prepare", job_facts(job), context=job.trace):
                prepared = await self._prepared(remote, job, key)
        except UpstreamError as error:
            await self._note_unprepared(remote, job, error, begun_ms)
            return None
        # A step that is cancelled leaves its call to be settled: `stop` waits for it.
        return await asyncio.shield(self._follow(self._send(remote, prepared, job, choice)))

    async def _prepared(self, remote: Remote, job: Job, key: str) -> Prepared:
        """The call, complete: the same each time for a job's attempt."""
        async with self._prepare_frames(remote, job) as upstream_request:
            return await remote.prepare(msgspec.structs.replace(upstream_request, key=key))

    def _follow(self, work: Coroutine[Any, Any, PutOff | None]) -> asyncio.Task[PutOff | None]:
        sending = asyncio.create_task(work)
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        return sending

    async def _send(
        self, remote: Remote, prepared: Prepared, job: Job, choice: NextCall
    ) -> PutOff | None:
        cooldown = self._choice.cooldown(remote, job)
        async with self._choice.gate(remote).slots.taken(job.owner):
            if self._is_stopping:
                return None
            # Others may have been told so while this one was prepared and waited for its slot.
            if cooldown.is_busy(self._clock_ms(), is_probe=choice.is_probe):
                return await self._turn_away(job)
            with self._traces.step("submit", job_facts(job), context=job.trace):
                await self._send_now(remote, prepared, job, cooldown)
            return None

    async def _send_now(
        self, remote: Remote, prepared: Prepared, job: Job, cooldown: ModelCooldown
    ) -> None:
        this_round = cooldown.begin()
        attempt = self._attempt(remote, prepared, job, self._clock_ms())
        if await self._write(job, intended(attempt, self._lease())) is None:
            return
        await self._attempts.note_ahead(attempt, job.size)
        begun_s = asyncio.get_running_loop().time()
        submission = await self._answer(remote, prepared, job, attempt)
        if isinstance(submission, Doubt) and isinstance(remote, SettlingRemote):
            age_s = asyncio.get_running_loop().time() - begun_s
            call = UnansweredCall(job, attempt, submission, age_s)
            await self._ask(remote, call, _at_once(prepared), this_round)
        else:
            cooldown.note(submission, of_round=this_round, now_ms=self._clock_ms())
            settlement = settlement_of(attempt.n, submission, self._clock_ms())
            await self._ends.settle(job, attempt, settlement)

    async def _settle_interrupted(
        self, remote: SettlingRemote, job: Job, attempt: Attempt
    ) -> PutOff | None:
        """Settle a call that another server has made: prepared anew, and in this one's slots."""
        async with self._choice.gate(remote).slots.taken(job.owner):
            if self._is_stopping:
                return None
            age_s = max(0, self._clock_ms() - attempt.intent_ms) / 1000
            call = UnansweredCall(
                job, attempt, Doubt(IN_DOUBT, "the server ended meanwhile"), age_s
            )
            prepare = partial(self._prepared, remote, job, attempt.call_key)
            with self._traces.step("submit", job_facts(job), context=job.trace):
                await self._ask(remote, call, prepare, self._choice.cooldown(remote, job).begin())
        return None

    async def _ask(
        self, remote: SettlingRemote, call: UnansweredCall, prepare: Prepare, this_round: int
    ) -> None:
        """What became of a call in doubt, by its upstream's word; then it is settled."""
        job, attempt = call.job, call.attempt
        submission = await self._doubts.settled(remote, call, prepare)
        if submission is None:
            return
        now_ms = self._clock_ms()
        self._choice.cooldown(remote, job).note(submission, of_round=this_round, now_ms=now_ms)
        settlement = settlement_of(attempt.n, submission, now_ms)
        await self._ends.settle(job, attempt, asked_after(settlement, call.doubt))

    async def _turn_away(self, job: Job) -> PutOff | None:
        """Its engine has become busy: another one that is free at once, or a place in line."""
        attempts = await self._attempts.of(job.id) if job.attempt else ()
        choice = await self._choice.next_call(job, attempts)
        return None if choice is None else await self._put_off(job, choice)

    def _attempt(
        self, remote: Remote, prepared: Prepared | None, job: Job, begun_ms: int
    ) -> Attempt:
        """Open; of what could not be prepared too."""
        return Attempt(
            job_id=job.id,
            n=job.attempt + 1,
            engine=remote.name,
            account=remote.account.id,
            upstream_model="" if prepared is None else prepared.upstream_model,
            intent_ms=begun_ms,
            submit_by_ms=begun_ms + self._submit_within_ms,
            call_key="" if prepared is None else prepared.key,
        )

    async def _answer(
        self, remote: Remote, prepared: Prepared, job: Job, attempt: Attempt
    ) -> Submission:
        """The one call that may cost; whatever is not an answer is a doubt."""
        left_s = (attempt.submit_by_ms - self._clock_ms()) / 1000
        try:
            async with asyncio.timeout(left_s):
                return await remote.submit(prepared)
        except TimeoutError:
            return Doubt(IN_DOUBT, f"no reply within {self._submit_within_ms / 1000:g} s")
        except Exception as error:
            log.exception("submit_failed", **job_fields(job), engine=remote.name)
            return Doubt(IN_DOUBT, f"{type(error).__name__} after the call had begun")

    async def _note_unprepared(
        self, remote: Remote, job: Job, error: UpstreamError, begun_ms: int
    ) -> None:
        """An attempt too, without a call: the next engine, or the same one later, or the end."""
        n, now_ms = job.attempt + 1, self._clock_ms()
        if isinstance(error, PrepareRefused):
            settlement = settlement_of(n, error.refusal, now_ms)
        else:
            settlement = Settlement(
                n, Outcome.UNPREPARED, now_ms, code=error.code, message=error.message
            )
        attempt = settled(self._attempt(remote, None, job, begun_ms), settlement)
        choice = await self._choice.next_after(job, attempt)
        if self._stalls.job(job.id, State.READY, attempt.code, attempt.message):
            log.warning("prepare_failed", **job_fields(job), engine=remote.name, why=error.message)
        if choice is None:
            await self._write(job, unsent(attempt, Failure(attempt.code, attempt.message), now_ms))
        else:
            due_ms = self._choice.due_ms(job, choice)
            await self._write(job, unprepared(attempt, choice.engine, due_ms))

    async def _write(self, job: Job, change: Change) -> Job | None:
        return await self._jobs.change(job.id, change, attempt=job.attempt)


def _at_once(prepared: Prepared) -> Prepare:
    """For a call that need not be made up again."""

    async def prepare() -> Prepared:
        return prepared

    return prepare
