"""What is kept and for how long, and what room there is, as operators see it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from unstill.domain.removals import Removals
from unstill.files.free_space import Room
from unstill.server.metrics.reading import Disk
from unstill.store.ports.retention import Kept


class AdminKept(msgspec.Struct, frozen=True):
    """One thing of jobs that have ended.

    keep_ms: for so long from the end; null: for ever, or as long as what it goes with. removed: of
    so many jobs since the start, and what room that gave.
    """

    what: Kept
    keep_ms: int | None
    removed: int
    freed_bytes: int


class AdminDisk(msgspec.Struct, frozen=True):
    """The disk of the data folder, and what the folder may hold; null where it has no limit.

    size, used, free: null where the folder is away. With less free than the reserve, or as much in
    the folder as its limit, no new job is taken.
    """

    size_bytes: int | None
    used_bytes: int | None
    free_bytes: int | None
    reserve_bytes: int
    folder_bytes: int | None
    folder_limit_bytes: int | None
    takes_jobs: bool


class AdminRetention(msgspec.Struct, frozen=True):
    kept: list[AdminKept]
    disk: AdminDisk


def retention_told(
    keep_ms: Mapping[Kept, int],
    removals: Removals,
    *,
    room: Room,
    disk: Disk | None,
    takes_jobs: bool,
) -> AdminRetention:
    is_limited = room.most_bytes > 0
    return AdminRetention(
        [
            AdminKept(
                each, keep_ms.get(each), removals.jobs[each.value], removals.freed_bytes[each.value]
            )
            for each in Kept
        ],
        AdminDisk(
            size_bytes=None if disk is None else disk.size,
            used_bytes=None if disk is None else disk.used,
            free_bytes=None if disk is None else disk.free,
            reserve_bytes=room.least_bytes,
            folder_bytes=room.held_bytes() if is_limited else None,
            folder_limit_bytes=room.most_bytes if is_limited else None,
            takes_jobs=takes_jobs,
        ),
    )
