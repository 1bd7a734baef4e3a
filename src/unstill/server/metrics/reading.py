"""What the metrics are read from, and what one scrape has read.

Most of it is counted anyway, by whoever does it, in plain figures; nothing of Prometheus is in the
way of a job or a poll.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from unstill.domain.call_counts import CallCounts
from unstill.domain.delivery import DeliveryState
from unstill.domain.engine import Children
from unstill.domain.money import Budgets
from unstill.domain.owner import Owner
from unstill.domain.removals import Removals
from unstill.domain.usage import BookFigures
from unstill.files.free_space import Room
from unstill.files.last_backup import LastBackup
from unstill.progress.job_counts import JobCounts
from unstill.progress.queue import Forecast
from unstill.progress.stalls import Stalls
from unstill.server.metrics.loop_lag import LoopLag
from unstill.store.ports.store import Store


class Sources(msgspec.Struct, frozen=True):
    """Who has counted what."""

    engines: Sequence[str]  # all of them
    remotes: Sequence[str]  # those on somebody else's servers
    jobs: JobCounts
    forecast: Forecast
    stalls: Stalls
    store: Store
    children: Sequence[Children]
    calls: CallCounts
    webhook_tries: Mapping[DeliveryState, int]
    room: Room
    removals: Removals
    budgets: Callable[[], Mapping[Owner, Budgets]]  # those of the owners that have one
    clock_ms: Callable[[], int]


class Disk(msgspec.Struct, frozen=True):
    """The disk of the data folder, in bytes."""

    size: int
    used: int
    free: int


class Reading(msgspec.Struct, frozen=True):
    """One scrape's: the sources, and what had to be asked for."""

    sources: Sources
    owed: int | None  # deliveries; None where the store does not say
    book: BookFigures | None  # likewise
    doubts: Mapping[str, int] | None  # by engine, those that nobody has said a word of; likewise
    refusing: Mapping[str, bool]  # by engine, whether its account is let alone
    held: int  # jobs that wait for an operator
    disk: Disk | None
    last_backup: LastBackup | None
    lag: LoopLag
    refused_submits: Counter[str]  # by code
    connections: int
    now_ms: int


def disk_of(data_dir: Path) -> Disk | None:
    """None where the folder is away."""
    try:
        usage = shutil.disk_usage(data_dir)
    except OSError:
        return None
    return Disk(usage.total, usage.used, usage.free)
