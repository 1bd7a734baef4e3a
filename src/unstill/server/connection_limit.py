"""All connections together: when they are nearly too many, the heaviest address makes room first.

There is no limit for an address alone: behind a proxy that nobody has named as trusted all callers
have the same one. But while few places are left, those who only hold one of the most are hung up
on, the longest silent first, and those who wait for a change are answered early; and the last
places are for the other addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from unstill.server.fair_shares import caller_at

TIGHT = 0.9  # it is tight when this share of the places is taken
BATCH = 16  # one in so many of the heaviest address' connections makes room at once
AGAIN_S = 0.05  # after a search that found none


class Member(Protocol):
    """A connection."""

    @property
    def idle_rank(self) -> tuple[int, float] | None:
        """How soon it may be hung up on, the lowest first; None while it is served."""

    def hang_up(self) -> None: ...


class Crowd:
    """Who is connected, by address."""

    def __init__(
        self, most: int, *, ease: Callable[[str, int], None], clock_s: Callable[[], float]
    ) -> None:
        """`ease`: told an address, and how many of those who wait there should be answered now."""
        self.kept_bytes = 0  # all of them keep so much of requests whose turn has not come
        self._most = most
        self._tight = int(most * TIGHT)
        self._ease = ease
        self._clock_s = clock_s
        self._searched_s = -AGAIN_S
        self._count = 0
        self._by_address: dict[str, dict[Member, None]] = {}

    @property
    def count(self) -> int:
        """Connections that are open now."""
        return self._count

    def enter(self, member: Member, host: str) -> bool:
        """Whether there is a place for a connection from there."""
        address = caller_at(host)
        if self._count >= self._tight and not self._has_room_for(address):
            return False
        self._by_address.setdefault(address, {})[member] = None
        self._count += 1
        return True

    def move(self, member: Member, host: str, to: str) -> None:
        """Count a connection for another address: its proxy has told whose call it brings."""
        before, address = caller_at(host), caller_at(to)
        if before == address or member not in self._by_address.get(before, {}):
            return
        self.leave(member, host)
        self._by_address.setdefault(address, {})[member] = None
        self._count += 1

    def leave(self, member: Member, host: str) -> None:
        """As often as one likes."""
        address = caller_at(host)
        members = self._by_address.get(address, {})
        if member not in members:
            return
        del members[member]
        self._count -= 1
        if not members:
            del self._by_address[address]

    def _has_room_for(self, address: str) -> bool:
        heaviest = max(self._by_address, key=lambda each: len(self._by_address[each]), default="")
        self._make_room(heaviest)
        if self._count < self._tight:
            return True
        return self._count < self._most and address != heaviest

    def _make_room(self, heaviest: str) -> None:
        now_s = self._clock_s()
        if now_s - self._searched_s < AGAIN_S:
            return
        members = self._by_address.get(heaviest, {})
        wanted = len(members) // BATCH + 1
        ranked = ((member.idle_rank, member) for member in members)
        idle = sorted(
            ((rank, member) for rank, member in ranked if rank is not None),
            key=lambda each: each[0],
        )[:wanted]
        for _, member in idle:
            self.leave(member, heaviest)
            member.hang_up()
        if len(idle) < wanted:
            self._searched_s = now_s
            self._ease(heaviest, wanted - len(idle))
