"""The one place that wires objects together: from settings to a product that can run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

from unstill.assembly import (
    LOCAL_KINDS,
    REMOTE_KINDS,
    LocalKind,
    RemoteKind,
    check_receivers,
    locals_of,
    receivers_of,
    remotes_of,
)
from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.apis.videos.dialect import Videos
from unstill.dialects.port import Dialect
from unstill.domain.call_counts import CallCounts
from unstill.domain.delivery import DAY_MS
from unstill.domain.engine import Engine
from unstill.domain.errors import BadSetting, UnstillError
from unstill.engines.camera.self_test import Trial
from unstill.files.folder_size import FolderSize
from unstill.files.free_space import Room
from unstill.files.signed_links import Links, load_secrets
from unstill.files.storage import Storage, local_storage
from unstill.files.upload_policies import Policies
from unstill.files.uploads import Uploads
from unstill.media import Media
from unstill.media.picture_limits import MAX_FILE_BYTES, readable_formats
from unstill.models.card import Card
from unstill.models.catalogue import CARDS
from unstill.net.fetcher import Fetcher
from unstill.progress.board import Board
from unstill.progress.estimate import Estimates
from unstill.progress.job_counts import JobCounts
from unstill.progress.queue import Forecast
from unstill.progress.stalls import Stalls
from unstill.server.api_keys import Keys
from unstill.server.app import App
from unstill.server.body import Bodies
from unstill.server.body_readers import Readers
from unstill.server.cors import Origins
from unstill.server.key_watch import KeyWatch
from unstill.server.metrics.reading import Sources
from unstill.server.metrics.scrape import Metrics
from unstill.server.proxies import Proxies
from unstill.service.admission import Admission
from unstill.service.allowances import Allowances
from unstill.service.downloads import Downloads
from unstill.service.jobs import Service
from unstill.service.owner_limits import OwnerLimits
from unstill.service.stored_bytes import StoredBytes
from unstill.service.uploads import Uploading
from unstill.settings.model_engines import check_routes, routes_of
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings
from unstill.steps.cleanup import Sweep
from unstill.steps.expiry import Expiry, KeepTimes
from unstill.steps.fetch_frames import Frames
from unstill.steps.job_log import JobLog
from unstill.steps.pollers import Pollers
from unstill.steps.prepare import FramePreparer
from unstill.steps.render import Renderer
from unstill.steps.runner import Runner
from unstill.steps.save import Saver
from unstill.steps.submit import Submitter
from unstill.steps.uptime import Uptime
from unstill.store.embedded.store import embedded_store
from unstill.store.ports.queue import Listener
from unstill.store.ports.store import Store
from unstill.system.clock import Clock
from unstill.system.clock import clock_ms as system_clock_ms
from unstill.system.machine import (
    address_space_limit,
    check_address_space,
    check_open_files,
    open_files_limit,
)
from unstill.webhooks.deliverer import MOST_AT_ONCE, Deliverer
from unstill.webhooks.receivers import Receivers

DialectMaker = Callable[[ServerSettings, Sequence[Card]], Dialect]

# In this order they are described.
DIALECTS: tuple[DialectMaker, ...] = (
    lambda _, cards: Tasks(cards),
    lambda server, cards: Videos(states=server.videos_states, cards=cards),
    lambda _, cards: Videos(prefix="/openai", states="openai", cards=cards),
    lambda _, cards: DashScope(cards),
)
FORM_BYTES = 64 * 1024  # an upload's form has no more beside its file
OPEN_BYTES = 8 * MAX_FILE_BYTES  # all uploads that are being read have no more


class Product:
    """Everything that a server runs; `app` answers, `startup` and `shutdown` bound its life."""

    def __init__(
        self,
        settings: Settings,
        *,
        cards: Sequence[Card] = CARDS,
        dialects: Sequence[DialectMaker] = DIALECTS,
        local_kinds: Sequence[LocalKind[Any]] = LOCAL_KINDS,
        remote_kinds: Sequence[RemoteKind[Any]] = REMOTE_KINDS,
        wall_ms: Callable[[], int] = system_clock_ms,
        store_in: Callable[[Path, Callable[[], int]], Store] = embedded_store,
        files_in: Callable[[Path], Storage] = local_storage,
    ) -> None:
        """`wall_ms`: what the machine takes for the time; it may jump.

        store_in: given the data folder and the clock that jobs go by, where jobs are kept.
        files_in: given the data folder, where files are kept.
        """
        self._settings = settings
        self._clock = Clock(wall_ms)
        clock_ms = self._clock.now_ms
        server = settings.server
        self._proxies = Proxies(server.proxy_networks)
        data_dir = _made_folder(Path(server.data_dir))
        self._store = store_in(data_dir, clock_ms)
        self._uptime = Uptime(
            notes=self._store.uptime_notes, server=token_hex(8), clock_ms=clock_ms
        )
        self._files, uploads = files_in(data_dir)
        self._limits = OwnerLimits(self._store.owners)
        self._store.queue.weigh(self._limits.weight_of)
        self._allowances = Allowances(
            self._limits.of,
            backlog=self._store.backlog,
            stored=StoredBytes(owners=self._store.owners, files=self._files, uploads=uploads),
        )
        self._store.queue.hold_by(self._allowances)
        self._allowances.tell(self._store.queue.look_again)
        self._limits.tell(self._store.queue.look_again)
        self._media = Media(weight_of=self._limits.weight_of)
        self._readers = Readers(data_dir)
        self._trial = Trial(data_dir)
        self._fetcher = Fetcher(server.networks)
        # Apart: names of receivers that never resolve must not hold up the callers' pictures, nor
        # one owner's names those of another.
        self._post = Fetcher(server.networks, tls=self._fetcher.tls, resolver_threads=MOST_AT_ONCE)
        self._locals = locals_of(settings, local_kinds)
        self._calls = CallCounts()
        self._remotes = remotes_of(settings, self._fetcher, clock_ms, remote_kinds, self._calls)
        self._board = Board()
        self._stalls = Stalls(clock_ms)
        self._job_log = JobLog(clock_ms)
        self._job_counts = JobCounts()
        slots = {name: engine.slots for name, engine in self._locals.items()}
        self._forecast = Forecast(slots | dict.fromkeys(self._remotes), self._limits.weight_of)
        self._pollers = self._watches_of_remotes()
        catalogue = settings.catalogue(cards)
        check_routes(settings, catalogue, self._engines)
        routes = routes_of(settings, catalogue)
        receivers = receivers_of(settings)
        self._runner = self._runner_by(routes, catalogue.by_id)
        self._deliverer = self._deliverer_to(receivers, settings.webhook_secrets, wall_ms)
        link_secrets = load_secrets(data_dir)
        self._held = FolderSize(data_dir) if server.most_data_mb else None
        room = _room_in(data_dir, server, self._held)
        self._sweep = self._sweep_with(uploads)
        self._terms = _terms_of(server)
        self._expiry = Expiry(
            terms=self._terms,
            retention=self._store.retention,
            files=self._files,
            clock_ms=clock_ms,
        )
        self._sweeping: Sequence[asyncio.Task[None]] = ()
        self._keys = Keys(settings.api_keys)
        self._key_watch = KeyWatch(self._store.keys, self._keys, lost=self._end_by, wall_ms=wall_ms)
        uploading = Uploading(
            uploads=uploads,
            policies=Policies(link_secrets, most_bytes=MAX_FILE_BYTES),
            catalogue=catalogue,
            check_room=room.check,
            clock_ms=clock_ms,
            allowed=self._allowances.upload,
        )
        self._metrics = Metrics(self._sources(room))
        self.app = App(
            service=Service(
                jobs=self._store.jobs,
                job_lists=self._store.job_lists,
                attempts=self._store.attempts,
                held_jobs=self._store.held_jobs,
                store_state=self._store,
                files=self._files,
                stop_upstream=self._pollers.stop_job,
                catalogue=catalogue,
                engines=self._engines,
                routes=routes,
                accounts={name: remote.account.id for name, remote in self._remotes.items()},
                receiver_of=receivers.receiver_of,
                check_room=room.check,
                clock_ms=clock_ms,
                uptime_ms=self._uptime.now_ms,
                admission=Admission(readable_formats(), server.networks),
                allowances=self._allowances,
            ),
            uploading=uploading,
            downloads=self._downloads(Links(link_secrets, lifetime_s=server.link_hours * 3600)),
            board=self._board,
            stalls=self._stalls,
            estimates=self._outlook(),
            keys=self._keys,
            metrics=self._metrics,
            metrics_networks=server.scraping_networks,
            origins=_origins(settings),
            dialects=[make(server, cards) for make in dialects],
            bodies=Bodies(readers=self._readers),
            # Apart, and small: whoever sends to an open route has shown no key.
            open_bodies=Bodies(most_bytes=MAX_FILE_BYTES + FORM_BYTES, most_open_bytes=OPEN_BYTES),
            public_url=server.public_url,
        )

    @property
    def _engines(self) -> dict[str, Engine]:
        return {**self._locals, **self._remotes}

    def _watches_of_remotes(self) -> Pollers:
        return Pollers(
            self._remotes,
            jobs=self._store.jobs,
            backlog=self._store.backlog,
            board=self._board,
            stalls=self._stalls,
            clock_ms=self._clock.now_ms,
            uptime_ms=self._uptime.now_ms,
        )

    def _runner_by(self, routes: Mapping[str, Sequence[str]], cards: Mapping[str, Card]) -> Runner:
        return Runner(
            jobs=self._store.jobs,
            attempts=self._store.attempts,
            backlog=self._store.backlog,
            queue=self._store.queue,
            files=self._files,
            frames=Frames(files=self._files, media=self._media, fetcher=self._fetcher, cards=cards),
            cards=cards,
            renderer=self._renderer(),
            remotes=self._remotes,
            submitter=self._submitter(routes, cards),
            pollers=self._pollers,
            stalls=self._stalls,
            saver=self._saver(),
            clock_ms=self._clock.now_ms,
            uptime_ms=self._uptime.now_ms,
            lease=self._uptime.lease,
        )

    def _renderer(self) -> Renderer:
        return Renderer(
            files=self._files,
            engines=self._locals,
            stalls=self._stalls,
            board=self._board,
            clock_ms=self._clock.now_ms,
        )

    def _submitter(
        self, routes: Mapping[str, Sequence[str]], cards: Mapping[str, Card]
    ) -> Submitter:
        preparer = FramePreparer(files=self._files, media=self._media, cards=cards)
        return Submitter(
            jobs=self._store.jobs,
            attempts=self._store.attempts,
            held_jobs=self._store.held_jobs,
            remotes=self._remotes,
            routes=routes,
            prepare_frames=preparer.prepare_frames,
            stalls=self._stalls,
            clock_ms=self._clock.now_ms,
            uptime_ms=self._uptime.now_ms,
            lease=self._uptime.lease,
            counts=self._calls,
            weight_of=self._limits.weight_of,
        )

    def _saver(self) -> Saver:
        return Saver(
            files=self._files,
            media=self._media,
            remotes=self._remotes,
            stalls=self._stalls,
            clock_ms=self._clock.now_ms,
            uptime_ms=self._uptime.now_ms,
        )

    def _deliverer_to(
        self, receivers: Receivers, secrets: Sequence[str], wall_ms: Callable[[], int]
    ) -> Deliverer:
        return Deliverer(
            outbox=self._store.outbox,
            receivers=receivers,
            fetcher=self._post,
            secrets=secrets,
            clock_ms=self._clock.now_ms,
            wall_ms=wall_ms,
        )

    def _sweep_with(self, uploads: Uploads) -> Sweep:
        return Sweep(
            retention=self._store.retention,
            store_state=self._store,
            files=self._files,
            uploads=uploads,
            clock_ms=system_clock_ms,  # whatever clock jobs go by: files have the system's
        )

    def _outlook(self) -> Estimates:
        return Estimates(
            board=self._board,
            stalls=self._stalls,
            forecast=self._forecast,
            upstream_engines=self._remotes,
            clock_ms=self._clock.now_ms,
        )

    def _sources(self, room: Room) -> Sources:
        of_engines = (each for engine in self._locals.values() for each in engine.children)
        return Sources(
            engines=tuple(self._engines),
            remotes=tuple(self._remotes),
            jobs=self._job_counts,
            forecast=self._forecast,
            stalls=self._stalls,
            lanes=self._store.queue.in_use,
            commits=self._store.commits,
            owed=self._store.outbox.owed,
            children=(*self._media.children, *self._readers.children, *of_engines),
            calls=self._calls,
            webhook_tries=self._deliverer.ended_tries,
            room=room,
            clock_ms=self._clock.now_ms,
        )

    def _downloads(self, links: Links) -> Downloads:
        return Downloads(
            jobs=self._store.jobs,
            files=self._files,
            media=self._media,
            links=links,
            clock_ms=self._clock.now_ms,
            kept_ms=self._terms.videos_ms,
            weight_of=self._limits.weight_of,
        )

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Who is told of each commit, in this order, when the store's own lanes have been.

        All are told from the opening of the store on, also of what a start judges; who reads rows
        at a start follows from there.
        """
        return (
            self._allowances.changed,
            self._stalls.changed,
            self._forecast.changed,
            self._board.changed,  # it wakes who waits: their answers have the two before
            self._pollers.changed,
            self._job_log.changed,
            self._deliverer.changed,
            self._job_counts.changed,
            *(() if self._held is None else (self._held.changed,)),
        )

    async def startup(self) -> None:
        """Take the data and go on with what is unfinished. Raises OperatorError."""
        check_address_space(address_space_limit())
        check_open_files(open_files_limit())
        await self._store.open(self.listeners)
        await self._limits.startup()
        self._clock.not_before(await self._store.uptime_notes.last_up_ms())
        await self._key_watch.startup()
        check_receivers(self._settings, self._keys.owners)
        await self._readers.startup()
        await self._trial.before_any_job()
        if self._held is not None:
            await self._held.startup()
        await self._uptime.startup()
        # First: it reads what waits, before the runner judges and begins anything.
        await self._forecast.startup(self._store.backlog)
        await self._job_counts.startup(self._store.backlog.unfinished())
        await self._runner.startup()
        for engine in self._locals.values():
            await engine.startup()
        await self._deliverer.startup()
        self._sweeping = [asyncio.create_task(each.run()) for each in (self._sweep, self._expiry)]
        self._metrics.startup()
        self._trial.begin(self.stop_taking)

    def _end_by(self, key_ids: frozenset[str]) -> None:
        self.app.end_by(key_ids)

    @property
    def failure(self) -> UnstillError | None:
        """Why it cannot go on; None while it can."""
        return self._trial.failure

    @property
    def proxies(self) -> Proxies:
        return self._proxies

    def answer_early(self, address: str, most: int) -> None:
        self.app.answer_early(address, most)

    def count_connections(self, count: Callable[[], int]) -> None:
        self._metrics.connections = count

    def stop_taking(self) -> None:
        self.app.stop_taking()

    async def shutdown(self) -> None:
        """End the deliveries and the steps, then the children, then the store."""
        await self._trial.shutdown()
        for each in self._sweeping:
            each.cancel()
        await asyncio.gather(*self._sweeping, return_exceptions=True)
        if self._held is not None:
            await self._held.shutdown()
        await self._metrics.shutdown()
        await self._deliverer.shutdown()
        await self._runner.stop()
        for engine in self._engines.values():
            await engine.close()
        await self._media.close()
        await self._readers.close()
        await self._fetcher.close()
        await self._post.close()
        await self._uptime.shutdown()
        await self._key_watch.shutdown()
        await self._limits.shutdown()
        await self._store.close()


def _made_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadSetting("server.data_dir", f"{path} cannot be made: {error.strerror}") from error
    return path


def _room_in(data_dir: Path, server: ServerSettings, held: FolderSize | None) -> Room:
    return Room(
        data_dir,
        least_bytes=server.least_free_mb * 10**6,
        most_bytes=server.most_data_mb * 10**6,
        held_bytes=lambda: 0 if held is None else held.size_bytes,
    )


def _terms_of(server: ServerSettings) -> KeepTimes:
    return KeepTimes(
        videos_ms=round(server.keep_videos_days * DAY_MS),
        pictures_ms=round(server.keep_pictures_days * DAY_MS),
        rows_ms=round(server.keep_rows_days * DAY_MS),
    )


def _origins(settings: Settings) -> Origins:
    return Origins(
        settings.server.cors_origins,
        has_keys=bool(settings.api_keys),
        host=settings.server.host,
        public_url=settings.server.public_url,
    )
