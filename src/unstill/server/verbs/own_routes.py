"""What our own routes answer: models, health, the console, the description of the API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from unstill import __version__
from unstill.dialects.port import Described, Dialect
from unstill.domain.errors import (
    NoSuchModel,
    ShuttingDown,
    StorageFailed,
    StorageFull,
    UnknownModel,
    UnstillError,
)
from unstill.domain.request import GivenValue
from unstill.progress.stalls import Stalls
from unstill.server import console_files, docs_html
from unstill.server.api_keys import Keys
from unstill.server.console_files import ConsoleFile, ConsoleFiles
from unstill.server.exchange import Answer, Exchange, json_answer
from unstill.server.metrics.access import MetricsAccess
from unstill.server.metrics.scrape import Metrics
from unstill.server.model_info import EngineInfo, ModelInfo, ModelList, model_info
from unstill.server.own_routes import EngineStall, Health, Ready, Unready
from unstill.server.video_file import knows
from unstill.service.jobs import Service

METRICS_CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class OwnVerbs:
    """The verbs that belong to no job."""

    def __init__(
        self,
        *,
        service: Service,
        stalls: Stalls,
        dialects: Sequence[Dialect],
        description: Callable[[], bytes],
        keys: Keys,
        metrics: Metrics,
        metrics_access: MetricsAccess,
        check_store: Callable[[], None],
    ) -> None:
        """`description`: of the API, made at the first call: most servers are never asked for it.

        check_store: raises StorageFailed while the job store does not answer.
        """
        self._service = service
        self._stalls = stalls
        self._dialects = dialects
        self._description = description
        self._keys = keys
        self._metrics = metrics
        self._metrics_access = metrics_access
        self._check_store = check_store
        self._console = ConsoleFiles()
        self._is_stopping = False

    def stop_taking(self) -> None:
        """Say from now on that the server is about to end."""
        self._is_stopping = True

    async def models(self, exchange: Exchange[Described]) -> Answer:
        listed = filter(exchange.caller.may_use, self._service.catalogue.listed())
        return json_answer(ModelList([await self._model_info(name) for name in listed]))

    async def model(self, exchange: Exchange[Described]) -> Answer:
        asked, models = exchange.call.path["model"], exchange.caller.models
        try:
            return json_answer(await self._model_info(asked, models))
        except UnknownModel as error:
            raise NoSuchModel(error) from error  # OpenAI, GET /models/{model}

    async def _model_info(self, asked: str, models: frozenset[str] | None = None) -> ModelInfo:
        name, _ = self._service.catalogue.card_among(models, GivenValue("model", asked))
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
        return model_info(
            name,
            self._service.served_card(name),
            engines=engines,
            dialects=self._dialects,
            charged=self._service.charged(name),
        )

    async def health(self, exchange: Exchange[Described]) -> Answer:  # noqa: ARG002  - a verb's shape
        if self._is_stopping:
            return json_answer(Health("stopping", __version__), status=503)
        held = self._service.held
        try:
            self._service.check()
        except StorageFailed as error:
            return json_answer(Health("failing", __version__, error.message, held), status=503)
        return json_answer(Health("ok", __version__, held=held))

    async def ready(self, exchange: Exchange[Described]) -> Answer:
        reasons = list(self._unready())
        try:
            await self._service.check_files()
        except StorageFailed:
            reasons.append("files")
        stalled = list(self._stalls.engines())
        jobs = self._stalls.jobs
        shown = [
            EngineStall(name, stage, stall.code, stall.message, stall.since_ms // 1000)
            for name, stage, stall in (stalled if self._has_key(exchange) else ())
        ]
        if reasons:
            status: Literal["stopping", "not_ready"] = (
                "stopping" if self._is_stopping else "not_ready"
            )
            return json_answer(Ready(status, reasons, shown, jobs), status=503)
        return json_answer(Ready("held_up" if stalled or jobs else "ready", [], shown, jobs))

    def _unready(self) -> Iterator[Unready]:
        """Why no new job is taken."""
        if self._is_stopping:
            yield "stopping"
        try:
            self._service.check()
            self._check_store()
        except StorageFailed:
            yield "store"
        except ShuttingDown:  # it is closed already
            pass
        try:
            self._service.check_room()
        except StorageFull:
            yield "disk"

    def _has_key(self, exchange: Exchange[Described]) -> bool:
        """Whether the caller may be told of engines: what they are called, and what they say."""
        try:
            self._keys.caller(exchange.call.headers, exchange.host)
        except UnstillError:
            return False
        return True

    async def tell_metrics(self, exchange: Exchange[Described]) -> Answer:
        self._metrics_access.check(exchange.call.headers, exchange.host)
        return Answer(
            200, await self._metrics.text(self._service), content_type=METRICS_CONTENT_TYPE
        )

    async def describe(self, exchange: Exchange[Described]) -> Answer:  # noqa: ARG002  - a verb's shape
        return Answer(200, await asyncio.to_thread(self._description))

    async def show_docs(self, exchange: Exchange[Described]) -> Answer:  # noqa: ARG002  - a verb's shape
        return Answer(200, docs_html.PAGE, docs_html.HEADERS, b"text/html; charset=utf-8")

    async def show_console(self, exchange: Exchange[Described]) -> Answer | None:
        # Asked for anew each time: it has the addresses of this version's files.
        page = self._console.page(asks_for_key=not self._keys.is_keyless)
        return await _told_of(page, b"no-cache", exchange)

    async def send_console_file(self, exchange: Exchange[Described]) -> Answer | None:
        path = exchange.call.path
        is_same = path["version"] == self._console.version
        # A page that was open before an upgrade goes on with what there is; its browser is not to
        # keep that under the old address.
        keep = b"public, max-age=31536000, immutable" if is_same else b"no-store"
        return await _told_of(self._console.file(path["path"]), keep, exchange)


async def _told_of(file: ConsoleFile, keep: bytes, exchange: Exchange[Described]) -> Answer | None:
    given = exchange.call.headers
    takes_gzip = "gzip" in _codings(given.get("accept-encoding", ""))
    body, about = file.sent(takes_gzip=takes_gzip)
    headers = (*about, (b"cache-control", keep), *console_files.HEADERS)
    if not knows(given.get("if-none-match", ""), dict(about)[b"etag"].decode()):
        return Answer(200, body, headers, content_type=file.content_type)
    begin = [*headers, (b"x-request-id", exchange.call.request_id.encode())]
    await exchange.send({"type": "http.response.start", "status": 304, "headers": begin})
    await exchange.send({"type": "http.response.body", "body": b""})
    return None


def _codings(accepted: str) -> Iterator[str]:
    """What of Accept-Encoding a client takes (RFC 9110, 12.5.3)."""
    for each in accepted.lower().split(","):
        name, _, weight = each.partition(";")
        if weight.replace(" ", "").rstrip("0.") != "q=":
            yield name.strip()


def _host(exchange: Exchange[Described]) -> str:
    """The address that a call comes from."""
    client: tuple[str, int] | None = exchange.scope["client"]
    return client[0] if client else ""
