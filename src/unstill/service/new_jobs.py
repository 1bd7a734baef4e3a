"""A new job, from what its owner may have to its row: all of it is stored, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import structlog

from unstill.domain.engine import Engine
from unstill.domain.errors import OwnError, UnstillError
from unstill.domain.job import IdempotencyMark, Job
from unstill.domain.limits import Party
from unstill.domain.log_fields import job_fields
from unstill.domain.money import ChargeReserve
from unstill.domain.owner import Owner
from unstill.domain.request import Role
from unstill.files.port import Files
from unstill.service.allowances import Allowances, Reservation
from unstill.service.charging import Charging
from unstill.service.pictures import IncomingFrame
from unstill.store.ports.jobs import Jobs
from unstill.store.ports.store_state import StoreState

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
        allowances: Allowances | None,
        charging: Charging | None,
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._store_state = store_state
        self._allowances = allowances
        self._charging = charging

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
