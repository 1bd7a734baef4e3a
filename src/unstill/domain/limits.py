"""What an owner, or one of its keys, may have at once, and how an owner's turns weigh.

`SETTABLE` is the one table of what operators set, by a command's option or by a field of the
operators' API: whoever takes it whole takes a new limit by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.money import AMOUNT, Budgets, millionths_in, shown_amount
from unstill.domain.owner import Owner
from unstill.domain.owner_turns import MOST_WEIGHT

MOST = 2**53  # what JSON's readers keep exact


class Limits(msgspec.Struct, frozen=True):
    """What one party may; None is no limit. Jobs that were taken before one was set go on."""

    in_flight: int | None = None  # jobs that have begun: submitting, running, saving
    submits_per_minute: int | None = None
    queue: int | None = None  # jobs that no engine has begun: queued, ready
    stored_bytes: int | None = None  # its jobs' files, and an owner's uploads
    weight: int = 1  # an owner's turns in a round, see domain/owner_turns.py
    requests_per_minute: int | None = None  # calls of any kind but those about a job that is there
    # What may be settled and reserved, in millionths of the house currency; by days of UTC.
    budget_day: int | None = None
    budget_month: int | None = None

    @property
    def counts_jobs(self) -> bool:
        return self.in_flight is not None or self.queue is not None

    @property
    def is_unlimited(self) -> bool:
        """Whether it may have any number of jobs, however large."""
        return not self.counts_jobs and self.submits_per_minute is None and not self.counts_bytes

    @property
    def counts_bytes(self) -> bool:
        return self.stored_bytes is not None

    @property
    def budgets(self) -> Budgets:
        return Budgets(self.budget_day, self.budget_month)


UNLIMITED = Limits()


class Party(NamedTuple):
    """Whom limits are set for: an owner, or with its id one of the owner's keys."""

    owner: Owner
    key_id: str = ""

    @property
    def whole(self) -> Iterator[Party]:
        """Whose limits hold for it: the owner's, and those of the key."""
        yield Party(self.owner)
        if self.key_id:
            yield self

    def made(self, owner: Owner, key_id: str) -> bool:
        """Whether it has made a job of that owner, made by that key."""
        return self.owner == owner and self.key_id in {"", key_id}


class Settable(msgspec.Struct, frozen=True):
    """One limit as operators set it.

    name: that of the option, behind `--`; refusals name the limit so too.
    """

    name: str
    field: str  # a name in `Limits`
    heading: str  # it stands above the column where limits are listed
    about: str
    is_of_keys: bool = True  # or of owners alone
    is_money: bool = False  # in millionths; operators write and read decimals

    def taken(self, param: str, given: object, *, nothing: str) -> int | None:
        """What is to be set, by what an operator gives: a number, or None for none.

        param: the operator's own name of it; nothing: the operator's word for None.
        Raises BadField.
        """
        if self.field == "weight":
            return weight(param, given)
        if self.is_money:
            return money(param, given, nothing=nothing)
        return amount(param, given, nothing=nothing)

    def of(self, limits: Limits) -> int | str | None:
        """What is set, as operators read it; None where that is no limit."""
        found: int | None = getattr(limits, self.field)
        return shown_amount(found) if self.is_money and found is not None else found


SETTABLE = (
    Settable("in-flight", "in_flight", "in flight", "Jobs that have begun and not ended."),
    Settable(
        "submits-per-minute", "submits_per_minute", "submits a minute", "New jobs in any minute."
    ),
    Settable(
        "requests-per-minute",
        "requests_per_minute",
        "requests a minute",
        "Calls in any minute; those about a job that is there do not count.",
    ),
    Settable("queue", "queue", "queue", "Jobs that no engine has begun."),
    Settable("bytes", "stored_bytes", "bytes", "Stored pictures, videos and uploads."),
    Settable(
        "budget-day",
        "budget_day",
        "budget a day",
        "What jobs of a day (UTC) may be charged with, in the house currency.",
        is_of_keys=False,
        is_money=True,
    ),
    Settable(
        "budget-month",
        "budget_month",
        "budget a month",
        "Likewise, of a calendar month.",
        is_of_keys=False,
        is_money=True,
    ),
    Settable("weight", "weight", "weight", "Turns in a round; else 1.", is_of_keys=False),
)
OF_KEYS = tuple(each for each in SETTABLE if each.is_of_keys)


def with_changes(limits: Limits, changes: Mapping[str, int | None]) -> Limits:
    """The limits with these set, by their fields; what is not named stays."""
    return msgspec.structs.replace(limits, **changes)


def strictest(each: Iterable[Limits]) -> Limits:
    """What holds for whom all of these hold for: of what keys have too, the least."""
    found = tuple(each)
    least = {one.field: _least(getattr(limits, one.field) for limits in found) for one in OF_KEYS}
    return with_changes(UNLIMITED, least)


def _least(of: Iterable[int | None]) -> int | None:
    return min((most for most in of if most is not None), default=None)


def amount(param: str, given: object, *, nothing: str) -> int | None:
    """An amount as an operator sets it, None for no limit.

    nothing: the operator's word for None. Raises BadField by the operator's own name of the field.
    """
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= MOST:
        raise BadField(param, f"a whole number from 0 or {nothing}", given)
    return given


def money(param: str, given: object, *, nothing: str) -> int | None:
    """As `amount`, of money: in millionths, by what is written in decimals."""
    if given is None:
        return None
    try:
        return millionths_in(given)
    except ValueError:
        raise BadField(param, f"{AMOUNT}, or {nothing}", given) from None


def weight(param: str, given: object) -> int:
    """A weight as an operator sets it, None for the usual one. Raises BadField."""
    if given is None:
        return UNLIMITED.weight
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MOST_WEIGHT:
        raise BadField(param, f"a whole number from 1 to {MOST_WEIGHT}", given)
    return given
