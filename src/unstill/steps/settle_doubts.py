"""Calls in doubt whose upstream can tell what became of them: it is asked, before a doubt is final.

A reply was lost, or the server died during the call. The job stays `submitting` and its attempt
open meanwhile, so that a crash changes nothing: the next server asks on. What may be concluded is
the upstream's word alone (`SettlingRemote`); silence is none.

In a fleet the job may have become another server's, which took this one for gone. So the lease is
written anew before each question, and a question never outlasts it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from unstill.domain.attempts import Attempt
from unstill.domain.backoff import DOUBT, Backoff
from unstill.domain.errors import OwnError, StorageFailed, StorageFull, UpstreamError
from unstill.domain.job import Job, State
from unstill.domain.lease import Lease
from unstill.domain.log_fields import job_fields
from unstill.progress.stalls import Stalls
from unstill.steps.submit_outcome import held_on
from unstill.store.ports.jobs import Jobs
from unstill.upstreams.port import Doubt, Prepared, PrepareRefused, SettlingRemote, Submission

log = structlog.get_logger()

ASKED_FOR_MS = 600_000  # then the doubt is final
QUESTION_S = 60.0  # with what is written before it; far less than a lease lasts

Prepare = Callable[[], Awaitable[Prepared]]


class UnansweredCall(msgspec.Struct, frozen=True):
    """An open attempt whose reply is not known. age_s: since the call began."""

    job: Job
    attempt: Attempt
    doubt: Doubt
    age_s: float


class _Unpreparable(Exception):
    """The call cannot be made up again, now or later."""


class DoubtSettler:
    """Asks what became of calls in doubt, for one server."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        stalls: Stalls,
        lease: Callable[[], Lease],
        pauses: Backoff = DOUBT,
        asked_for_ms: int = ASKED_FOR_MS,
    ) -> None:
        self._jobs = jobs
        self._stalls = stalls
        self._lease = lease
        self._pauses = pauses
        self._asked_for_ms = asked_for_ms

    async def settled(
        self, remote: SettlingRemote, call: UnansweredCall, prepare: Prepare
    ) -> Submission | None:
        """What the call came to; a Doubt where that was not to be learnt.

        None where the job is no more this server's, and nothing is to be written of it.
        prepare: makes the call up again, if need be.
        """
        job, attempt, doubt = call.job, call.attempt, call.doubt
        log.warning(
            "submit_in_doubt",
            **job_fields(job),
            engine=attempt.engine,
            attempt=attempt.n,
            why=doubt.message,
        )
        now_s = asyncio.get_running_loop().time  # goes on by itself, whatever the wall clock does
        begun_s = now_s() - call.age_s
        until_s = now_s() + self._asked_for_ms / 1000
        asked, prepared = 0, None
        while True:
            asked += 1
            self._stalls.job(job.id, State.SUBMITTING, "in_doubt", doubt.message)
            await asyncio.sleep(self._pauses.after_ms(asked) / 1000)
            try:
                async with asyncio.timeout(QUESTION_S):
                    if not await self.is_ours(job, attempt):
                        return None
                    prepared = prepared or await self._prepared(prepare, attempt)
                    answer = await remote.settle(prepared, age_s=now_s() - begun_s)
            except _Unpreparable as error:
                return _final(doubt, f"it could not be asked for: {error}")
            except TimeoutError:
                answer = Doubt("no_answer", f"no answer within {QUESTION_S:g} s")
            except (UpstreamError, StorageFull, StorageFailed) as error:
                answer = Doubt(error.code, error.message)
            except Exception as error:
                log.exception("settle_asked_in_vain", **job_fields(job), engine=attempt.engine)
                answer = Doubt("own_error", f"{type(error).__name__} in unstill itself")
            if not isinstance(answer, Doubt):
                return answer
            if now_s() >= until_s:
                return _final(doubt, f"asked {asked} times, it did not say: {answer.message}")

    async def is_ours(self, job: Job, attempt: Attempt) -> bool:
        """Whether the attempt is this server's to settle, for as long as its lease lasts.

        Raises StorageFull or StorageFailed.
        """
        lease = self._lease()
        change = held_on(lease, by=lease.server)
        return await self._jobs.change(job.id, change, attempt=attempt.n) is not None

    async def _prepared(self, prepare: Prepare, attempt: Attempt) -> Prepared:
        """Raises _Unpreparable; UpstreamError, StorageFull or StorageFailed if it cannot be now."""
        try:
            prepared = await prepare()
        except (StorageFull, StorageFailed):
            raise  # its pictures may be had again
        except (PrepareRefused, OwnError) as error:
            raise _Unpreparable(error.message) from error
        if (prepared.key, prepared.upstream_model) != (attempt.call_key, attempt.upstream_model):
            raise _Unpreparable("its engine would make another call of it now")
        return prepared


def _final(doubt: Doubt, why: str) -> Doubt:
    return Doubt(doubt.code, f"{doubt.message}; {why}")
