"""What the fault campaign came to, in Markdown."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.chaos_audit import Books, Findings
from benchmarks.chaos_engines import ENGINES
from benchmarks.chaos_money import Money
from benchmarks.chaos_prices import COSTS
from benchmarks.chaos_upstreams import Call, Upstream, never_drawn

from unstill.domain.attempts import Outcome
from unstill.domain.money import shown_amount
from unstill.emulators.faults import FaultSite
from unstill.steps.submit_outcome import SETTLED
from unstill.upstreams.port import not_taken

if TYPE_CHECKING:
    from benchmarks.chaos import Campaign

JOBS_OF_EACH = 20  # a campaign of so many an engine shows something of each
CALLS_WITH_A_FAULT = 200  # at one place: one in eight has a fault
NOT_TAKEN = not_taken("").code


def shows_nothing(found: Sequence[Upstream], calls: Sequence[Call], *, jobs: int) -> Iterator[str]:
    """A fault that an upstream is never asked for is none: where so little was seen."""
    takers = {call.engine for call in calls if call.task is not None}
    if jobs >= JOBS_OF_EACH * len(found):
        for upstream in found:
            if upstream.engine not in takers:
                yield f"shows nothing: {upstream.engine} took no task"
    asked = Counter((call.engine, call.place) for call in calls)
    faulty = {(call.engine, call.place) for call in calls if call.fault is not None}
    for place, count in asked.items():
        if count >= CALLS_WITH_A_FAULT and place not in faulty:
            yield f"shows nothing: {place[0]} drew no fault at {place[1]} in {count} calls"


def report(
    campaign: Campaign,
    findings: Findings,
    money: Money,
    books: Books,
    wrongs: Sequence[str],
    *,
    faults: Mapping[str, int],
    took_s: float,
) -> str:
    """The campaign in Markdown."""
    rows = {
        "jobs sent": campaign.jobs - campaign.left,
        "acknowledged": len(campaign.told.acknowledged),
        "refused by a budget": len(campaign.told.over_budget),
        "deleted by their callers": len(campaign.told.deleted),
        "SIGKILLs of the server": len(campaign.kills_ms),
        "faults drawn": sum(faults.values()),
        "tasks that the upstreams took": findings.accepted,
        "of these, repeats where repeating is free": findings.repeats,
        "submits in doubt by a kill": findings.unknown_by_kill,
        "most of one kill and account": findings.most_unknown,
        "hours that it was off, as its clock says": campaign.off_ms // 3_600_000,
        "hours that its clock jumped in mid-flight": campaign.jumped_ms // 3_600_000,
        "videos that the upstreams had finished": findings.finished,
        "of these, thrown away": findings.thrown_away,
        "submits in doubt by a fault": findings.unknown_by_fault,
        "calls of lost replies that their upstream told of": findings.settled,
        "calls in doubt that upstreams had billed": money.resolved.get("charged", 0),
        "calls in doubt that they had not": money.resolved.get("free", 0),
        "wrong": len(wrongs),
    }
    lines = ["# Fault campaign", ""]
    lines += [f"{datetime.now(UTC):%Y-%m-%d}, {took_s:.0f} s, {os.cpu_count()} cores:", ""]
    lines += [f"    python -m benchmarks.chaos {shlex.join(sys.argv[1:])}".rstrip(), ""]
    lines += table("what", rows)
    lines += _engines_table(books)
    lines += table("state at the end", findings.states)
    lines += table("why jobs failed", findings.failures)
    lines += _money_table(money)
    lines += table("fault", faults)
    lines += [f"Never drawn: {', '.join(never_drawn(faults)) or 'none'}.", ""]
    lines += [*(f"- {wrong}" for wrong in wrongs[:50]), "" if wrongs else "Nothing is wrong."]
    return "\n".join(lines) + "\n"


def _engines_table(books: Books) -> list[str]:
    """Of each engine: the tasks that it took, its faults by place, and what lost replies came to.

    Of an engine that can tell none is in doubt; where there is no such call, the place has 0.
    """
    taken = Counter(call.engine for call in books.taken)
    faults = Counter((c.engine, c.place) for c in books.calls if c.fault is not None)
    attempts = [each for ledger in books.attempts.values() for each in ledger]
    doubts = Counter(each.engine for each in attempts if each.outcome is Outcome.UNKNOWN)
    told = Counter((each.engine, each.code) for each in attempts)
    head = ["engine", "kind", "tasks", *FaultSite, "told: taken", "told: not", "in doubt"]
    rows = []
    for engine in books.charges:
        row = ENGINES[engine]
        places = [str(faults[engine, place]) for place in FaultSite]
        said = [str(told[engine, code]) if row.settles else "" for code in (SETTLED, NOT_TAKEN)]
        cells = [engine, row.kind, str(taken[engine]), *places, *said, str(doubts[engine])]
        rows.append(f"| {' | '.join(cells)} |")
    return [f"| {' | '.join(head)} |", f"|---|---|{'---:|' * (len(head) - 2)}", *rows, ""]


def table(title: str, rows: Mapping[str, int]) -> list[str]:
    """Of Markdown, with two columns."""
    body = [f"| {name} | {count:,} |" for name, count in rows.items()]
    return [f"| {title} | |", "|---|---:|", *body, ""]


def _money_table(money: Money) -> list[str]:
    head = "| engine and upstream model | by the upstream's book | by unstill's | |"
    body = [
        f"| {engine}: {model} | {shown_amount(theirs)} | {shown_amount(ours)} |"
        f" {COSTS[engine].currency} |"
        for (engine, model), (theirs, ours) in money.sums.items()
    ]
    return [head, "|---|---:|---:|---|", *body, ""]
