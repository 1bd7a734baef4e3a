"""The one place that wires objects together: from settings to a product that can run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from unstill import assembly
from unstill.assembly import LOCAL_KINDS, REMOTE_KINDS, LocalKind, RemoteKind
from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.apis.videos.dialect import Videos
from unstill.dialects.port import Dialect
from unstill.domain.call_counts import CallCounts
from unstill.domain.engine import Engine
from unstill.domain.errors import UnstillError
from unstill.domain.resolution import CallCosts
from unstill.domain.server_role import ALL_WORK, ServerRole, WorkKind
from unstill.engines.camera.self_test import Trial
from unstill.files.data_folder import made_folder
from unstill.files.signed_links import Links
from unstill.files.storage import Storage
from unstill.files.upload_policies import Policies
from unstill.media.facade import Media
from unstill.media.picture_limits import MAX_FILE_BYTES, readable_formats
from unstill.models.card import Card
from unstill.models.catalogue import CARDS, Catalogue
from unstill.models.costs import Costs
from unstill.progress.followers import Followers
from unstill.server.admin.operated import Operated
from unstill.server.api_keys import Keys
from unstill.server.app import App
from unstill.server.body_readers import Readers
from unstill.server.cors import Origins
from unstill.server.metrics.reading import Sources
from unstill.server.metrics.scrape import Metrics
from unstill.server.operator_watch import OperatorWatch
from unstill.server.proxies import Proxies
from unstill.server.server_limits import ServerLimits
from unstill.service.admission import Admission
from unstill.service.allowances import allowances_in
from unstill.service.callbacks import Callbacks
from unstill.service.charging import Charging, check_currency
from unstill.service.downloads import Downloads
from unstill.service.fleet_counts import fleet_counts_of
from unstill.service.jobs import Service
from unstill.service.owner_limits import OwnerLimits
from unstill.service.paces import Requests
from unstill.service.uploads import Uploading
from unstill.settings.model_engines import Routes, check_routes, routes_of
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings
from unstill.settings.tariff import check_costs
from unstill.steps.bills import Bills
from unstill.steps.job_log import JobLog
from unstill.steps.rounds import Rounds
from unstill.steps.uptime import Uptime
from unstill.steps.workshop import Workshop
from unstill.store.ports.queue import Listener
from unstill.store.ports.store import Store
from unstill.store.stores import store_at
from unstill.system.clock import Clock
from unstill.system.clock import clock_ms as system_clock_ms
from unstill.system.machine import check_limits
from unstill.webhooks.deliverer import Deliverer
from unstill.webhooks.receivers import Receivers

DialectMaker = Callable[[ServerSettings, Sequence[Card]], Dialect]

# In this order they are described.
DIALECTS: tuple[DialectMaker, ...] = (
    lambda _, cards: Tasks(cards),
    lambda server, cards: Videos(states=server.videos_states, cards=cards),
    lambda _, cards: Videos(prefix="/openai", states="openai", cards=cards),
    lambda _, cards: DashScope(cards),
)


class Product:
    """Everything that a server runs; `app` answers, `startup` and `shutdown` bound its life."""

    def __init__(
        self,
        settings: Settings,
        *,
        role: ServerRole = ALL_WORK,
        cards: Sequence[Card] = CARDS,
        dialects: Sequence[DialectMaker] = DIALECTS,
        local_kinds: Sequence[LocalKind[Any]] = LOCAL_KINDS,
        remote_kinds: Sequence[RemoteKind[Any]] = REMOTE_KINDS,
        wall_ms: Callable[[], int] = system_clock_ms,
        store_in: Callable[[Path, Callable[[], int]], Store] | None = None,
        files_in: Callable[[Path], Storage] | None = None,
    ) -> None:
        """`role`: which work it does, besides answering and what answers need.

        wall_ms: what the machine takes for the time; it may jump.

        store_in: given the data folder and the clock that jobs go by, where jobs are kept;
            None: where the settings say.
        files_in: given the data folder, where files are kept; None: where the settings say.
        """
        self._settings = settings
        self._role = role
        self._clock = Clock(wall_ms)
        clock_ms = self._clock.now_ms
        server = settings.server
        self.proxies = Proxies(server.proxy_networks)
        data_dir = made_folder(Path(server.data_dir))
        self._store = (store_in or store_at(server.database))(data_dir, clock_ms)
        self._uptime = Uptime(
            self._store.uptime_notes, server=self._store.server_id, clock_ms=clock_ms
        )
        self._storage = storage = (files_in or assembly.storage_of(server))(data_dir)
        self._files = storage.files
        self._limits = OwnerLimits()
        self._fleet = fleet_counts_of(self._store)
        self._allowances = allowances_in(self._store, storage, self._limits, self._fleet)
        self._media = Media(weight_of=self._limits.weight_of)
        self.server_limits = limits = ServerLimits.of(server)
        self._readers = Readers(data_dir, limits.large_bodies)
        self._trial = Trial(data_dir)
        self._traces = assembly.traces_of(server)
        self._fetcher, self._post = assembly.fetchers_of(server)
        self._locals = assembly.locals_of(settings, local_kinds, role)
        self._calls = CallCounts()
        self._remotes = assembly.remotes_of(
            settings, self._fetcher, clock_ms, remote_kinds, self._calls
        )
        self._job_log = JobLog(clock_ms)
        self._followers = self._followers_of_jobs()
        catalogue = settings.catalogue(cards)
        check_routes(settings, catalogue, self._engines)
        self._tariff = settings.tariff(cards)
        check_costs(self._tariff, self._engines, self._remotes, cards)
        workshop = self._workshop(Bills.by(self._tariff, catalogue.by_id))
        self._pollers = workshop.pollers()
        routes = routes_of(settings, catalogue)
        receivers = assembly.receivers_of(settings)
        self._runner = workshop.runner(routes=routes, cards=catalogue.by_id, pollers=self._pollers)
        self._deliverer = self._deliverer_to(receivers, wall_ms)
        self._links = Links(lifetime_s=server.link_hours * 3600)
        self._policies = Policies(most_bytes=MAX_FILE_BYTES)
        self._folder = assembly.folder_of(server, data_dir)
        self._terms = assembly.terms_of(server)
        self._rounds = Rounds(self._store, storage, terms=self._terms, clock_ms=clock_ms)
        self._keys = Keys(settings.api_keys)
        self._watch = self._watch_by(wall_ms)
        self._metrics = Metrics(self._sources())
        self.app = self._app(
            catalogue, routes, receivers, [make(server, cards) for make in dialects]
        )

    @property
    def _engines(self) -> dict[str, Engine]:
        return {**self._locals, **self._remotes}

    def _followers_of_jobs(self) -> Followers:
        return Followers(
            local_engines=self._locals,
            upstream_engines=self._remotes,
            weight_of=self._limits.weight_of,
            clock_ms=self._clock.now_ms,
            signals=None if self._store.duties.is_alone else self._store.signals,
        )

    def _watch_by(self, wall_ms: Callable[[], int]) -> OperatorWatch:
        return OperatorWatch(
            self._store.keys,
            self._store.owners,
            keys=self._keys,
            limits=self._limits,
            lost=lambda key_ids: self.app.end_by(key_ids),  # noqa: PLW0108  - it is made later
            wall_ms=wall_ms,
        )

    def _workshop(self, bills: Bills) -> Workshop:
        return Workshop(
            store=self._store,
            files=self._files,
            media=self._media,
            fetcher=self._fetcher,
            local_engines=self._locals,
            remotes=self._remotes,
            followers=self._followers,
            clock_ms=self._clock.now_ms,
            uptime=self._uptime,
            counts=self._calls,
            weight_of=self._limits.weight_of,
            bills=bills,
            picture_fetches=self._settings.server.picture_fetches,
            traces=self._traces,
            role=self._role,
        )

    def _deliverer_to(self, receivers: Receivers, wall_ms: Callable[[], int]) -> Deliverer:
        return Deliverer(
            outbox=self._store.outbox,
            duties=self._store.duties,
            receivers=receivers,
            fetcher=self._post,
            secrets=self._settings.webhook_secrets,
            clock_ms=self._clock.now_ms,
            wall_ms=wall_ms,
            traces=self._traces,
        )

    def _sources(self) -> Sources:
        of_engines = (each for engine in self._locals.values() for each in engine.children)
        return Sources(
            engines=tuple(self._engines),
            remotes=tuple(self._remotes),
            jobs=self._followers.job_counts,
            forecast=self._followers.forecast,
            stalls=self._followers.stalls,
            store=self._store,
            children=(*self._media.children, *self._readers.children, *of_engines),
            calls=self._calls,
            webhook_tries=self._deliverer.ended_tries,
            room=self._folder.room,
            removals=self._rounds.removals,
            budgets=lambda: self._limits.budgets,
            clock_ms=self._clock.now_ms,
        )

    def _app(
        self,
        catalogue: Catalogue,
        routes: Routes,
        receivers: Receivers,
        dialects: Sequence[Dialect],
    ) -> App:
        server = self._settings.server
        return App(
            service=self._service(catalogue, routes, receivers),
            uploading=self._uploading(catalogue),
            downloads=self._downloads(),
            followers=self._followers,
            keys=self._keys,
            requests=Requests(self._limits.of, fleet=self._fleet),
            metrics=self._metrics,
            operated=Operated(
                store=self._store,
                sources=self._metrics.sources,
                watch=self._watch,
                local_engines=self._locals,
                keep_ms=dict(self._terms.each()),
                costs=CallCosts(Costs(self._tariff, catalogue.by_id).of, self._tariff.currency),
            ),
            callbacks=Callbacks(self._remotes, self._pollers.hint, wall_ms=self._watch.wall_ms),
            metrics_networks=server.scraping_networks,
            traces=self._traces,
            origins=Origins(
                server.cors_origins,
                has_keys=bool(self._settings.api_keys),
                host=server.host,
                public_url=server.public_url,
            ),
            dialects=dialects,
            limits=self.server_limits,
            readers=self._readers,
            public_url=server.public_url,
        )

    def _service(self, catalogue: Catalogue, routes: Routes, receivers: Receivers) -> Service:
        return Service(
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
            check_room=self._folder.room.check,
            check_files=self._storage.check,
            clock_ms=self._clock.now_ms,
            uptime_ms=self._uptime.now_ms,
            admission=Admission(readable_formats(), self._settings.server.networks),
            allowances=self._allowances,
            charging=Charging(
                self._tariff,
                cards=catalogue.by_id,
                upstream_model=assembly.names_of(self._remotes),
                budgets_of=self._limits.budgets_of,
                used=self._store.charges.used,
            ),
        )

    def _uploading(self, catalogue: Catalogue) -> Uploading:
        return Uploading(
            uploads=self._storage.uploads,
            policies=self._policies,
            catalogue=catalogue,
            check_room=self._folder.room.check,
            clock_ms=self._clock.now_ms,
            allowed=self._allowances.upload,
        )

    def _downloads(self) -> Downloads:
        return Downloads(
            jobs=self._store.jobs,
            files=self._files,
            media=self._media,
            links=self._links,
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
            self._followers.stalls.changed,
            self._followers.forecast.changed,
            self._followers.board.changed,  # it wakes who waits: their answers have the two before
            self._pollers.changed,
            self._deliverer.changed,
            self._followers.job_counts.changed,
            *self._folder.listeners,
        )

    async def startup(self) -> None:
        """Take the data and go on with what is unfinished. Raises OperatorError."""
        check_limits()
        await self._store.open(self.listeners, (self._job_log.changed,))
        await self._store.agree(assembly.equal_settings(self._settings.server, self._remotes))
        self._clock.not_before(await self._store.uptime_notes.last_up_ms())
        secrets = await self._store.link_secrets.all()
        for signer in (self._links, self._policies, self.app):
            signer.take(secrets)
        await self._watch.startup()
        assembly.check_receivers(self._settings, self._keys.owners)
        await check_currency(self._tariff, self._store.charges, self._clock.now_ms())
        await self._readers.startup()
        if self._role.makes_videos:
            await self._trial.before_any_job()
        await self._folder.startup()
        await self._uptime.startup()
        # First: they read what waits, before the runner judges and begins anything.
        await self._followers.startup(self._store.backlog)
        await self._runner.startup()
        await self._begin_work()
        self._metrics.startup()

    async def _begin_work(self) -> None:
        """What the role has, besides steps."""
        role = self._role
        for name, engine in self._locals.items():
            if role.does_of(name, WorkKind.RENDER):
                await engine.startup()
        if role.does(WorkKind.WEBHOOKS):
            await self._deliverer.startup()
        if role.does(WorkKind.UPKEEP):
            self._rounds.startup()
        if role.makes_videos:
            self._trial.begin(self.stop_taking)

    @property
    def failure(self) -> UnstillError | None:
        """Why it cannot go on; None while it can."""
        return self._trial.failure

    def answer_early(self, address: str, most: int) -> None:
        self.app.answer_early(address, most)

    def count_connections(self, count: Callable[[], int]) -> None:
        self._metrics.connections = count

    def stop_taking(self) -> None:
        self.app.stop_taking()

    async def shutdown(self) -> None:
        """End the duties and the steps, then the children, then the store."""
        await self._store.duties.rest()
        await self._trial.shutdown()
        await self._folder.shutdown()
        await self._metrics.shutdown()
        await self._runner.stop()
        for engine in self._engines.values():
            await engine.close()
        await self._media.close()
        await self._readers.close()
        await self._fetcher.close()
        await self._post.close()
        await self._uptime.shutdown()
        await self._watch.shutdown()
        await self._traces.close()
        await self._store.close()
