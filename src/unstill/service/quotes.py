"""What a create call would become, told before it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from unstill.domain.job import Job
from unstill.domain.money import Charge
from unstill.domain.owner import Owner
from unstill.domain.request import CreateCall, Role, Size
from unstill.models.catalogue import Catalogue
from unstill.models.sizes import Crop, kept_part, output_size
from unstill.service.charging import Charging, OwnMoney
from unstill.service.checked_calls import quoted_call
from unstill.service.model_engines import ModelEngines
from unstill.service.new_jobs import NewJobs
from unstill.service.refusing_accounts import RefusingAccounts


class Quote(msgspec.Struct, frozen=True):
    """A job that nobody has made, and all that would come of it.

    job: with its size, and the engine that it comes to first; stored nowhere.
    crop: the part of the first picture that is kept.
    refusing_until_s: until then that engine's account is let alone; None while it is well.
    charge: what would be reserved; None where nothing is charged at all, as is `money`.
    ignored: names of fields that would have no effect.
    """

    job: Job
    crop: Crop
    refusing_until_s: int | None
    charge: Charge | None
    money: OwnMoney | None
    ignored: tuple[str, ...]


class Quotes:
    """Asks for a job what a create call would, on the same ways, and leaves it at that."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        new_jobs: NewJobs,
        model_engines: ModelEngines,
        refusing: RefusingAccounts,
        charging: Charging | None,
        clock_ms: Callable[[], int],
    ) -> None:
        self._catalogue = catalogue
        self._new_jobs = new_jobs
        self._model_engines = model_engines
        self._refusing = refusing
        self._charging = charging
        self._clock_ms = clock_ms

    async def quote(
        self,
        create_call: CreateCall,
        sizes: Mapping[Role, Size],
        *,
        owner: Owner,
        models: frozenset[str] | None,
    ) -> Quote:
        """What becomes of a call with pictures of these sizes, as a viewer shows them.

        No limit or budget refuses it, and none is touched. Raises CallerError for what is wrong
        with the request, OwnError.
        """
        checked = quoted_call(create_call, sizes, self._catalogue, models=models)
        now_ms, charging = self._clock_ms(), self._charging
        made = self._new_jobs.made(create_call, checked, now_ms, owner=owner)
        engines = self._model_engines.engines_of(made.model)
        charge = None if charging is None else charging.wanted(made, engines)
        engine, until_s = await self._refusing.first_asked(made, engines)
        first = sizes["first"]
        size = output_size(checked.card, made.request, first)
        due_ms = 0 if until_s is None else until_s * 1000
        return Quote(
            job=msgspec.structs.replace(made, engine=engine, size=size, due_ms=due_ms),
            crop=kept_part(first, size),
            refusing_until_s=until_s,
            charge=None if charge is None else charge.entry,
            money=None if charging is None else await charging.money_of(owner, now_ms),
            ignored=checked.ignored,
        )
