"""The book of money in memory: nothing but its entries, and every sum made from them when asked.

And the calls in doubt, whose end is in the book too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from support.memory_ports import Memory, Noun, Write
from unstill.domain.attempts import Attempt
from unstill.domain.book import check_budgets, end_entries, money_of, month_of, open_reserve
from unstill.domain.continuation import JobLinks, NextJob
from unstill.domain.job import Job
from unstill.domain.money import Bill, BudgetUse, Charge, ChargeKind, ChargeReserve
from unstill.domain.owner import Owner
from unstill.domain.resolution import (
    CallCosts,
    DoubtWord,
    JobRecords,
    Resolution,
    Resolved,
    TicketAt,
    call_in_doubt,
    is_open_doubt,
    ticket_to_find,
    word_on,
)
from unstill.domain.usage import BookFigures, UsageAsked, UsagePart, UsageSum, sums_of
from unstill.store.ports.doubts import CallInDoubt


class MemoryCharges(Noun):
    async def of(self, job_id: str) -> Sequence[Charge]:
        return _of(self._memory, job_id)

    async def used(self, owner: Owner, day: int) -> BudgetUse:
        return _used(self._memory, owner, day)

    async def other_currency(self, currency: str, day: int) -> str | None:
        month = month_of(day)
        reserves = [each for each in self._memory.charges if each.kind is ChargeKind.RESERVE]
        if not reserves or reserves[-1].currency == currency:
            return None
        for each in reserves:
            money = money_of(_of(self._memory, each.job_id))
            is_of_month = month.first <= each.day <= month.last
            if money is not None and (money.price is None or (money.price and is_of_month)):
                return each.currency
        return None

    async def figures(self, day: int) -> BookFigures:
        entries = self._memory.charges
        by_engine = sums_of(entries, UsageAsked((UsagePart.ENGINE,)))
        prices = {each.parts[0]: each.settled_price for each in by_engine}
        costs = {each.parts[0]: each.settled_cost for each in by_engine}
        owners = {each.owner for each in entries}
        used = {owner: _used(self._memory, owner, day) for owner in owners}
        return BookFigures(
            prices={engine: amount for engine, amount in prices.items() if amount},
            costs={engine: amount for engine, amount in costs.items() if amount},
            reserved=sum(each.reserved_price for each in by_engine),
            used={owner: each for owner, each in used.items() if each.month},
        )

    async def usage(self, asked: UsageAsked) -> Sequence[UsageSum]:
        return sums_of(self._memory.charges, asked)


class MemoryDoubts(Noun):
    """Its words are said in their turn, as jobs are written."""

    def __init__(self, opened: Callable[[], Memory], write: Write) -> None:
        super().__init__(opened)
        self._write = write

    async def open(self, limit: int) -> Sequence[CallInDoubt]:
        return list(self._standing())[:limit]

    async def counted(self) -> Mapping[str, int]:
        return Counter(self._memory.jobs[each.call.job_id].engine for each in self._standing())

    async def said_of(self, job_id: str) -> Resolution | None:
        return self._memory.resolutions.get(job_id)

    async def links_of(self, job_id: str) -> JobLinks:
        standing = self._memory.continuations
        before = [each.job_id for each in standing.values() if each.continued_by == job_id]
        after = standing.get(job_id)
        return JobLinks(
            before[0] if before else None, None if after is None else after.continued_by
        )

    async def resolve(
        self,
        job_id: str,
        word: DoubtWord,
        *,
        costs: CallCosts,
        next_job: NextJob,
        now_ms: int,
    ) -> Resolved:
        memory = self._memory
        found: list[Resolved] = []

        def resolve() -> Job | None:
            calls = _calls_of(memory, job_id)
            records = JobRecords(
                job=memory.jobs.get(job_id),
                calls=calls,
                entries=_of(memory, job_id),
                said=memory.resolutions.get(job_id),
                continuation=memory.continuations.get(job_id),
                elsewhere=_elsewhere(memory, job_id, ticket_to_find(calls, word)),
                up_ms=memory.up_ms,
            )
            effect = word_on(job_id, records, word, costs=costs, next_job=next_job, now_ms=now_ms)
            found.append(effect.resolved)
            memory.resolutions[job_id] = effect.resolved.resolution
            memory.charges += effect.entries
            following = effect.going_on
            if following is None:
                return None
            memory.continuations[job_id] = following.continuation
            memory.jobs[following.job.id] = following.job
            memory.attempts[following.job.id, 1] = following.call
            memory.charges += [following.reserve] if following.reserve is not None else []
            return following.job

        await self._write(resolve)
        return found[-1]

    def _standing(self) -> Iterator[CallInDoubt]:
        memory = self._memory
        for job_id, job in sorted(memory.jobs.items()):
            call = call_in_doubt(_calls_of(memory, job_id))
            is_open = is_open_doubt(job, open_reserve(_of(memory, job_id)))
            if is_open and job_id not in memory.resolutions and call is not None:
                yield CallInDoubt(job.owner, job.key_id, job.model, call)


def keep_reserve(memory: Memory, reserve: ChargeReserve) -> None:
    """Raises OverBudget."""
    check_budgets(reserve, _used(memory, reserve.entry.owner, reserve.entry.day))
    memory.charges.append(reserve.entry)


def end_reserve(memory: Memory, job: Job, bill: Bill | None) -> None:
    standing = open_reserve(_of(memory, job.id))
    if standing is not None:
        memory.charges += end_entries(standing, job, bill)


def _calls_of(memory: Memory, job_id: str) -> list[Attempt]:
    return [call for (each, _), call in sorted(memory.attempts.items()) if each == job_id]


def _elsewhere(memory: Memory, job_id: str, at: TicketAt | None) -> str | None:
    for (other, _), call in memory.attempts.items():
        if at is not None and other != job_id and at == (call.account, call.ticket):
            return other
    return None


def _of(memory: Memory, job_id: str) -> list[Charge]:
    return [each for each in memory.charges if each.job_id == job_id]


def _used(memory: Memory, owner: Owner, day: int) -> BudgetUse:
    month = month_of(day)
    by_day: dict[int, int] = {}
    for each in memory.charges:
        is_open = each.kind is ChargeKind.RESERVE and open_reserve(_of(memory, each.job_id)) == each
        if each.owner == owner and (is_open or each.kind is ChargeKind.SETTLE):
            by_day[each.day] = by_day.get(each.day, 0) + each.amount
    in_month = sum(amount for at, amount in by_day.items() if month.first <= at <= month.last)
    return BudgetUse(by_day.get(day, 0), in_month)
