"""Whose turn it is at the upstreams: slots, the jobs that wait in line, and a pause after "busy".

A busy upstream model is left alone by all jobs of its account, not by the one that was told so:
once the pause is over one call finds out, and each that is told "busy" too makes the next pause
longer. Other models of the account go on: providers' limits are per model. An account that the
ledger says is blocked is asked by one call at a time, whatever its model.

In memory only, the places in line too. That a model is busy, and that it takes calls again, each
server tells the others (`CooldownNews`). After the pause that one finds out which was told so, and
the others where they have not heard of it a second later. What a restart forgets is one pause, at
the cost of as many calls as an account has slots; a job that was told "busy" itself keeps its own
pause in its row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import msgspec

from unstill.domain.backoff import MODEL
from unstill.domain.owner import Owner
from unstill.domain.owner_turns import Slots, WeightOf, equal_weight
from unstill.steps.failover import LONGEST_ADVICE_MS
from unstill.upstreams.port import Accepted, Account, Busy, Submission

PROBE_WAIT_MS = 1_000  # while another job's call finds out
# Between two jobs that wait: thousands must not all come back at one moment.
WAITER_GAP_MS = 10


class CooldownNews(msgspec.Struct, frozen=True, array_like=True):
    """What one server tells the others of a model of an account."""

    server: str  # who tells it
    account: str
    upstream_model: str
    pauses: int  # in a row, so far
    pause_ms: int  # from now; 0: it takes calls again


class ModelCooldown:
    """When one model of one account may be asked again, and who of those that wait is first."""

    def __init__(self, share: Callable[[int, int], None] | None = None) -> None:
        """share: tells the other servers of pauses in a row, and of the one that begins."""
        self._share = share
        self._busy_until_ms = 0  # 0: not busy, as far as is known
        self._round = 0  # a call of an earlier one says nothing new
        self._pauses = 0  # in a row
        self._probes = 0  # calls under way that find out
        self._last_ms: dict[Owner, int] = {}  # the place of the last job that waits, by owner

    def blocked_until_ms(self, blocked_ms: int, now_ms: int) -> int:
        """Until when nobody asks; 0 if all may, and past if one may, to find out.

        blocked_ms: the same of the account.
        """
        until_ms = max(self._busy_until_ms, blocked_ms)
        if until_ms and self._probes:
            return max(until_ms, now_ms + PROBE_WAIT_MS)
        return until_ms

    def is_busy(self, now_ms: int, *, is_probe: bool) -> bool:
        """Whether a call that is ready to be made must wait after all."""
        return self._busy_until_ms > (now_ms if is_probe else 0)

    def place_ms(self, owner: Owner, due_ms: int) -> int:
        """A moment among the owner's own, not before `due_ms`, for one job that waits.

        Behind no other owner's: whose turn it is of those that are due, their lane knows.
        """
        place_ms = max(self._last_ms.get(owner, 0) + WAITER_GAP_MS, due_ms)
        self._last_ms[owner] = place_ms
        return place_ms

    @contextmanager
    def probing(self) -> Iterator[None]:
        """While it lasts, nobody else asks."""
        self._probes += 1
        try:
            yield
        finally:
            self._probes -= 1

    def begin(self) -> int:
        """A call begins; the round that it belongs to."""
        return self._round

    def note(self, submission: Submission, *, of_round: int, now_ms: int) -> None:
        """Learn from what a call came to."""
        is_news = of_round == self._round
        match submission:
            case Busy(retry_after_s=advice_s):
                # Where the model is no longer blocked since, that it is busy is news from any call.
                is_news = is_news or not self._busy_until_ms
                if is_news:
                    self._pauses += 1
                    self._round += 1
                pause_ms = MODEL.after_ms(self._pauses)
                advice_ms = min(int((advice_s or 0) * 1000), LONGEST_ADVICE_MS)
                until_ms = now_ms + max(pause_ms, advice_ms)
                self._busy_until_ms = max(self._busy_until_ms, until_ms)
                if is_news:
                    self._tell(self._pauses, until_ms - now_ms)
            case Accepted() if is_news:
                if self._busy_until_ms:
                    self._tell(self._pauses, 0)
                self._busy_until_ms = self._pauses = 0
            case _:
                pass

    def hear(self, pauses: int, pause_ms: int, now_ms: int) -> None:
        """Learn what another server's call came to, as `CooldownNews` has it."""
        if not pause_ms:
            if self._pauses <= pauses:  # else it has become busy again since
                self._busy_until_ms = self._pauses = 0
            return
        if pauses > self._pauses or not self._busy_until_ms:
            self._pauses = max(self._pauses, pauses)
            self._round += 1
            pause_ms += PROBE_WAIT_MS  # who was told so itself finds out first
        self._busy_until_ms = max(self._busy_until_ms, now_ms + pause_ms)

    def _tell(self, pauses: int, pause_ms: int) -> None:
        if self._share is not None:
            self._share(pauses, pause_ms)


class AccountGate:
    """Who may call one account: its slots, and the cooldown of each of its models."""

    def __init__(
        self,
        account: Account,
        weight_of: WeightOf = equal_weight,
        share: Callable[[str, int, int], None] | None = None,
    ) -> None:
        """share: as a cooldown's, with its model before."""
        self._share = share
        self.slots = Slots(account.slots, weight_of=weight_of)
        self._cooldowns: dict[str, ModelCooldown] = {}
        self._probes = 0  # all models have so many

    def cooldown(self, upstream_model: str) -> ModelCooldown:
        cooldown = self._cooldowns.get(upstream_model)
        if cooldown is None:
            share = None if self._share is None else partial(self._share, upstream_model)
            cooldown = self._cooldowns[upstream_model] = ModelCooldown(share)
        return cooldown

    def blocked_until_ms(self, upstream_model: str, blocked_ms: int, now_ms: int) -> int:
        """The model's answer; of a blocked account no two lines find out at once."""
        if blocked_ms and self._probes:
            blocked_ms = max(blocked_ms, now_ms + PROBE_WAIT_MS)
        return self.cooldown(upstream_model).blocked_until_ms(blocked_ms, now_ms)

    @contextmanager
    def probing(self, upstream_model: str) -> Iterator[None]:
        """While it lasts, nobody else asks for the model; nor anything of a blocked account."""
        self._probes += 1
        try:
            with self.cooldown(upstream_model).probing():
                yield
        finally:
            self._probes -= 1
