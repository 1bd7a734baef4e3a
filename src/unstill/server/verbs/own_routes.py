"""What our own routes answer: models, health, the description of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unstill import __version__
from unstill.dialects.apis.own_routes import (
    EngineInfo,
    EngineStall,
    Health,
    ModelInfo,
    ModelList,
    OwnRoutes,
    Ready,
)
from unstill.dialects.port import Dialect
from unstill.dialects.port import Verb as VerbName
from unstill.domain.errors import StorageFailed
from unstill.domain.request import GivenValue
from unstill.progress.stalls import Stalls
from unstill.server.docs_html import PAGE
from unstill.server.exchange import Answer, Exchange, Verb, json_answer
from unstill.service.jobs import Service


class OwnVerbs:
    """The verbs that belong to no job."""

    def __init__(
        self,
        *,
        service: Service,
        stalls: Stalls,
        own_routes: OwnRoutes,
        dialects: Sequence[Dialect],
        description: bytes,
    ) -> None:
        self._service = service
        self._stalls = stalls
        self._own_routes = own_routes
        self._dialects = dialects
        self._description = description
        self._is_stopping = False
        self.by_name: Mapping[VerbName, Verb] = {
            "models": self._models,
            "model": self._model,
            "health": self._health,
            "ready": self._ready,
            "openapi": self._describe,
            "docs": self._show_docs,
            "home": self._go_to_docs,
        }

    def stop_taking(self) -> None:
        """Say from now on that the server is about to end."""
        self._is_stopping = True

    async def _models(self, exchange: Exchange) -> Answer:  # noqa: ARG002  - a verb's shape
        listed = self._service.catalogue.listed()
        return json_answer(ModelList([await self._model_info(name) for name in listed]))

    async def _model(self, exchange: Exchange) -> Answer:
        return json_answer(await self._model_info(exchange.call.path["model"]))

    async def _model_info(self, asked: str) -> ModelInfo:
        name, card = self._service.catalogue.card(GivenValue("model", asked))
        engines = [
            EngineInfo(
                name=engine.name,
                kind=engine.kind,
                is_generative=engine.is_generative,
                description=engine.description,
                refusing_until=await self._service.refusing_until_s(engine.name),
            )
            for engine in self._service.engines_of(name)
        ]
        return self._own_routes.model(name, card, engines, self._dialects)

    async def _health(self, exchange: Exchange) -> Answer:  # noqa: ARG002  - a verb's shape
        if self._is_stopping:
            return json_answer(Health("stopping", __version__), status=503)
        held = self._service.held
        try:
            self._service.check()
        except StorageFailed as error:
            return json_answer(Health("failing", __version__, error.message, held), status=503)
        return json_answer(Health("ok", __version__, held=held))

    async def _ready(self, exchange: Exchange) -> Answer:  # noqa: ARG002  - a verb's shape
        held_up = [
            EngineStall(name, stage, stall.code, stall.message, stall.since_ms // 1000)
            for name, stage, stall in self._stalls.engines()
        ]
        jobs = self._stalls.jobs
        if self._is_stopping:
            return json_answer(Ready("stopping", held_up, jobs), status=503)
        return json_answer(Ready("held_up" if held_up or jobs else "ready", held_up, jobs))

    async def _describe(self, exchange: Exchange) -> Answer:  # noqa: ARG002  - a verb's shape
        return Answer(200, self._description)

    async def _show_docs(self, exchange: Exchange) -> Answer:  # noqa: ARG002  - a verb's shape
        return Answer(200, PAGE, content_type=b"text/html; charset=utf-8")

    async def _go_to_docs(self, exchange: Exchange) -> Answer:  # noqa: ARG002  - a verb's shape
        # Relative: a proxy may serve all of it under a path of its own.
        return Answer(307, b"", ((b"location", b"docs"),), content_type=b"text/plain")
