"""What a call that may cost has come to, written down: it is settled, and its job goes on or ends.

Noted beside the store first, then committed, however long that takes: a ticket is paid for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.backoff import Backoff
from unstill.domain.book import is_in_doubt
from unstill.domain.call_counts import CallCounts
from unstill.domain.errors import ShuttingDown, StorageFailed, StorageFull, TicketTaken
from unstill.domain.job import Change, Failure, Job, State, accepted, cancelled, failed, sent_back
from unstill.domain.log_fields import job_fields
from unstill.progress.stalls import Stalls
from unstill.steps.engine_choice import EngineChoice
from unstill.steps.submit_outcome import in_doubt, not_its_own, settled, settlement_in
from unstill.store.ports.attempts import Attempts
from unstill.store.ports.jobs import Jobs
from unstill.system.storage_pause import until_stored
from unstill.system.tracing import open_span

log = structlog.get_logger()


class CallEnds:
    """Settles attempts, for one server."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        attempts: Attempts,
        choice: EngineChoice,
        stalls: Stalls,
        counts: CallCounts,
        store_again: Backoff,
        is_ours: Callable[[Job, Attempt], Awaitable[bool]],
    ) -> None:
        """is_ours: whether this server may still say that a call which has a key was not taken."""
        self._jobs = jobs
        self._attempts = attempts
        self._choice = choice
        self._stalls = stalls
        self._counts = counts
        self._store_again = store_again
        self._is_ours = is_ours

    async def settle(self, job: Job, attempt: Attempt, settlement: Settlement) -> None:
        """Write it, however often that takes: nobody else may, before the next start."""
        self._note(attempt.engine, settlement)
        self._counts.submitted(attempt.engine, settlement.outcome)
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

    def _note(self, engine: str, settlement: Settlement) -> None:
        """What other jobs of the engine have to expect."""
        code, message = settlement.code, settlement.message
        match settlement.outcome:
            case Outcome.ACCEPTED | Outcome.REJECTED:
                self._stalls.engine_moves(engine, "submits")
            case outcome if outcome is Outcome.BUSY or settlement.of_account:
                if self._stalls.engine(engine, "submits", code, message):
                    log.warning("engine_stalled", engine=engine, code=code, why=message)

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

    async def _write_end(self, job: Job, attempt: Attempt, settlement: Settlement) -> None:
        is_taken = settlement.outcome is Outcome.ACCEPTED
        if attempt.call_key and not is_taken and not await self._is_left_to_us(job, attempt):
            return
        change = await self._consequence(job, attempt, settlement)
        now = await self._jobs.change(job.id, change, attempt=attempt.n)
        if now is None and is_taken:
            await self._tell_late(job, attempt, settlement)
        if now is not None and now.state is State.READY and now.wants_cancel:
            over = cancelled(settlement.settled_ms, is_hidden=now.is_hidden)
            await self._jobs.change(now.id, over, attempt=now.attempt)

    async def _is_left_to_us(self, job: Job, attempt: Attempt) -> bool:
        """Whether no other server asks what became of the call.

        It may be sending it again just then: what was said to this one is old.
        """
        if await self._is_ours(job, attempt):
            return True
        now = await self._jobs.find(job.id)
        return now is None or now.state is not State.SUBMITTING or now.attempt != attempt.n

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
