"""When what has failed is tried again: a row for each thing that is. Pure.

What each is about is in docs/how-it-works/04-lanes.md, why they are one table in
docs/decisions/051. An upstream's or a host's own `Retry-After` is heeded where the row is used.
"""

from __future__ import annotations

import msgspec


class Backoff(msgspec.Struct, frozen=True):
    """The pauses after the first failure in a row, the second, and so on; the last one holds."""

    pauses_ms: tuple[int, ...]

    @property
    def first_ms(self) -> int:
        return self.pauses_ms[0]

    @property
    def longest_ms(self) -> int:
        return self.pauses_ms[-1]

    def after_ms(self, failures: int) -> int:
        """The pause after so many failures in a row, one at the least."""
        return self.pauses_ms[min(max(failures, 1), len(self.pauses_ms)) - 1]


def doubling(first_ms: int, longest_ms: int) -> Backoff:
    pauses_ms = [first_ms]
    while pauses_ms[-1] < longest_ms:
        pauses_ms.append(min(2 * pauses_ms[-1], longest_ms))
    return Backoff(tuple(pauses_ms))


def _seconds(*pauses: float) -> Backoff:
    return Backoff(tuple(round(1000 * each) for each in pauses))


STEP = doubling(500, 30_000)  # for a job that has not moved by it
FETCH_FRAME = _seconds(0.5, 1, 2, 4)  # given up then
RENDER = _seconds(1)  # whose child has died: once
CALL = _seconds(2, 4, 8, 10, 10, 10, 20, 40, 60)  # for one job, to an engine that was busy
MODEL = _seconds(2, 4, 8, 10)  # for an account: one call finds out whether it is busy still
ACCOUNT = doubling(5_000, 60_000)  # whose breaker is open: likewise
DOUBT = doubling(1_000, 30_000)  # for a call whose upstream can tell what became of it
POLL = doubling(1_000, 15_000)  # for an account that has answered nothing
SAVE = doubling(2_000, 300_000)  # for a finished video: it has been paid for
WEBHOOK = _seconds(2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
DUTY = doubling(500, 30_000)  # for one of a server's, that has ended by itself
STORAGE = doubling(1_000, 30_000)  # by how long it has taken nothing: see system/storage_pause.py
TICKET = _seconds(1)  # that the storage does not take: it is paid for
DELIVERY = _seconds(1)  # likewise: what was sent is sent again until it is stored
