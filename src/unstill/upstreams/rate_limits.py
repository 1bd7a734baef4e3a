"""How fast an account may be asked, whatever engines and lanes ask."""

from __future__ import annotations

import asyncio
import hashlib

import httpx2

from unstill.net.fetcher import origin_of
from unstill.upstreams.port import Account

SUBMIT_SLOTS = 10  # a crash leaves at most so many submits in doubt
LONGEST_HOLD_S = 60.0  # an upstream that asks for more is asked again once a minute


class Pace:
    """Evenly spaced turns, first come first served."""

    def __init__(self, requests_per_s: float) -> None:
        self._gap_s = 1 / requests_per_s
        self._next_s = 0.0  # by the loop's clock
        self._line = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until one more request may be sent."""
        clock_s = asyncio.get_running_loop().time
        async with self._line:
            # Again after each sleep: meanwhile the upstream may have asked for a pause.
            while (wait_s := self._next_s - clock_s()) > 0:  # noqa: ASYNC110  - time, no event
                await asyncio.sleep(wait_s)
            self._next_s = clock_s() + self._gap_s

    def hold(self, pause_s: float) -> None:
        """Send nothing more for `pause_s`: the upstream has asked for it."""
        now_s = asyncio.get_running_loop().time()
        self._next_s = max(self._next_s, now_s + min(pause_s, LONGEST_HOLD_S))


class Accounts:
    """The accounts of all engines of a server; one with equal host and key has one pace."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Account, Pace]] = {}

    def open(
        self, *, base_url: str, api_key: str, requests_per_s: float, interval_s: float
    ) -> tuple[Account, Pace]:
        """The account at `base_url` with `api_key`; who opens it first says how fast it is."""
        account = Account(
            id=hashlib.sha256(f"{origin_of(httpx2.URL(base_url))}\n{api_key}".encode()).hexdigest()[
                :16
            ],
            slots=SUBMIT_SLOTS,
            requests_per_s=requests_per_s,
            interval_s=interval_s,
        )
        return self._open.setdefault(account.id, (account, Pace(requests_per_s)))
