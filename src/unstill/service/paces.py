"""How often something was done in the last minute, by whom: in memory.

Where several servers are on one store each is told by the others what was done there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from unstill.domain.access_errors import OverLimit
from unstill.domain.limits import Limits, Party
from unstill.service.fleet_counts import FleetCounts

MINUTE_S = 60.0
MOST_HEARD = 10_000  # in one message; no limit by the minute that anybody sets is as high
_FORGOTTEN = 64  # parties kept before those that say nothing any more are dropped


class Paces:
    """The moments of the last minute, by party; only of parties with a limit."""

    def __init__(
        self,
        limit: str,
        what: str,
        *,
        monotonic_s: Callable[[], float],
        fleet: FleetCounts | None = None,
    ) -> None:
        """`limit`: as operators name it; `what` says what is counted.

        fleet: of the other servers; None: there are none.
        """
        self._limit = limit
        self._what = what
        self._monotonic_s = monotonic_s
        self._tell = None if fleet is None else fleet.share(what, self._heard)
        self._moments: dict[Party, deque[float]] = {}
        self._most_parties = _FORGOTTEN

    def check(self, party: Party, most: int, now_s: float) -> None:
        """Raises OverLimit if there were as many."""
        moments = self._moments.get(party, deque())
        while moments and moments[0] <= now_s - MINUTE_S:
            moments.popleft()
        if len(moments) >= most:
            # Lowered meanwhile, it may take more than the first of them.
            free_s = moments[len(moments) - most] + MINUTE_S if most else now_s + MINUTE_S
            raise OverLimit(
                self._limit,
                f"{self._what} in the last minute",
                most=most,
                used=len(moments),
                retry_after_s=max(1, -int(-(free_s - now_s) // 1)),
                of_key=bool(party.key_id),
            )

    def add(self, party: Party, now_s: float) -> None:
        if len(self._moments) >= self._most_parties:
            self._forget(now_s - MINUTE_S)
        self._moments.setdefault(party, deque()).append(now_s)

    def stands(self, party: Party) -> None:
        """What was added is done: other servers count it too."""
        if self._tell is not None:
            self._tell(party, 1)

    def _heard(self, party: Party, count: int) -> None:
        """So much was done elsewhere, just now."""
        now_s = self._monotonic_s()
        for _ in range(min(count, MOST_HEARD)):
            self.add(party, now_s)

    def take_back(self, party: Party, moment_s: float) -> None:
        """What was added then was not done after all."""
        moments = self._moments.get(party, deque())
        if moment_s in moments:
            moments.remove(moment_s)

    def _forget(self, before_s: float) -> None:
        """Keys come and go, and limits too."""
        kept = {party: m for party, m in self._moments.items() if m and m[-1] > before_s}
        self._moments = kept
        self._most_parties = _FORGOTTEN + 2 * len(kept)


class Requests:
    """Calls of any kind, by the minute: of an owner, and of each key."""

    def __init__(
        self,
        limits_of: Callable[[Party], Limits],
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        fleet: FleetCounts | None = None,
    ) -> None:
        self._limits_of = limits_of
        self._monotonic_s = monotonic_s
        self._paces = Paces("requests-per-minute", "requests", monotonic_s=monotonic_s, fleet=fleet)

    def count(self, caller: Party) -> None:
        """One more call; one that is refused counts for nothing. Raises OverLimit."""
        now_s: float | None = None
        counted: list[Party] = []
        for party in caller.whole:
            most = self._limits_of(party).requests_per_minute
            if most is None:
                continue
            now_s = self._monotonic_s() if now_s is None else now_s
            self._paces.check(party, most, now_s)
            counted.append(party)
        if now_s is not None:
            for party in counted:
                self._paces.add(party, now_s)
                self._paces.stands(party)
