"""What must hold in the book of money: of each entry by itself, of a job's together, of the sums.

Nothing here is believed: each amount is reckoned again, and what a job is says what its entries
have to be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from unstill.domain.continuation import Continuation
from unstill.domain.job import State
from unstill.domain.money import (
    MILLION,
    Bill,
    Charge,
    ChargeKind,
    PriceBasis,
    day_of,
    is_proved,
    release_entry,
    settlement_entry,
    shown_amount,
)
from unstill.domain.owner import Owner
from unstill.domain.usage import day_shown

DayOfOwner = tuple[Owner, int]
NumberedEntry = tuple[int, Charge]  # the number of its row, and what it says


class BookedJob(msgspec.Struct, frozen=True):
    """The part of a job's row that its entries have to agree with.

    calls: the engine and the upstream's model of each call that may have cost, by its number.
    """

    owner: Owner
    created_ms: int
    state: State
    attempt: int
    is_in_doubt: bool
    may_be_billed: bool  # in doubt or not, as its reserve says
    calls: Mapping[int, tuple[str, str]]


class OperatorWord(msgspec.Struct, frozen=True):
    """What an operator has said of a call that was in doubt."""

    n: int
    is_charged: bool


class SpentSums(msgspec.Struct):
    """What entries say of each owner and day, as far as they have been added, and of all."""

    reserved: Counter[DayOfOwner] = msgspec.field(default_factory=Counter)
    settled: Counter[DayOfOwner] = msgspec.field(default_factory=Counter)
    cost: int = 0
    jobs: int = 0
    entries: int = 0

    def add(self, entries: Sequence[NumberedEntry]) -> None:
        """Add all entries of one job."""
        self.jobs += 1
        self.entries += len(entries)
        has_ended = any(_ends(entry) for _, entry in entries)
        for _, entry in entries:
            place = entry.owner, entry.day
            if entry.kind is ChargeKind.RESERVE:
                self.reserved[place] += 0 if has_ended else entry.amount
            if entry.kind is ChargeKind.SETTLE:
                self.settled[place] += entry.amount
            if entry.kind is ChargeKind.COST:
                self.cost += entry.amount

    def wrongs(self, stored: Mapping[DayOfOwner, tuple[int, int]]) -> Iterator[str]:
        """`stored`: what the store has for reserved and settled of each owner and day."""
        for place in sorted({*stored, *self.reserved, *self.settled}):
            about = f"owner {place[0]} on {day_shown(place[1])}"
            if place not in stored:
                yield f"{about}: charges have entries, spent has no row"
            elif place not in self.reserved:
                yield f"{about}: spent has a row, charges have no reserve"
            else:
                kept = stored[place]
                for word, of_entries, of_row in (
                    ("reserved", self.reserved[place], kept[0]),
                    ("settled", self.settled[place], kept[1]),
                ):
                    if of_entries != of_row:
                        yield (
                            f"{about}: {word} is {shown_amount(of_entries)} by charges, "
                            f"{shown_amount(of_row)} in spent"
                        )


class Proof(NamedTuple):
    """What a check came to. `wrongs`: a line for each wrong thing; none where all is right."""

    wrongs: list[str]
    sums: SpentSums


def wrongs_of_job(
    entries: Sequence[NumberedEntry], job: BookedJob | None, word: OperatorWord | None
) -> Iterator[str]:
    """What is wrong in the entries of one job, in the order of their rows.

    job: None where its row has gone.
    """
    reserves = [entry for _, entry in entries if entry.kind is ChargeKind.RESERVE]
    for number, entry in entries:
        told = f"row {number} ({entry.kind} of job {entry.job_id})"
        if not is_proved(entry):
            yield f"{told}: its amounts are not what its rate and its length give"
        elif len(reserves) == 1:
            for wrong in _wrongs_of_entry(entry, entries, reserves[0], job):
                yield f"{told}: {wrong}"
    about = f"job {entries[0][1].job_id}"
    if len(reserves) != 1:
        yield f"{about}: it has {len(reserves)} reserves"
        return
    ends = [entry.kind for _, entry in entries if _ends(entry)]
    if len(ends) > 1:
        yield f"{about}: its reserve has ended {len(ends)} times"
    if job is not None:
        for wrong in _wrongs_of_state(ends, job, word):
            yield f"{about}: {wrong}"
    costs = {entry.n for _, entry in entries if entry.kind is ChargeKind.COST}
    if word is not None and not word.is_charged and word.n in costs:
        yield f"{about}: call {word.n} was resolved as free, and has a cost"


def wrongs_of_continuation(
    said: Continuation,
    before: Sequence[Charge],
    after: Sequence[Charge],
    word: OperatorWord | None,
) -> Iterator[str]:
    """What is wrong between a job, by its entries, and the one that goes on from its call.

    Of both the price is charged once and the call once: the earlier one gave up its reserve to the
    later one, or that one has no money.
    """
    about = f"job {said.continued_by}, which goes on from {said.job_id}"
    if word is None or not word.is_charged:
        yield f"{about}: nobody has said that its call was billed"
        return
    reserve = next((each for each in after if each.kind is ChargeKind.RESERVE), None)
    if reserve is None:
        return
    moved = [
        msgspec.structs.replace(
            each, job_id=reserve.job_id, at_ms=reserve.at_ms, day=day_of(reserve.at_ms)
        )
        for each in before
        if each.kind is ChargeKind.RESERVE
    ]
    if reserve not in moved:
        yield f"{about}: its reserve is not what the earlier job gave up"
    if any(each.kind is ChargeKind.COST and each.n == word.n for each in before):
        yield f"{about}: both have a cost of the one call"


def _ends(entry: Charge) -> bool:
    return entry.kind in {ChargeKind.SETTLE, ChargeKind.RELEASE}


def _wrongs_of_entry(
    entry: Charge, entries: Sequence[NumberedEntry], reserve: Charge, job: BookedJob | None
) -> Iterator[str]:
    named = entry.owner, entry.key_id, entry.model, entry.day
    if named != (reserve.owner, reserve.key_id, reserve.model, reserve.day):
        yield "its owner, key, model or day is not its reserve's"
    # By their order, not by their times: a clock may have been set back in between.
    if entries[0][1] is not reserve:
        yield "it was before its reserve"
    match entry.kind:
        case ChargeKind.RESERVE:
            yield from _wrongs_of_reserve(entry, job)
        case ChargeKind.RELEASE:
            if entry != release_entry(reserve, entry.at_ms):
                yield "it is not the end of its reserve"
        case ChargeKind.SETTLE:
            if entry not in _settlements(entry, entries, reserve):
                yield "it is not what its reserve's terms, or its cost, come to"
        case ChargeKind.COST:
            yield from _wrongs_of_cost(entry, job)


def _wrongs_of_reserve(entry: Charge, job: BookedJob | None) -> Iterator[str]:
    if entry.n != 0 or entry.worth != MILLION:
        yield "it is none of a price in the house currency"
    if entry.day != day_of(entry.at_ms):
        yield "its day is not that of its time"
    if job is not None and (entry.owner, entry.at_ms) != (job.owner, job.created_ms):
        yield "its owner or time is not the job's"


def _settlements(
    entry: Charge, entries: Sequence[NumberedEntry], reserve: Charge
) -> Iterator[Charge]:
    """What a settlement at the time of `entry`, of as much video by that engine, may be."""
    bill = Bill(entry.billed_ns, entry.engine, entry.upstream_model, cost=None)
    costs = [
        each for _, each in entries if each.kind is ChargeKind.COST and each.at_ms == entry.at_ms
    ]
    if reserve.basis is not PriceBasis.COST:
        is_as_billed = all(
            (cost.billed_ns, cost.engine) == (entry.billed_ns, entry.engine) for cost in costs
        )
        if is_as_billed:
            yield settlement_entry(reserve, bill, None, entry.at_ms)
        return
    for cost in costs or (None,):
        yield settlement_entry(reserve, bill, cost, entry.at_ms)


def _wrongs_of_cost(entry: Charge, job: BookedJob | None) -> Iterator[str]:
    if job is None:
        return
    call = job.calls.get(entry.n)
    if call is None and not 1 <= entry.n <= job.attempt:
        yield f"the job has no call or render {entry.n}"
    if call is not None and call != (entry.engine, entry.upstream_model):
        yield f"call {entry.n} of the job was to {call[0]} for {call[1]}"


def _wrongs_of_state(
    ends: Sequence[ChargeKind], job: BookedJob, word: OperatorWord | None
) -> Iterator[str]:
    is_unsaid = job.may_be_billed and not ends
    is_open = not job.state.is_final or ((job.is_in_doubt or is_unsaid) and word is None)
    expected = ChargeKind.SETTLE if job.state is State.SUCCEEDED else ChargeKind.RELEASE
    if is_open and ends:
        what = "in doubt, and nobody has said what it was" if job.is_in_doubt else "unfinished"
        yield f"it is {what}, and its reserve has a {ends[0]}"
    if not is_open and list(ends) != [expected]:
        has = f"a {ends[0]}" if ends else "no end"
        yield f"it has {job.state}, and its reserve has {has} in place of a {expected}"
    if word is not None and not (job.is_in_doubt or job.may_be_billed):
        yield "it was resolved, and was never in doubt"
