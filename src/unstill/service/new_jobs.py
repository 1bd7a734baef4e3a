"""A new job, from a right call and what its owner may have to its row: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog

from unstill.domain.engine import Engine
from unstill.domain.errors import OwnError, UnstillError
from unstill.domain.job import IdempotencyMark, Job, Vocabulary
from unstill.domain.job_ids import new_id
from unstill.domain.limits import Party
from unstill.domain.log_fields import job_fields
from unstill.domain.money import ChargeReserve
from unstill.domain.owner import Owner
from unstill.domain.request import CreateCall, GivenValue, Role
from unstill.files.port import Files
from unstill.service.allowances import Allowances, Reservation
from unstill.service.charging import Charging
from unstill.service.checked_calls import CheckedCall
from unstill.service.model_engines import ModelEngines
from unstill.service.pictures import IncomingFrame
from unstill.store.ports.jobs import Jobs
from unstill.store.ports.store_state import StoreState

# Trouble with an upstream fails no job before. DashScope knows a task for 24 h, and its link too.
DEADLINE_MS = 24 * 3600 * 1000

log = structlog.get_logger()


class Admitted(msgspec.Struct, frozen=True):
    """What is held for a job until it is stored; None where nothing counts."""

    charge: ChargeReserve | None
    reservation: Reservation | None


class NewJobs:
    """What may be stored, and its storing."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        files: Files,
        store_state: StoreState,
        model_engines: ModelEngines,
        receiver_of: Callable[[GivenValue | None, Owner], str | None],
        check_room: Callable[[], None],
        uptime_ms: Callable[[], int],
        allowances: Allowances | None,
        charging: Charging | None,
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._store_state = store_state
        self._model_engines = model_engines
        self._receiver_of = receiver_of
        self._check_room = check_room
        self._uptime_ms = uptime_ms
        self._allowances = allowances
        self._charging = charging

    def made(
        self,
        create_call: CreateCall,
        checked: CheckedCall,
        now_ms: int,
        *,
        owner: Owner,
        dialect: str = "",
        words: Vocabulary = "unified",
        request_id: str = "",
        key_id: str = "",
        trace: str = "",
    ) -> Job:
        """The job that a right call becomes; it is nowhere yet.

        Raises BadField where no engine can make it or its receiver is wrong, BadSetting,
        StorageFull.
        """
        webhook_url = self._receiver_of(create_call.webhook_url, owner)
        engine, request = self._model_engines.engine_for(
            checked.model, checked.request, create_call=create_call
        )
        self._check_room()
        return Job(
            id=new_id(now_ms),
            owner=owner,
            dialect=dialect,
            words=words,
            model=checked.model,
            request=request,
            engine=engine,
            created_ms=now_ms,
            deadline_ms=self._uptime_ms() + DEADLINE_MS,
            webhook_url=webhook_url,
            request_id=request_id,
            key_id=key_id,
            trace=trace,
        )

    async def admit(
        self, job: Job, taken: Mapping[Role, IncomingFrame], engines: Sequence[Engine]
    ) -> Admitted:
        """Ask the limits and budgets of its owner, and its key. `store` follows it.

        engines: those that may come to make it. Raises OverBudget, OverLimit, OverBytes.
        """
        charge = reservation = None
        if self._charging is not None:
            charge = await self._charging.reserve(job, engines)
        if self._allowances is not None:
            size_bytes = sum(len(each.data) for each in taken.values() if each.data is not None)
            caller = Party(job.owner, job.key_id)
            reservation = await self._allowances.take(caller, job.id, size_bytes=size_bytes)
        return Admitted(charge, reservation)

    async def taken_before(self, owner: Owner, mark: IdempotencyMark) -> Job | None:
        """The job of an earlier call, also of one that is just being stored."""
        if self._allowances is not None:
            await self._allowances.nothing_pending(owner)
        return await self._jobs.marked(owner, mark)

    async def store(
        self,
        job: Job,
        taken: Mapping[Role, IncomingFrame],
        *,
        mark: IdempotencyMark | None,
        admitted: Admitted,
    ) -> Job:
        """Store what was admitted; else it is given back. The job of an earlier call, if any.

        Raises OverBudget where calls at the same time were faster, OwnError.
        """
        stored = None
        try:
            stored = await self._with_pictures(job, taken, mark, admitted.charge)
        finally:
            if admitted.reservation is not None and self._allowances is not None:
                is_stored = stored is not None and stored.id == job.id
                self._allowances.settle(admitted.reservation, is_stored=is_stored)
        return stored

    async def _with_pictures(
        self,
        job: Job,
        taken: Mapping[Role, IncomingFrame],
        mark: IdempotencyMark | None,
        charge: ChargeReserve | None,
    ) -> Job:
        """Pictures first: a row never stands without them. The job of an earlier call, if any."""
        try:
            for frame in job.request.frames:
                data = taken[frame.role].data
                if data is not None:
                    begins = self._store_state.store_id
                    await self._files.keep(job.id, frame.file_name, data, begins=begins)
            stored = await self._jobs.add(job, mark=mark, reserve=charge)
        except UnstillError:
            # Most likely the disk is full, and these pictures would keep it so.
            await remove_files(self._files, job)
            raise
        if stored.id != job.id:
            await remove_files(self._files, job)
        return stored


async def remove_files(files: Files, job: Job) -> None:
    """Give back a job's files; those that will not go are the sweep's."""
    try:
        await files.remove(job.id)
    except OwnError as error:
        log.warning("files_not_removed", **job_fields(job), why=error.message)
