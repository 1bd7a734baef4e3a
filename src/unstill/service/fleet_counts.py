"""What callers have taken at one of several servers, told to the others, so that limits hold there.

It is soon told, and may be lost. What comes at two servers within that time passes at both: so
limits by the minute hold over a fleet nearly, and at each server alone exactly. (decision 074)
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec
import structlog

from unstill.domain.limits import Party
from unstill.domain.owner import Owner
from unstill.store.ports.signals import Signals
from unstill.store.ports.store import Store

TOLD_WITHIN_S = 0.05  # what comes by then is one message: many a second would be for nothing

Heard = Callable[[Party, int], None]
Tell = Callable[[Party, int], None]

log = structlog.get_logger()


class _Taken(msgspec.Struct, frozen=True, array_like=True):
    """So much, at one server, of what a topic counts."""

    server: str
    owner: Owner
    key_id: str
    amount: int


class FleetCounts:
    """One server's side: what it counts it tells, and what others tell it counts too.

    Told is only of parties with a limit: of the others nobody counts anything.
    """

    def __init__(self, signals: Signals, *, server: str) -> None:
        """`server`: this one's own id, by which it knows its own messages."""
        self._signals = signals
        self._server = server
        self._untold: Counter[tuple[str, Party]] = Counter()
        self._is_due = False

    def share(self, topic: str, heard: Heard) -> Tell:
        """Let `heard` have what others take; to be called with what is taken here."""

        def hear(message: str) -> None:
            try:
                taken = msgspec.json.decode(message, type=_Taken)
            except msgspec.MsgspecError:  # a newer release says it otherwise
                log.warning("count_not_read", topic=topic)
                return
            if taken.server != self._server:
                heard(Party(taken.owner, taken.key_id), taken.amount)

        self._signals.hear(topic, hear)
        return lambda party, amount: self._take(topic, party, amount)

    def _take(self, topic: str, party: Party, amount: int) -> None:
        self._untold[topic, party] += amount
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_later(TOLD_WITHIN_S, self._tell)

    def _tell(self) -> None:
        untold, self._untold, self._is_due = self._untold, Counter(), False
        for (topic, party), amount in untold.items():
            taken = _Taken(self._server, party.owner, party.key_id, amount)
            self._signals.tell(topic, msgspec.json.encode(taken).decode())


def fleet_counts_of(store: Store) -> FleetCounts | None:
    """None where no other server can have the store's data."""
    if store.duties.is_alone:
        return None
    return FleetCounts(store.signals, server=store.server_id)
