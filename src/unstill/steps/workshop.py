"""What the steps of jobs are done with, and who does them, put together from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from unstill.domain.call_counts import CallCounts
from unstill.domain.engine import Local
from unstill.domain.owner_turns import WeightOf
from unstill.domain.server_role import ALL_WORK, ServerRole
from unstill.files.port import Files
from unstill.media.facade import Media
from unstill.models.card import Card
from unstill.progress.followers import Followers
from unstill.steps.bills import Bills
from unstill.steps.fetch_frames import Fetches, Frames
from unstill.steps.pollers import Pollers
from unstill.steps.prepare import FramePreparer
from unstill.steps.render import Renderer
from unstill.steps.runner import Runner
from unstill.steps.save import Saver
from unstill.steps.submit import Submitter
from unstill.steps.uptime import Uptime
from unstill.store.ports.store import Store
from unstill.system.tracing import NO_TRACES, Traces
from unstill.upstreams.port import Remote


class Workshop(msgspec.Struct, frozen=True):
    """All that the steps share."""

    store: Store
    files: Files
    media: Media
    fetcher: Fetches
    local_engines: Mapping[str, Local]  # by the operator's names, as are the remotes
    remotes: Mapping[str, Remote]
    followers: Followers
    clock_ms: Callable[[], int]
    uptime: Uptime
    counts: CallCounts  # counts all calls of the remotes
    weight_of: WeightOf
    bills: Bills
    picture_fetches: tuple[int, int]  # at once, and of one owner; 0: as many as are free
    traces: Traces = NO_TRACES
    role: ServerRole = ALL_WORK

    def pollers(self) -> Pollers:
        return Pollers(
            self.remotes,
            jobs=self.store.jobs,
            backlog=self.store.backlog,
            duties=self.store.duties,
            signals=self.store.signals,
            board=self.followers.board,
            stalls=self.followers.stalls,
            clock_ms=self.clock_ms,
            uptime_ms=self.uptime.now_ms,
            bills=self.bills,
            traces=self.traces,
            role=self.role,
        )

    def runner(
        self,
        *,
        routes: Mapping[str, Sequence[str]],
        cards: Mapping[str, Card],
        pollers: Pollers,
    ) -> Runner:
        """`routes`: by model name, the engines in the order in which they are tried."""
        return Runner(
            jobs=self.store.jobs,
            attempts=self.store.attempts,
            backlog=self.store.backlog,
            duties=self.store.duties,
            queue=self.store.queue,
            files=self.files,
            frames=Frames(files=self.files, media=self.media, fetcher=self.fetcher, cards=cards),
            cards=cards,
            renderer=self._renderer(),
            remotes=self.remotes,
            submitter=self._submitter(routes, cards),
            pollers=pollers,
            stalls=self.followers.stalls,
            saver=self._saver(),
            clock_ms=self.clock_ms,
            uptime_ms=self.uptime.now_ms,
            lease=self.uptime.lease,
            bills=self.bills,
            picture_fetches=self.picture_fetches,
            traces=self.traces,
            role=self.role,
        )

    def _renderer(self) -> Renderer:
        return Renderer(
            files=self.files,
            engines=self.local_engines,
            stalls=self.followers.stalls,
            board=self.followers.board,
            clock_ms=self.clock_ms,
            # Another server took the job, maybe one that has no such engine.
            asks_again=not self.store.duties.is_alone,
        )

    def _submitter(
        self, routes: Mapping[str, Sequence[str]], cards: Mapping[str, Card]
    ) -> Submitter:
        preparer = FramePreparer(files=self.files, media=self.media, cards=cards)
        return Submitter(
            jobs=self.store.jobs,
            attempts=self.store.attempts,
            held_jobs=self.store.held_jobs,
            remotes=self.remotes,
            routes=routes,
            prepare_frames=preparer.prepare_frames,
            stalls=self.followers.stalls,
            clock_ms=self.clock_ms,
            uptime_ms=self.uptime.now_ms,
            lease=self.uptime.lease,
            counts=self.counts,
            weight_of=self.weight_of,
            traces=self.traces,
            signals=None if self.store.duties.is_alone else self.store.signals,
        )

    def _saver(self) -> Saver:
        return Saver(
            files=self.files,
            media=self.media,
            remotes=self.remotes,
            stalls=self.followers.stalls,
            clock_ms=self.clock_ms,
            uptime_ms=self.uptime.now_ms,
            bills=self.bills,
        )
