"""All connections together: when they are nearly too many, the heaviest address makes room first.

Without a setting there is no limit for an address alone: behind a proxy that nobody has named as
trusted all callers have the same one. But while few places are left, those who only hold one of the
most are hung up on, the longest silent first, and those who wait for a change are answered early;
and the last places are for the other addresses. Where the settings give an address or an owner a
number of its own, whoever is at it makes room for itself: its longest idle connection goes for the
new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from unstill.domain.owner import Owner
from unstill.server.fair_shares import caller_at
from unstill.server.server_limits import USUAL, ServerLimits

TIGHT = 0.9  # it is tight when this share of the places is taken
BATCH = 16  # one in so many of the heaviest address' connections makes room at once
AGAIN_S = 0.05  # after a search that found none


class Member(Protocol):
    """A connection."""

    @property
    def idle_rank(self) -> tuple[int, float] | None:
        """How soon it may be hung up on, the lowest first; None while it is served."""

    @property
    def counted_at(self) -> str:
        """The address that it counts for."""

    def hang_up(self) -> None: ...


class Crowd:
    """Who is connected, by address."""

    def __init__(
        self,
        most: int,
        *,
        ease: Callable[[str, int], None],
        clock_s: Callable[[], float],
        limits: ServerLimits = USUAL,
    ) -> None:
        """`ease`: told an address, and how many of those who wait there should be answered now.

        limits: what an address and an owner may have, and the patience with each connection.
        """
        self.patience = limits.patience
        self._per_address = limits.connections_per_address
        self._per_owner = limits.connections_per_owner
        self.kept_bytes = 0  # all of them keep so much of requests whose turn has not come
        self._most = most
        self._tight = int(most * TIGHT)
        self._ease = ease
        self._clock_s = clock_s
        self._searched_s = -AGAIN_S
        self._count = 0
        self._by_address: dict[str, dict[Member, None]] = {}
        # Those that have shown a key; kept where owners have a number of their own.
        self._by_owner: dict[Owner, dict[Member, None]] = {}
        self._owners: dict[Member, Owner] = {}

    @property
    def count(self) -> int:
        """Connections that are open now."""
        return self._count

    def enter(self, member: Member, host: str, *, is_proxy: bool = False) -> bool:
        """Whether there is a place for a connection from there.

        is_proxy: it brings the calls of many, whose own addresses are not known yet.
        """
        address = caller_at(host)
        if self._per_address and not is_proxy:
            members = self._by_address.get(address, {})
            if not self._has_place_in(members, self._per_address):
                return False
        if self._count >= self._tight and not self._has_room_for(address):
            return False
        self._by_address.setdefault(address, {})[member] = None
        self._count += 1
        return True

    def show(self, member: Member, owner: Owner) -> bool:
        """Count a connection for the owner whose key it has shown; whether there is a place."""
        if not self._per_owner or self._owners.get(member) == owner:
            return True
        if member not in self._by_address.get(caller_at(member.counted_at), {}):
            return True  # it has been hung up on
        if not self._has_place_in(self._by_owner.get(owner, {}), self._per_owner):
            return False
        self._forget_owner(member)
        self._owners[member] = owner
        self._by_owner.setdefault(owner, {})[member] = None
        return True

    def _has_place_in(self, members: Mapping[Member, None], most: int) -> bool:
        """Whether one more may be among them, once the longest idle of them has gone for it."""
        if len(members) < most:
            return True
        idle = [(rank, each) for each in members if (rank := each.idle_rank) is not None]
        if not idle:
            return False
        _, longest = min(idle, key=lambda found: found[0])
        self.leave(longest, longest.counted_at)
        longest.hang_up()
        return True

    def _forget_owner(self, member: Member) -> None:
        owner = self._owners.pop(member, None)
        if owner is not None:
            del self._by_owner[owner][member]
            if not self._by_owner[owner]:
                del self._by_owner[owner]

    def move(self, member: Member, host: str, to: str) -> None:
        """Count a connection for another address: its proxy has told whose call it brings."""
        before, address = caller_at(host), caller_at(to)
        if before == address or member not in self._by_address.get(before, {}):
            return
        del self._by_address[before][member]
        if not self._by_address[before]:
            del self._by_address[before]
        self._by_address.setdefault(address, {})[member] = None

    def leave(self, member: Member, host: str) -> None:
        """As often as one likes."""
        address = caller_at(host)
        members = self._by_address.get(address, {})
        if member not in members:
            return
        del members[member]
        self._count -= 1
        self._forget_owner(member)
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
