"""Accounts of upstreams that have refused calls, and are let alone for a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from unstill.domain.breaker import RECENT_ATTEMPTS, blocked_until_ms
from unstill.domain.engine import Engine
from unstill.domain.job import Job
from unstill.store.ports.attempts import Attempts


class RefusingAccounts:
    """Which engines are let alone, and which one a new job comes to therefore."""

    def __init__(
        self, accounts: Mapping[str, str], *, attempts: Attempts, clock_ms: Callable[[], int]
    ) -> None:
        """`accounts`: by engine, the upstream account that it asks, if it asks any."""
        self._accounts = accounts
        self._attempts = attempts
        self._clock_ms = clock_ms

    async def until_s(self, engine: str) -> int | None:
        """Until when an engine's account is let alone, in Unix seconds; None if it is well."""
        account = self._accounts.get(engine)
        if account is None:
            return None
        recent = await self._attempts.recent(account, RECENT_ATTEMPTS)
        until_ms = blocked_until_ms(recent)
        return -(-until_ms // 1000) if until_ms > self._clock_ms() else None

    async def first_asked(self, job: Job, engines: Sequence[Engine]) -> tuple[str, int | None]:
        """The engine that a new job comes to, and until when that one is let alone.

        Of upstreams the one that may be asked soonest, the earlier in the route among equals, as
        steps/failover.py has it. A job of this machine's engine stays there.

        engines: its route.
        """
        name, until_s = job.engine, await self.until_s(job.engine)
        for other in engines:
            if until_s is None:
                break
            if other.name in self._accounts and other.misfit(job.request) is None:
                others_s = await self.until_s(other.name)
                if others_s is None or others_s < until_s:
                    name, until_s = other.name, others_s
        return name, until_s
