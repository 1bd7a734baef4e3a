"""The fault campaign's proof of money: the server's book against those of its upstreams.

An upstream's book says what it has billed, whatever it has told of it. By it each call in doubt is
resolved, as an operator would. Then `unstill usage check` must find nothing, and for each call, and
for each engine and model, both books must come to the same, to the millionth.
"""

from __future__ import annotations

import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

import msgspec
from benchmarks.chaos_prices import COSTS, NAMELESS, OWNERS, WORTH, budget_of
from benchmarks.chaos_records import Records
from benchmarks.chaos_upstreams import Billed, Upstream

from unstill.domain.book import month_of
from unstill.domain.money import Charge, ChargeKind, shown_amount

MILLION = 1_000_000
_NOTHING = ("no", "call")


class Engines(NamedTuple):
    """An engine and its upstream's name of a model."""

    engine: str
    model: str


class Money(msgspec.Struct, frozen=True):
    """What the campaign's money came to."""

    resolved: Mapping[str, int]  # "charged" and "free" -> calls that were in doubt
    sums: Mapping[Engines, tuple[int, int]]  # by the upstream, and by the server; millionths
    wrongs: Sequence[str]


class Cost(NamedTuple):
    """In millionths: of the upstream's currency, and of the house's."""

    own: int
    house: int


def set_budgets(records: Records, jobs: int) -> None:
    for owner, budget in OWNERS.items():
        if budget is not None:
            amount = shown_amount(budget.per_job * jobs)
            records.command("owners", "set", owner, budget.option, amount).check_returncode()


def settle(
    records: Records, found: Sequence[Upstream], prompts: Mapping[str, str], *, jobs: int
) -> Money:
    """Resolve what is in doubt, then prove and compare. `prompts`: by job, rows gone included."""
    billed = {upstream.engine: upstream.billed() for upstream in found}
    prompts = {**prompts, **{row.id: row.prompt for row in records.rows().values()}}
    resolved, wrongs = _resolve(records, billed, prompts)
    proved = records.command("usage", "check")
    if proved.returncode:
        wrongs += [f"usage check: {line}" for line in (proved.stdout + proved.stderr).splitlines()]
    charges = records.charges()
    sums = _sums(charges, billed)
    wrongs += [*differences(charges, billed, prompts), *over_budget(charges, jobs)]
    wrongs += [
        f"other sums: {place.engine} {place.model} {theirs} by its own book, {ours} by the server's"
        for place, (theirs, ours) in sums.items()
        if theirs != ours
    ]
    return Money(resolved, sums, wrongs)


def _resolve(
    records: Records, billed: Mapping[str, Sequence[Billed]], prompts: Mapping[str, str]
) -> tuple[Counter[str], list[str]]:
    paid = {
        (engine, task.prompt) for engine, book in billed.items() for task in book if task.videos
    }
    doubts = [line.split() for line in records.command("jobs", "doubts").stdout.splitlines()]
    words = {
        job_id: "charged" if (engine, prompts[job_id]) in paid else "free"
        for job_id, engine, *_ in doubts
        if (job_id, engine) != _NOTHING
    }

    def said(job_id: str) -> subprocess.CompletedProcess[str]:
        return records.command("jobs", "resolve", job_id, f"--{words[job_id]}")

    with ThreadPoolExecutor(max_workers=2) as threads:
        ends = dict(zip(words, threads.map(said, words), strict=True))
    wrongs = [f"not resolved: {job_id}: {end.stderr}" for job_id, end in ends.items() if end.stderr]
    left = records.command("jobs", "doubts").stdout
    if tuple(left.split()[:2]) != _NOTHING:
        wrongs.append(f"still in doubt: {left}")
    return Counter(words.values()), wrongs


def _cost_of(engine: str, task: Billed) -> Cost:
    """What the upstream charges for a task, reckoned without the server's own code."""
    charges = COSTS.get(engine)
    if charges is None or not task.videos:
        return Cost(0, 0)
    model = next(iter(charges.by_model)) if engine == NAMELESS else task.model
    unit, amount = charges.by_model[model]
    exact = Decimal(amount) * (task.duration_s if unit == "per_second" else task.videos)
    return Cost(_whole(exact), _whole(exact * Decimal(WORTH[charges.currency])))


def _whole(exact: Decimal) -> int:
    return int((exact * MILLION).quantize(Decimal(1), ROUND_HALF_UP))


def _sums(
    charges: Sequence[Charge], billed: Mapping[str, Sequence[Billed]]
) -> Mapping[Engines, tuple[int, int]]:
    """In the upstreams' own currencies, of those that have costs."""
    theirs: Counter[Engines] = Counter()
    ours: Counter[Engines] = Counter()
    for engine in COSTS.keys() & billed.keys():
        for task in billed[engine]:
            theirs[_place(engine, task.model)] += _cost_of(engine, task).own
    for each in charges:
        if each.kind is ChargeKind.COST:
            ours[_place(each.engine, each.upstream_model)] += each.own_amount
    return {place: (theirs[place], ours[place]) for place in sorted({*theirs, *ours})}


def _place(engine: str, model: str) -> Engines:
    return Engines(engine, "any model" if engine == NAMELESS else model)


def differences(
    charges: Sequence[Charge],
    billed: Mapping[str, Sequence[Billed]],
    prompts: Mapping[str, str],
) -> Iterator[str]:
    """Of each prompt, which is one job's alone, at each engine."""
    theirs: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    ours: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for engine, book in billed.items():
        for task in book:
            _add(theirs[engine, task.prompt], _cost_of(engine, task))
    for each in charges:
        if each.kind is ChargeKind.COST:
            cost = Cost(each.own_amount, each.amount)
            _add(ours[each.engine, prompts.get(each.job_id, each.job_id)], cost)
    for place in sorted({*theirs, *ours}):
        if theirs[place] != ours[place]:
            yield (
                f"other cost: {place[0]} has billed {theirs[place]} for {place[1]!r}, "
                f"the server's book has {ours[place]}"
            )


def _add(sums: list[int], cost: Cost) -> None:
    sums[0] += cost.own
    sums[1] += cost.house


def over_budget(charges: Sequence[Charge], jobs: int) -> Iterator[str]:
    """No call was let in that its owner's budget had no room for, in the order of the book."""
    used: Counter[tuple[str, int]] = Counter()
    reserved: dict[str, int] = {}
    for each in charges:
        place = each.owner, each.day
        match each.kind:
            case ChargeKind.RESERVE:
                used[place] += each.amount
                reserved[each.job_id] = each.amount
                most = budget_of(each.owner, jobs)
                sum_now = _used_in_term(used, each)
                if most is not None and each.amount and sum_now > most:
                    yield f"over budget: {each.owner} has {sum_now} of {most} with {each.job_id}"
            case ChargeKind.SETTLE | ChargeKind.RELEASE:
                used[place] += each.amount - reserved[each.job_id]
            case ChargeKind.COST:
                pass


def _used_in_term(used: Mapping[tuple[str, int], int], entry: Charge) -> int:
    """On the entry's day, or in its month, as its owner's budget is."""
    budget = OWNERS[entry.owner]
    if budget is None or budget.option == "--budget-day":
        return used[entry.owner, entry.day]
    first, last = month_of(entry.day)
    return sum(
        amount
        for (owner, day), amount in used.items()
        if owner == entry.owner and first <= day <= last
    )
