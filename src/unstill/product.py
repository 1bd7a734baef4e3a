"""The one place that wires objects together: from settings to a product that can run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from unstill.backend.embedded import EmbeddedBackend
from unstill.board import Board
from unstill.dialects.house import House
from unstill.dialects.tasks import Tasks
from unstill.dialects.videos import Videos
from unstill.engines.camera import Camera
from unstill.engines.port import Local
from unstill.errors import BadSetting
from unstill.files.links import Links, load_secrets
from unstill.files.local import LocalFiles
from unstill.job import clock_ms
from unstill.media import Media
from unstill.models import CARDS, Catalogue
from unstill.net import Fetcher
from unstill.runner import Runner
from unstill.server.app import App
from unstill.server.body import Bodies
from unstill.server.keys import Keys
from unstill.service import Service
from unstill.settings import Settings
from unstill.sweep import Sweep

STEPS_WITHIN_S = 25.0  # of a shutdown: a call that may cost is waited for that long


class Product:
    """Everything that a server runs; `app` answers, `startup` and `shutdown` bound its life."""

    def __init__(self, settings: Settings) -> None:
        server = settings.server
        data_dir = _made_folder(Path(server.data_dir))
        catalogue = Catalogue(
            {name: model.like for name, model in settings.models.items() if model.like}
        )
        self._engines = _engines(settings)
        self._backend = EmbeddedBackend(data_dir)
        self._files = LocalFiles(data_dir)
        self._media = Media()
        self._fetcher = Fetcher(server.networks)
        board = Board()
        self.service = Service(
            backend=self._backend,
            files=self._files,
            links=Links(load_secrets(data_dir), lifetime_s=server.link_hours * 3600),
            board=board,
            catalogue=catalogue,
            engines=self._engines,
            routes=_routes(settings, catalogue),
            clock_ms=clock_ms,
        )
        self._runner = Runner(
            backend=self._backend,
            files=self._files,
            media=self._media,
            fetcher=self._fetcher,
            engines=self._engines,
            board=board,
            clock_ms=clock_ms,
        )
        self._sweep = Sweep(backend=self._backend, files=self._files, clock_ms=clock_ms)
        self._sweeping: asyncio.Task[None] | None = None
        self.app = App(
            service=self.service,
            keys=Keys(settings.api_keys),
            house=House(),
            dialects=(
                Tasks({card.id: card.usage for card in CARDS}),
                Videos(states=server.videos_states),
                Videos(prefix="/openai", states="openai"),
            ),
            bodies=Bodies(),
            public_url=server.public_url,
        )

    async def startup(self) -> None:
        """Take the data and go on with what is unfinished. Raises OperatorError."""
        await self._backend.open()
        await self._runner.startup()
        self._sweeping = asyncio.create_task(self._sweep.run())

    def stop_taking(self) -> None:
        self.app.stop_taking()

    async def shutdown(self) -> None:
        """End the steps, then the children, then the store."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        await self._runner.stop()
        await self._backend.rest(STEPS_WITHIN_S)
        for engine in self._engines.values():
            await engine.close()
        await self._media.close()
        await self._fetcher.close()
        await self._backend.close()


def _made_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadSetting("server.data_dir", f"{path} cannot be made: {error.strerror}") from error
    return path


def _engines(settings: Settings) -> dict[str, Local]:
    cores = len(os.sched_getaffinity(0))
    engines: dict[str, Local] = {"camera": Camera("camera", slots=cores)}
    for name, engine in settings.engines.items():
        engines[name] = Camera(name, slots=engine.slots or cores)
    return engines


def _routes(settings: Settings, catalogue: Catalogue) -> Mapping[str, Sequence[str]]:
    """Engines by every name, aliases included: what is set for the name, else for its card."""
    default = settings.server.default_engine
    fallback: tuple[str, ...] = () if default == "none" else (default,)
    routes: dict[str, Sequence[str]] = {}
    for name, card in catalogue.names.items():
        own = settings.models.get(name)
        of_card = settings.models.get(card.id) if name not in catalogue.likes else None
        routes[name] = next(
            (model.engines for model in (own, of_card) if model is not None and model.engines),
            fallback,
        )
    return routes
