"""Owners as operators see them: what each may have at once, and what it has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from unstill.domain.limits import SETTABLE, UNLIMITED, Limits
from unstill.domain.owner import Owner
from unstill.server.account_info import BudgetInfo, budgets_info
from unstill.server.admin.limits import Told, limits_told
from unstill.service.charging import OwnMoney
from unstill.service.job_tallies import WAITING
from unstill.store.ports.backlog import UnfinishedJobs


class AdminOwner(msgspec.Struct, frozen=True):
    """An owner's limits, null for none, and how many of its jobs wait and have begun.

    budgets: those that are set, and what is left of them; null where the server charges nothing.
    """

    owner: str
    limits: dict[str, Told]
    jobs_waiting: int
    jobs_begun: int
    budgets: list[BudgetInfo] | None


class AdminOwners(msgspec.Struct, frozen=True):
    data: list[AdminOwner]


def owners_told(
    owners: Iterable[Owner],
    limits: Mapping[Owner, Limits],
    unfinished: Sequence[UnfinishedJobs],
    money_of: Callable[[Owner, Limits], OwnMoney | None],
) -> list[AdminOwner]:
    """Those that are named, have something set, or have jobs to be done; by name."""
    own = defaultdict[Owner, list[UnfinishedJobs]](list)
    for each in unfinished:
        own[each.owner].append(each)
    known = {*owners, *limits, *own}
    set_for = {owner: limits.get(owner, UNLIMITED) for owner in sorted(known)}
    return [
        owner_told(owner, each, own.get(owner, ()), money_of(owner, each))
        for owner, each in set_for.items()
    ]


def owner_told(
    owner: Owner, limits: Limits, own: Sequence[UnfinishedJobs], money: OwnMoney | None
) -> AdminOwner:
    waiting = sum(each.count for each in own if each.state in WAITING)
    return AdminOwner(
        owner=owner,
        limits=limits_told(limits, SETTABLE),
        jobs_waiting=waiting,
        jobs_begun=sum(each.count for each in own) - waiting,
        budgets=None if money is None else budgets_info(money),
    )
