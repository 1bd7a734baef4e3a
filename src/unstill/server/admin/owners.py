"""Owners as operators see them: what each may have at once, and what it has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from unstill.domain.limits import SETTABLE, UNLIMITED, Limits
from unstill.domain.owner import Owner
from unstill.server.admin.limits import Told, limits_told
from unstill.service.job_tallies import WAITING
from unstill.store.ports.backlog import UnfinishedJobs


class AdminOwner(msgspec.Struct, frozen=True):
    """An owner's limits, null for none, and how many of its jobs wait and have begun."""

    owner: str
    limits: dict[str, Told]
    jobs_waiting: int
    jobs_begun: int


class AdminOwners(msgspec.Struct, frozen=True):
    data: list[AdminOwner]


def owners_told(
    owners: Iterable[Owner],
    limits: Mapping[Owner, Limits],
    unfinished: Sequence[UnfinishedJobs],
) -> list[AdminOwner]:
    """Those that are named, have something set, or have jobs to be done; by name."""
    own = defaultdict[Owner, list[UnfinishedJobs]](list)
    for each in unfinished:
        own[each.owner].append(each)
    known = {*owners, *limits, *own}
    return [
        owner_told(owner, limits.get(owner, UNLIMITED), own.get(owner, ()))
        for owner in sorted(known)
    ]


def owner_told(owner: Owner, limits: Limits, own: Sequence[UnfinishedJobs]) -> AdminOwner:
    waiting = sum(each.count for each in own if each.state in WAITING)
    return AdminOwner(
        owner=owner,
        limits=limits_told(limits, SETTABLE),
        jobs_waiting=waiting,
        jobs_begun=sum(each.count for each in own) - waiting,
    )
