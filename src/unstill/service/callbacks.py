"""Callbacks of upstreams: hints that there is news of a job, and never the news itself.

Nothing of one is believed but that its upstream has sent it, and nothing of it is kept: whoever
polls the job's account looks now, as it would later. So a callback that is lost costs a wait, and
one that is sent twice a look. No row is read for any.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping

import structlog

from unstill.domain.access_errors import BadSignature, OverLimit, TooManyCallbacks
from unstill.domain.errors import NoSuchRoute
from unstill.domain.limits import Party
from unstill.domain.owner import Owner
from unstill.service.paces import Paces
from unstill.upstreams.port import CallbackRemote, Remote

log = structlog.get_logger()

# By the minute. Upstreams send from a few addresses, and all through one untrusted proxy.
MOST_OF_ADDRESS = 600
MOST_OF_ENGINE = 1800
LEAST_BETWEEN_S = 2.0  # two hints of one job

_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Callbacks:
    """What comes in for the engines that have callbacks."""

    def __init__(
        self,
        remotes: Mapping[str, Remote],
        hint: Callable[[str, str], None],
        *,
        wall_ms: Callable[[], int],
        monotonic_s: Callable[[], float] = time.monotonic,
        least_between_s: float = LEAST_BETWEEN_S,
    ) -> None:
        """`hint`: told the job and its engine.

        wall_ms: what the time stamps of upstreams are compared with.
        least_between_s: between two hints of one job.
        """
        self._remotes = {
            name: remote
            for name, remote in remotes.items()
            if isinstance(remote, CallbackRemote) and remote.is_called_back
        }
        self._hint = hint
        self._wall_ms = wall_ms
        self._monotonic_s = monotonic_s
        self._least_between_s = least_between_s
        self._of_addresses = Paces("", "callbacks", monotonic_s=monotonic_s)
        self._of_engines = Paces("", "callbacks", monotonic_s=monotonic_s)
        # Jobs that were hinted at within `least_between_s`, and whether they were again since.
        self._recent: dict[tuple[str, str], bool] = {}

    def count(self, engine: str, job_id: str, address: str) -> None:
        """One more, of which nothing is read yet. Raises NoSuchRoute, TooManyCallbacks."""
        if engine not in self._remotes or not _JOB_ID.fullmatch(job_id):
            raise NoSuchRoute("no callbacks are taken here")
        now_s = self._monotonic_s()
        of_address, of_engine = Party(Owner(address)), Party(Owner(engine))
        try:
            self._of_addresses.check(of_address, MOST_OF_ADDRESS, now_s)
            self._of_engines.check(of_engine, MOST_OF_ENGINE, now_s)
        except OverLimit as error:
            raise TooManyCallbacks(error.retry_after_s) from error
        self._of_addresses.add(of_address, now_s)
        self._of_engines.add(of_engine, now_s)

    async def heed(self, engine: str, job_id: str, headers: Mapping[str, str], body: bytes) -> None:
        """Hint at the job if the upstream has signed this. Raises BadSignature."""
        if not await self._remotes[engine].is_its_word(headers, body, self._wall_ms()):
            raise BadSignature("the callback is not signed by its upstream, or not lately")
        job = job_id, engine
        if job in self._recent:
            self._recent[job] = True
        else:
            self._tell(job)

    def _tell(self, job: tuple[str, str]) -> None:
        """Whoever polls for it, and the log: not more often, however many come."""
        job_id, engine = job
        log.info("callback", engine=engine, job_id=job_id)
        self._hint(job_id, engine)
        self._recent[job] = False
        asyncio.get_running_loop().call_later(self._least_between_s, self._rest, job)

    def _rest(self, job: tuple[str, str]) -> None:
        """The last one of a few is heeded too: it may be the one that tells of the end."""
        if self._recent.pop(job):
            self._tell(job)
