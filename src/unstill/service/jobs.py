"""The jobs of the product as a Python object: submit, find, list, cancel, delete.

Every dialect comes through here, and nothing here knows a dialect. Store before answer: when
`submit` returns, the pictures and the row are on disk; nothing has been fetched or rendered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
import structlog

from unstill.domain.access_errors import OverBudget, OverBytes, OverLimit
from unstill.domain.engine import Engine
from unstill.domain.errors import (
    BadField,
    BadSetting,
    JobDeleted,
    NoSuchJob,
    ShuttingDown,
    StorageFull,
    TooLateToCancel,
)
from unstill.domain.job import (
    UNFINISHED,
    Change,
    Job,
    State,
    Vocabulary,
    cancel_requested,
    cancelled,
    hidden,
)
from unstill.domain.money import Budgets, BudgetUse
from unstill.domain.owner import Owner
from unstill.domain.request import CreateCall, GivenValue, Role, Size, TierName
from unstill.files.port import Files
from unstill.files.storage import always_there
from unstill.models.card import Card
from unstill.models.catalogue import Catalogue
from unstill.service.admission import Admission
from unstill.service.allowances import Allowances
from unstill.service.charging import Charged, Charging, OwnMoney
from unstill.service.checked_calls import checked_call
from unstill.service.idempotency import RetryHeaders, mark_of
from unstill.service.model_engines import ModelEngines
from unstill.service.new_jobs import NewJobs, remove_files
from unstill.service.quotes import Quote, Quotes
from unstill.service.refusing_accounts import RefusingAccounts
from unstill.store.ports.attempts import Attempts
from unstill.store.ports.held_jobs import HeldJobs
from unstill.store.ports.job_lists import Among, CursorPage, JobLists, OffsetPage, Where
from unstill.store.ports.jobs import Jobs
from unstill.store.ports.store_state import StoreState

log = structlog.get_logger()

LAST_MS = 2**48 - 2  # later than that no id is
RECENT_MS = 24 * 3600 * 1000  # DashScope, "manage asynchronous tasks": a list without a window


EVERYTHING = Admission()


class Submission(msgspec.Struct, frozen=True):
    """The call's job, and the caller's fields that its model does not have."""

    job: Job
    ignored: tuple[str, ...]


class Service:
    """What the server does for its callers."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        job_lists: JobLists,
        attempts: Attempts,
        held_jobs: HeldJobs,
        store_state: StoreState,
        files: Files,
        stop_upstream: Callable[[Job], Awaitable[bool]],
        catalogue: Catalogue,
        engines: Mapping[str, Engine],
        routes: Mapping[str, Sequence[str]],
        accounts: Mapping[str, str],
        receiver_of: Callable[[GivenValue | None, Owner], str | None],
        check_room: Callable[[], None] = lambda: None,
        check_files: Callable[[], Awaitable[None]] = always_there,
        clock_ms: Callable[[], int],
        uptime_ms: Callable[[], int],
        admission: Admission = EVERYTHING,
        allowances: Allowances | None = None,
        charging: Charging | None = None,
    ) -> None:
        """`routes`: for each name that callers may use, the engines to try, in order.

        stop_upstream: raises UpstreamError if it is not told whether the job was stopped.
        accounts: by engine, the upstream account that it asks, if it asks any.
        receiver_of: where to tell of a job's end, "" for the owner's own place; raises BadField.
        check_room: raises StorageFull if no new job is taken for want of room.
        check_files: raises StorageFailed while what keeps the files does not answer.
        allowances: of owners that have limits; None: nobody has any.
        charging: what jobs are charged with; None: with nothing, and no book is kept.
        """
        self.catalogue = catalogue
        self._jobs = jobs
        self._job_lists = job_lists
        self._held_jobs = held_jobs
        self._store_state = store_state
        self._model_engines = ModelEngines(engines, routes=routes)
        self._new_jobs = NewJobs(
            jobs=jobs,
            files=files,
            store_state=store_state,
            model_engines=self._model_engines,
            receiver_of=receiver_of,
            check_room=check_room,
            uptime_ms=uptime_ms,
            allowances=allowances,
            charging=charging,
        )
        self._refusing = RefusingAccounts(accounts, attempts=attempts, clock_ms=clock_ms)
        self._quotes = Quotes(
            catalogue=catalogue,
            new_jobs=self._new_jobs,
            model_engines=self._model_engines,
            refusing=self._refusing,
            charging=charging,
            clock_ms=clock_ms,
        )
        self._files = files
        self._stop_upstream = stop_upstream
        self.engines = engines
        self._admission = admission
        self._charging = charging
        self._check_room = check_room
        self.check_files = check_files
        self._clock_ms = clock_ms
        self._is_closing = False

    def stop_taking(self) -> None:
        """Refuse new jobs from now on; everything else still answers."""
        self._is_closing = True

    async def submit(
        self,
        create_call: CreateCall,
        *,
        owner: Owner,
        dialect: str,
        words: Vocabulary,
        retry: RetryHeaders | None = None,
        request_id: str = "",
        key_id: str = "",
        trace: str = "",
        models: frozenset[str] | None = None,
    ) -> Submission:
        """Check, keep the pictures, store the job; durable when it returns.

        key_id: of the key that its caller has shown; empty for one that is no row.
        models: those that its caller may use, by their names in the catalogue's list; None: any.

        The same job again if the call is one that was sent before, which only a `sending` can be.
        Raises CallerError for what is wrong with the request, OwnError if it cannot be stored.
        """
        if self._is_closing:
            raise ShuttingDown("the server is shutting down, send the request again")
        checked = await checked_call(create_call, self.catalogue, models=models)
        now_ms = self._clock_ms()
        mark = None if retry is None else mark_of(retry, create_call, checked, now_ms=now_ms)
        try:
            for each in checked.taken.values():
                self._admission.check(each)
            job = self._new_jobs.made(
                create_call,
                checked,
                now_ms,
                owner=owner,
                dialect=dialect,
                words=words,
                request_id=request_id,
                key_id=key_id,
                trace=trace,
            )
            admitted = await self._new_jobs.admit(job, checked.taken, self.engines_of(job.model))
        except (BadField, BadSetting, StorageFull, OverLimit, OverBytes, OverBudget):
            # The settings have changed, or the disk; what was taken before is still its caller's.
            stored = None if mark is None else await self._new_jobs.taken_before(owner, mark)
            if stored is None:
                raise
        else:
            stored = await self._new_jobs.store(job, checked.taken, mark=mark, admitted=admitted)
        if stored.request_id != request_id:
            log.info("sent_again", job_id=stored.id, owner=owner, request_id=request_id)
        if stored.is_hidden:
            raise JobDeleted(stored.id)  # never a second one
        return Submission(stored, checked.ignored)

    async def quote(
        self,
        create_call: CreateCall,
        sizes: Mapping[Role, Size],
        *,
        owner: Owner,
        models: frozenset[str] | None = None,
    ) -> Quote:
        """What `submit` would make of a call whose pictures have these sizes.

        Raises what `submit` does for what is wrong with the request.
        """
        if self._is_closing:
            raise ShuttingDown("the server is shutting down, send the request again")
        return await self._quotes.quote(create_call, sizes, owner=owner, models=models)

    async def find(self, job_id: str, owner: Owner) -> Job:
        """The owner's job; raises NoSuchJob for any other."""
        job = await self._jobs.find(job_id)
        if job is None or job.owner != owner or job.is_hidden:
            raise NoSuchJob(job_id)
        return job

    async def owner_of(self, job_id: str) -> Owner | None:
        """Whose job it is; None where there is none to tell of. Raises OwnError."""
        job = await self._jobs.find(job_id)
        return None if job is None or job.is_hidden else job.owner

    async def unfinished(self, owner: Owner, *, limit: int) -> Sequence[Job]:
        """The owner's newest jobs that have not ended, newest first."""
        among = Among(states=UNFINISHED)
        return (await self._job_lists.of_owner(owner, among, limit=limit)).jobs

    async def page(
        self, owner: Owner, *, limit: int, after: str | None, newest_first: bool
    ) -> CursorPage:
        lists = self._job_lists
        return await lists.page(owner, limit=limit, after=after, newest_first=newest_first)

    async def list_by_offset(
        self,
        owner: Owner,
        *,
        window_ms: tuple[int, int] | None,
        states: frozenset[State] | None,
        model: str | None,
        offset: int,
        limit: int,
    ) -> OffsetPage:
        """`window_ms`: first and last moment of their making; None: the last day."""
        # Open at its end: jobs of a clock that was ahead are the newest, and none is left out.
        since_ms, until_ms = window_ms or (self._clock_ms() - RECENT_MS, LAST_MS)
        where = Where(since_ms, until_ms, states, model)
        return await self._job_lists.list_by_offset(owner, where, offset=offset, limit=limit)

    async def cancel(self, job_id: str, owner: Owner) -> None:
        """Stop what can be stopped; of a call that is just being made the wish is noted.

        Raises NoSuchJob, TooLateToCancel if the job goes on or has ended, UpstreamError if the
        upstream does not say.
        """
        job = await self.find(job_id, owner)
        while True:
            change = self._cancellation(job)
            if change is None:
                break
            if await self._jobs.change(job.id, change) is not None:
                return
            # It moved between the read and the write; its new state decides anew.
            job = await self.find(job_id, owner)
        if job.state is not State.RUNNING:
            raise TooLateToCancel(job.id)
        if not await self._stop_upstream(job):
            raise TooLateToCancel(job.id)

    def _cancellation(self, job: Job) -> Change | None:
        """What the cancel of a job writes; None where an upstream decides, or it is too late."""
        match job.state:
            case State.SUBMITTING:
                return cancel_requested(job.state, is_hidden=False)
            case State.RUNNING if job.ticket is not None:
                return None
            case State.QUEUED | State.READY | State.RUNNING:
                return self._stopped(is_hidden=False)
            case _:
                return None

    def _stopped(self, *, is_hidden: bool) -> Change:
        change = cancelled(self._clock_ms(), is_hidden=is_hidden)
        # An upstream may have taken it since it was read: that is not ours to stop.
        return msgspec.structs.replace(change, is_local=True)

    async def delete(self, job_id: str, owner: Owner) -> Job:
        """Stop what can be stopped, hide the job, and give back its files once it has ended."""
        job = await self.find(job_id, owner)
        while (changed := await self._jobs.change(job.id, self._deletion(job))) is None:
            # It moved between the read and the write; its new state decides anew.
            job = await self.find(job_id, owner)
        if changed.state.is_final:
            await remove_files(self._files, job)
        return changed

    def _deletion(self, job: Job) -> Change:
        """The design's table: what is ours to stop is stopped in the same write."""
        match job.state:
            case State.SUBMITTING:
                return cancel_requested(job.state)
            case State.RUNNING if job.ticket is not None:
                return cancel_requested(job.state)
            case State.QUEUED | State.READY | State.RUNNING:
                return self._stopped(is_hidden=True)
            case _:
                return hidden(of=job.state)

    def check(self) -> None:
        """Raises StorageFailed if jobs cannot be kept, as the job store has been removed."""
        self._store_state.check()

    def check_room(self) -> None:
        """Raises StorageFull if no new job is taken for want of room."""
        self._check_room()

    @property
    def held(self) -> int:
        """How many jobs wait for an operator's word."""
        return self._held_jobs.waiting

    # --- engines ---------------------------------------------------------------------------

    def engines_of(self, model: str) -> tuple[Engine, ...]:
        """The engines behind a name, in the order they are tried."""
        return self._model_engines.engines_of(model)

    def served_card(self, model: str) -> Card:
        """A model by its name in the catalogue, without what none of its engines does."""
        return self._model_engines.served_card(model, self.catalogue.names[model])

    def charged(self, model: str) -> Mapping[TierName, Charged]:
        """What each tier of a model is charged with; nothing where nothing is charged at all."""
        if self._charging is None:
            return {}
        card = self.catalogue.names[model]
        return self._charging.charged(model, card, self.engines_of(model))

    async def money_of(self, owner: Owner) -> OwnMoney | None:
        """What is left of an owner's budgets; None where nothing is charged at all."""
        if self._charging is None:
            return None
        return await self._charging.money_of(owner, self._clock_ms())

    def money_by(self, budgets: Budgets, used: BudgetUse, day: int) -> OwnMoney | None:
        """The same by what is known of an owner."""
        return None if self._charging is None else self._charging.money_by(budgets, used, day)

    def made_by(self, job: Job) -> str:
        """What makes the job's video, or has made it: in its engine's words, where there are any.

        Only from the row: each poll asks for it.
        """
        if job.result is not None and job.result.made_by:
            return job.result.made_by
        engine = self.engines.get(job.engine)
        return job.engine if engine is None else engine.label

    async def refusing_until_s(self, engine: str) -> int | None:
        """Until when an engine's account is let alone, in Unix seconds; None if it is well."""
        return await self._refusing.until_s(engine)
