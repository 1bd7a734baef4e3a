"""Usage: what the book of money says, summed up by whose it is, by what it was made, or by day."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.money import SECOND_NS, BudgetUse, Charge, ChargeKind, shown_amount
from unstill.domain.owner import Owner

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class UsagePart(StrEnum):
    """What usage is summed by."""

    OWNER = "owner"
    KEY = "key"  # its id, as `unstill keys list` shows it; empty for one from the environment
    MODEL = "model"  # as callers name it
    ENGINE = "engine"  # that made the video; of a job that has none, the first to try
    DAY = "day"  # UTC, of the job's submission


class UsageAsked(msgspec.Struct, frozen=True):
    """Which rows of the book are summed, and by what. Days count from 1970 and are included.

    owner: only theirs; None for everybody's.
    """

    by: tuple[UsagePart, ...] = (UsagePart.OWNER,)
    since_day: int | None = None
    until_day: int | None = None
    owner: Owner | None = None


class UsageSum(msgspec.Struct, frozen=True):
    """The sums of one group of jobs, in millionths of the house currency of their time.

    parts: one for each part of `by`; a day as 2026-11-29.
    reserved_price: of reserves that nothing has settled or released.
    billed_ns: of the videos that were made.
    """

    parts: tuple[str, ...]
    currency: str
    settled_price: int
    reserved_price: int
    settled_cost: int
    jobs: int
    videos: int
    billed_ns: int


class BookFigures(msgspec.Struct, frozen=True):
    """What the whole book comes to, in millionths of the house currency.

    prices, costs: settled, by the engine that made the videos.
    used: settled and reserved, of each owner that has something in the month that was asked for.
    """

    prices: Mapping[str, int] = {}
    costs: Mapping[str, int] = {}
    reserved: int = 0
    used: Mapping[Owner, BudgetUse] = {}


def usage_asked(
    by: str | None, since: str | None, until: str | None, *, dashes: str = ""
) -> UsageAsked:
    """What a person or a query asks for. Raises BadField by the name of the option at fault.

    dashes: before the names of options.
    """
    since_day = None if since is None else _day_named(f"{dashes}since", since)
    until_day = None if until is None else _day_named(f"{dashes}until", until)
    parts = (UsagePart.OWNER,) if by is None else _parts_named(f"{dashes}by", by)
    return UsageAsked(parts, since_day, until_day)


def _parts_named(name: str, text: str) -> tuple[UsagePart, ...]:
    try:
        return tuple(dict.fromkeys(UsagePart(part.strip()) for part in text.split(",")))
    except ValueError:
        allowed = f"{', '.join(UsagePart)}, or several of them with commas"
        raise BadField(name, allowed, text) from None


def _day_named(name: str, text: str) -> int:
    try:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError:
        raise BadField(name, "a day such as 2026-11-29", text) from None


def day_shown(day: int) -> str:
    """A day of the book as 2026-11-29, and by its number where no calendar has it."""
    try:
        return date.fromordinal(day + _EPOCH).isoformat()
    except (ValueError, OverflowError):
        return f"day {day}"


def seconds_shown(billed_ns: int) -> str:
    """Nanoseconds as plain decimal seconds."""
    seconds, rest = divmod(billed_ns, SECOND_NS)
    return f"{seconds}.{rest:09d}".rstrip("0").rstrip(".")


FIGURES = (
    "settled_price",
    "reserved_price",
    "settled_cost",
    "currency",
    "jobs",
    "videos",
    "billed_seconds",
)


def figures_of(found: UsageSum) -> tuple[str, ...]:
    """A sum as every report tells it, in the order of `FIGURES`: plain decimals."""
    return (
        shown_amount(found.settled_price),
        shown_amount(found.reserved_price),
        shown_amount(found.settled_cost),
        found.currency,
        f"{found.jobs}",
        f"{found.videos}",
        seconds_shown(found.billed_ns),
    )


def sums_of(charges: Iterable[Charge], asked: UsageAsked) -> list[UsageSum]:
    """The rows of the book, summed: the rule that every store's own way is held to."""
    by_job = defaultdict[str, list[Charge]](list)
    for charge in charges:
        by_job[charge.job_id].append(charge)
    groups = defaultdict[tuple[tuple[str, ...], str], list[Charge]](list)
    for entries in by_job.values():
        house = next(each.currency for each in entries if each.kind is ChargeKind.RESERVE)
        for entry in _standing(entries):
            if _is_asked(entry, asked):
                parts = tuple(_part(entry, part) for part in asked.by)
                groups[parts, house].append(entry)
    return [_sum(*group, groups[group]) for group in sorted(groups)]


def _standing(entries: Sequence[Charge]) -> list[Charge]:
    """A job's rows without a reserve that has ended."""
    has_ended = any(each.kind in {ChargeKind.SETTLE, ChargeKind.RELEASE} for each in entries)
    return [each for each in entries if not (has_ended and each.kind is ChargeKind.RESERVE)]


def _is_asked(entry: Charge, asked: UsageAsked) -> bool:
    return (
        (asked.owner is None or entry.owner == asked.owner)
        and (asked.since_day is None or entry.day >= asked.since_day)
        and (asked.until_day is None or entry.day <= asked.until_day)
    )


def _part(entry: Charge, part: UsagePart) -> str:
    match part:
        case UsagePart.OWNER:
            return entry.owner
        case UsagePart.KEY:
            return entry.key_id
        case UsagePart.MODEL:
            return entry.model
        case UsagePart.ENGINE:
            return entry.engine
        case UsagePart.DAY:
            return day_shown(entry.day)


def _sum(parts: tuple[str, ...], currency: str, entries: Sequence[Charge]) -> UsageSum:
    def of(kind: ChargeKind) -> int:
        return sum(each.amount for each in entries if each.kind is kind)

    videos = [each for each in entries if each.kind is ChargeKind.SETTLE]
    return UsageSum(
        parts=parts,
        currency=currency,
        settled_price=of(ChargeKind.SETTLE),
        reserved_price=of(ChargeKind.RESERVE),
        settled_cost=of(ChargeKind.COST),
        jobs=sum(each.kind is not ChargeKind.COST for each in entries),
        videos=len(videos),
        billed_ns=sum(each.billed_ns for each in videos),
    )


def total_of(found: Iterable[UsageSum]) -> list[UsageSum]:
    """All of them together: one for each currency."""
    totals: dict[str, UsageSum] = {}
    for each in found:
        before = totals.get(each.currency, UsageSum((), each.currency, 0, 0, 0, 0, 0, 0))
        totals[each.currency] = UsageSum(
            (),
            each.currency,
            before.settled_price + each.settled_price,
            before.reserved_price + each.reserved_price,
            before.settled_cost + each.settled_cost,
            before.jobs + each.jobs,
            before.videos + each.videos,
            before.billed_ns + each.billed_ns,
        )
    return [totals[currency] for currency in sorted(totals)]
