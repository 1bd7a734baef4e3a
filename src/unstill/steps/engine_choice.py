"""Whom a ready job is sent to, and when: by its route, its attempts, and whose turn it is.

What is remembered of upstreams is in memory (cooldown.py), and told between servers; the rest is
read from the ledger each time (failover.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from secrets import token_hex

import msgspec

from unstill.domain.attempts import Attempt
from unstill.domain.breaker import RECENT_ATTEMPTS, blocked_until_ms
from unstill.domain.job import Job
from unstill.domain.owner_turns import WeightOf, equal_weight
from unstill.steps.cooldown import AccountGate, CooldownNews, ModelCooldown
from unstill.steps.failover import Candidate, NextCall, next_engine
from unstill.store.ports.attempts import Attempts
from unstill.store.ports.signals import Signals
from unstill.upstreams.port import Remote

COOLDOWNS = "cooldowns"  # their topic


class EngineChoice:
    """Chooses for all jobs; it has the gates of all accounts."""

    def __init__(
        self,
        *,
        attempts: Attempts,
        remotes: Mapping[str, Remote],
        routes: Mapping[str, Sequence[str]],
        clock_ms: Callable[[], int],
        uptime_ms: Callable[[], int],
        weight_of: WeightOf = equal_weight,
        signals: Signals | None = None,
    ) -> None:
        """`routes`: by model name, the engines in the order in which they are tried.

        signals: between this server and others; None: there can be none.
        """
        self._attempts = attempts
        self._remotes = remotes
        self._routes = routes
        self._clock_ms = clock_ms
        self._uptime_ms = uptime_ms
        self._signals = signals
        self._server = token_hex(4)  # all hear it too, and this one knows it already
        self._decoder = msgspec.json.Decoder(CooldownNews)
        self._gates = {
            remote.account.id: AccountGate(
                remote.account,
                weight_of,
                None if signals is None else partial(self._tell, remote.account.id),
            )
            for remote in remotes.values()
        }
        if signals is not None:
            signals.hear(COOLDOWNS, self._hear)

    def gate(self, remote: Remote) -> AccountGate:
        return self._gates[remote.account.id]

    def cooldown(self, remote: Remote, job: Job) -> ModelCooldown:
        return self.gate(remote).cooldown(remote.upstream_model(job.request))

    def _tell(self, account: str, upstream_model: str, pauses: int, pause_ms: int) -> None:
        news = CooldownNews(self._server, account, upstream_model, pauses, pause_ms)
        if self._signals is not None:
            self._signals.tell(COOLDOWNS, msgspec.json.encode(news).decode())

    def _hear(self, message: str) -> None:
        news = self._decoder.decode(message)
        gate = self._gates.get(news.account)
        if gate is not None and news.server != self._server:
            cooldown = gate.cooldown(news.upstream_model)
            cooldown.hear(news.pauses, news.pause_ms, self._clock_ms())

    def route(self, job: Job) -> list[Remote]:
        """The remote engines that can do the request; the job's own first if it is none of them."""
        names = [name for name in self._routes.get(job.model, ()) if name in self._remotes]
        route = [name for name in names if self._remotes[name].misfit(job.request) is None]
        if job.engine not in route and job.engine in self._remotes:
            route.insert(0, job.engine)
        return [self._remotes[name] for name in route]

    async def next_call(self, job: Job, attempts: Sequence[Attempt]) -> NextCall | None:
        """Whom to ask, and when; at once and alone if its turn is to find out."""
        route = self.route(job)
        blocked_ms = {
            account: blocked_until_ms(await self._attempts.recent(account, RECENT_ATTEMPTS))
            for account in {remote.account.id for remote in route}
        }
        # Nothing is waited for from here to the call: no two jobs find out at once.
        now_ms = self._clock_ms()
        candidates = [
            Candidate(
                engine=remote.name,
                blocked_ms=self.gate(remote).blocked_until_ms(
                    remote.upstream_model(job.request), blocked_ms[remote.account.id], now_ms
                ),
                is_free_to_repeat=remote.is_free_to_repeat,
            )
            for remote in route
        ]
        return next_engine(candidates, attempts, now_ms)

    async def next_after(self, job: Job, attempt: Attempt) -> NextCall | None:
        """The same once `attempt`, which is settled but not yet stored so, counts as well."""
        earlier = [each for each in await self._attempts.of(job.id) if each.n < attempt.n]
        return await self.next_call(job, [*earlier, attempt])

    def due_ms(self, job: Job, choice: NextCall) -> int:
        """When the job tries next: in line, if others wait too, and not past its deadline."""
        due_ms = choice.due_ms
        if choice.is_blocked:
            due_ms = self.cooldown(self._remotes[choice.engine], job).place_ms(job.owner, due_ms)
        return self._by_deadline_ms(job, due_ms)

    def _by_deadline_ms(self, job: Job, due_ms: int) -> int:
        """No later than the deadline, which is a moment of another clock."""
        if not job.deadline_ms:
            return due_ms
        return min(due_ms, self._clock_ms() + job.deadline_ms - self._uptime_ms())
