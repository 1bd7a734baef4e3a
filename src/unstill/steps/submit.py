"""A ready job's step at somebody else's server: which engine, when, and the one call that may cost.

    ready -> submitting   committed together with the attempt, before the call
    submitting -> running accepted: the ticket is committed at once
    submitting -> ready   surely not taken: the next engine, or the same one later
    submitting -> failed  refused for good, or in doubt: never sent again

The account's slots enclose both commits, so that a crash leaves no more attempts open than there
are slots. Which engine is next, and when: engine_choice.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.backoff import TICKET, Backoff
from unstill.domain.book import is_in_doubt
from unstill.domain.call_counts import CallCounts
from unstill.domain.errors import (
    ShuttingDown,
    StorageFailed,
    StorageFull,
    TicketTaken,
    UpstreamError,
)
from unstill.domain.job import (
    IN_DOUBT,
    Change,
    Failure,
    Job,
    State,
    accepted,
    cancelled,
    deferred,
    failed,
    intended,
    sent_back,
    unprepared,
    unsent,
)
from unstill.domain.lease import Lease
from unstill.domain.log_fields import job_facts, job_fields
from unstill.domain.owner_turns import WeightOf, equal_weight
from unstill.progress.stalls import Stalls
from unstill.steps.cooldown import ModelCooldown
from unstill.steps.engine_choice import EngineChoice
from unstill.steps.failover import NextCall
from unstill.steps.prepare import PrepareFrames
from unstill.steps.submit_outcome import (
    in_doubt,
    no_more,
    not_its_own,
    settled,
    settlement_in,
    settlement_of,
    too_late,
)
from unstill.store.ports.attempts import Attempts
from unstill.store.ports.held_jobs import HeldJobs
from unstill.store.ports.jobs import Jobs
from unstill.store.ports.queue import PutOff
from unstill.store.ports.signals import Signals
from unstill.system.storage_pause import until_stored
from unstill.system.tracing import NO_TRACES, Traces, open_span
from unstill.upstreams.port import (
    Accepted,
    Busy,
    Doubt,
    Prepared,
    PrepareRefused,
    Refused,
    Rejected,
    Remote,
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
        store_again: Backoff = TICKET,
        counts: CallCounts | None = None,
        weight_of: WeightOf = equal_weight,
        traces: Traces = NO_TRACES,
        signals: Signals | None = None,
    ) -> None:
        """`routes`: by model name, the engines in the order in which they are tried.

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
        self._store_again = store_again
        self._counts = counts or CallCounts()
        self._traces = traces
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
        try:
            with self._traces.step("prepare", job_facts(job), context=job.trace):
                async with self._prepare_frames(remote, job) as upstream_request:
                    prepared = await remote.prepare(upstream_request)
        except UpstreamError as error:
            await self._note_unprepared(remote, job, error, begun_ms)
            return None
        sending = asyncio.create_task(self._send(remote, prepared, job, choice))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        # A step that is cancelled leaves its call to be settled: `stop` waits for it.
        return await asyncio.shield(sending)

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
        attempt = self._attempt(remote, prepared.upstream_model, job, self._clock_ms())
        if await self._write(job, intended(attempt, self._lease())) is None:
            return
        await self._attempts.note_ahead(attempt, job.size)
        submission = await self._answer(remote, prepared, job, attempt)
        cooldown.note(submission, of_round=this_round, now_ms=self._clock_ms())
        await self._settle(job, attempt, submission)

    async def _turn_away(self, job: Job) -> PutOff | None:
        """Its engine has become busy: another one that is free at once, or a place in line."""
        attempts = await self._attempts.of(job.id) if job.attempt else ()
        choice = await self._choice.next_call(job, attempts)
        return None if choice is None else await self._put_off(job, choice)

    def _attempt(self, remote: Remote, upstream_model: str, job: Job, begun_ms: int) -> Attempt:
        return Attempt(
            job_id=job.id,
            n=job.attempt + 1,
            engine=remote.name,
            account=remote.account.id,
            upstream_model=upstream_model,
            intent_ms=begun_ms,
            submit_by_ms=begun_ms + self._submit_within_ms,
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
        attempt = settled(self._attempt(remote, "", job, begun_ms), settlement)
        choice = await self._choice.next_after(job, attempt)
        if self._stalls.job(job.id, State.READY, attempt.code, attempt.message):
            log.warning("prepare_failed", **job_fields(job), engine=remote.name, why=error.message)
        if choice is None:
            await self._write(job, unsent(attempt, Failure(attempt.code, attempt.message), now_ms))
        else:
            due_ms = self._choice.due_ms(job, choice)
            await self._write(job, unprepared(attempt, choice.engine, due_ms))

    # --- what it came to -----------------------------------------------------------------------

    async def _settle(self, job: Job, attempt: Attempt, submission: Submission) -> None:
        """Write it, however often that takes: nobody else may, before the next start."""
        settlement = settlement_of(attempt.n, submission, self._clock_ms())
        self._counts.submitted(attempt.engine, settlement.outcome)
        self._note(attempt.engine, submission)
        open_span().note({"unstill.attempt": attempt.n, "unstill.outcome": settlement.outcome})
        if settlement.outcome is not Outcome.ACCEPTED:
            open_span().fail(settlement.outcome)
        log.info(
            "submitted",
            **job_fields(job),
            engine=attempt.engine,
            attempt=attempt.n,
            outcome=settlement.outcome.value,
            ticket=settlement.ticket,
            code=settlement.code,
        )
        try:
            await self._end(job, attempt, settlement)
        except TicketTaken as error:
            log.error("ticket_taken", **job_fields(job), engine=attempt.engine, ticket=error.ticket)  # noqa: TRY400  - no trace is wanted
            unknown = settlement_in(not_its_own(settled(attempt, settlement), error))
            await self._end(job, attempt, unknown)

    async def _end(self, job: Job, attempt: Attempt, settlement: Settlement) -> None:
        """Note it beside the store, then write it: the ticket is paid for. Raises TicketTaken."""
        is_told = False

        async def pause(trouble: StorageFull | StorageFailed) -> None:
            nonlocal is_told
            if not is_told:  # once for each: its ticket may be needed
                is_told, why = True, trouble.message
                log.warning("settle_failed", **job_fields(job), ticket=settlement.ticket, why=why)
            await self._attempts.note_ahead(settled(attempt, settlement), job.size, lasts=True)
            await asyncio.sleep(self._store_again.first_ms / 1000)

        await self._attempts.note_ahead(settled(attempt, settlement), job.size)
        try:
            await until_stored(lambda: self._write_end(job, attempt, settlement), pause)
        except ShuttingDown:
            log.error("not_settled", **job_fields(job), ticket=settlement.ticket)  # noqa: TRY400  - no trace is wanted

    def _note(self, engine: str, submission: Submission) -> None:
        """What other jobs of the engine have to expect."""
        match submission:
            case Accepted() | Rejected():
                self._stalls.engine_moves(engine, "submits")
            case Busy(code, message) | Refused(code, message, of_account=True):
                if self._stalls.engine(engine, "submits", code, message):
                    log.warning("engine_stalled", engine=engine, code=code, why=message)

    async def _write_end(self, job: Job, attempt: Attempt, settlement: Settlement) -> None:
        change = await self._consequence(job, attempt, settlement)
        now = await self._jobs.change(job.id, change, attempt=attempt.n)
        if now is None and settlement.outcome is Outcome.ACCEPTED:
            await self._tell_late(job, attempt, settlement)
        if now is not None and now.state is State.READY and now.wants_cancel:
            await self._write(now, cancelled(settlement.settled_ms, is_hidden=now.is_hidden))

    async def _tell_late(self, job: Job, attempt: Attempt, settlement: Settlement) -> None:
        """Its job was failed as in doubt meanwhile, by somebody who took this server for gone."""
        now = await self._jobs.find(job.id)
        if now is not None and is_in_doubt(now):
            log.warning(
                "reply_after_the_end",
                **job_fields(job),
                engine=attempt.engine,
                ticket=settlement.ticket,
                mend=f"unstill jobs resolve {job.id} --charged",
            )

    async def _consequence(self, job: Job, attempt: Attempt, settlement: Settlement) -> Change:
        now_ms = settlement.settled_ms
        match settlement.outcome:
            case Outcome.ACCEPTED if settlement.ticket is not None:
                return accepted(settlement.ticket, attempt.upstream_model, settlement)
            case Outcome.REJECTED:
                failure = Failure(settlement.code, settlement.message)
                return failed(failure, now_ms, closes=settlement)
            case Outcome.BUSY | Outcome.UNREACHED | Outcome.REFUSED:
                return await self._next(job, attempt, settlement)
            case _:
                return failed(in_doubt(settlement.message), now_ms, closes=settlement)

    async def _next(self, job: Job, attempt: Attempt, settlement: Settlement) -> Change:
        """Another engine at once, the same one later, or the end with the last refusal."""
        choice = await self._choice.next_after(job, settled(attempt, settlement))
        if choice is None:
            failure = Failure(settlement.code, settlement.message)
            return failed(failure, settlement.settled_ms, closes=settlement)
        return sent_back(choice.engine, self._choice.due_ms(job, choice), settlement)

    async def _write(self, job: Job, change: Change) -> Job | None:
        return await self._jobs.change(job.id, change, attempt=job.attempt)
