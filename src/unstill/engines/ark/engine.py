"""Volcengine Ark, and BytePlus ModelArk abroad, as an engine: Seedance in one account.

    submit   POST; no idempotency key exists, so a lost reply stays a doubt
    poll     many tickets: the list, asked for by their ids; few: a query each
    cancel   queued only, after a look: a DELETE of an ended task would delete its record

Which model takes what, and in which words: upstreams/ark_models.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import httpx2
import msgspec

from unstill.domain.errors import BadField, BadSetting
from unstill.domain.request import VideoRequest
from unstill.engines.ark.models import CHOICES, ENDPOINT, MODELS
from unstill.upstreams.ark_models import (
    ABROAD,
    ArkModel,
    body_of,
    frame_form,
    misfit,
)
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.key_check import standing_of
from unstill.upstreams.listed_tasks import ListedTasks
from unstill.upstreams.pictures import data_urls, read_pictures
from unstill.upstreams.port import (
    Cancellation,
    Done,
    FrameForm,
    Prepared,
    Standing,
    Submission,
    Ticket,
    UpstreamRequest,
    Verdict,
)
from unstill.upstreams.setup import RemoteSetup
from unstill.upstreams.submit_answers import Codes, judged

REQUESTS_PER_S = 18.0  # documented: 20 queries of an account; jitter needs room
LISTS_PER_S = 0.9  # documented: 1
INTERVAL_S = 10.0  # none documented
TASKS = "/contents/generations/tasks"
HOST_ABROAD = ".bytepluses.com"

BASE_URL = BaseUrl(
    "/api/v3",
    routes=("/contents", "/chat/completions", "/images/generations", "/models", "/files"),
    of_other_paths="refuse",
    hosts=(".volces.com", HOST_ABROAD),
)

# Source: Volcengine Ark, error codes, read 2026-11-28.
CODES = Codes(
    ticket_at="id",
    of_account=frozenset(
        {
            "AuthenticationError",
            "AccountOverdueError",
            "ServiceOverdue",
            "ServiceNotOpen",
            "AccessDenied",
            "QuotaExceeded",  # these two are 429, and stay so for days
            "SetLimitExceeded",
        }
    ),
    of_model=frozenset({"ModelNotOpen", "InvalidEndpointOrModel.NotFound"}),
    not_taken=frozenset({404}),
)


class ArkEngine:
    """`[engines.NAME] kind = "ark"`."""

    kind = "ark"
    is_generative = True
    description = "Seedance models at Volcengine Ark or BytePlus ModelArk"

    def __init__(self, setup: RemoteSetup) -> None:
        self.name = self.label = setup.name
        self.is_free_to_repeat = setup.is_free_to_repeat
        self._words = setup.vocabulary
        self.account, self._upstream = setup.connect(
            BASE_URL, requests_per_s=REQUESTS_PER_S, poll_interval_s=INTERVAL_S
        )
        self._models = _models(setup)
        self._tasks = ListedTasks(
            self._upstream, setup.vocabulary, queries=TASKS, tasks=TASKS, lists_per_s=LISTS_PER_S
        )

    def misfit(self, request: VideoRequest) -> BadField | None:
        model = self._models.get(request.model)
        if model is None:
            return BadField("model", f"one of {', '.join(self._models)}", request.model)
        return misfit(model, request)

    def upstream_model(self, request: VideoRequest) -> str:
        model = self._models.get(request.model)
        return "" if model is None else model.name

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        """What the frames must be before `prepare`."""
        request = upstream_request.request
        return frame_form(self._models[request.model], request)

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        model = self._models[upstream_request.request.model]
        frames = await data_urls(await read_pictures(upstream_request.frames))
        return Prepared(
            path=TASKS,
            headers={"Content-Type": "application/json"},
            body=msgspec.json.encode(body_of(model, upstream_request.request, frames)),
            upstream_model=model.name,
        )

    async def submit(self, prepared: Prepared) -> Submission:
        return await self._upstream.submit(
            prepared, lambda reply: judged(reply, CODES, self._words)
        )

    def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        """The verdicts as they come; raises Trouble at the end of a round that met any."""
        return self._tasks.poll(tickets)

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        await self._tasks.fetch(ticket, done, out)

    async def cancel(self, ticket: Ticket) -> Cancellation:
        """Raises UpstreamError if the upstream did not say."""
        return await self._tasks.cancel(ticket)

    async def standing(self) -> Standing:
        """What it says to the key, by a list of one task; raises Trouble."""
        reply = await self._upstream.ask("GET", TASKS, {"page_num": 1, "page_size": 1})
        return standing_of(reply, CODES)

    async def close(self) -> None:
        await self._upstream.close()


def _models(setup: RemoteSetup) -> dict[str, ArkModel]:
    """Raises BadSetting for a name that its documents do not have.

    An endpoint of the operator's is taken for one of the model that would be chosen without it.
    """
    is_abroad = httpx2.URL(setup.base_url).host.endswith(HOST_ABROAD)
    chosen = {
        canonical: MODELS[ABROAD[name] if is_abroad else name]
        for canonical, name in CHOICES.items()
    }
    return chosen | {
        canonical: _mapped(
            name, chosen.get(canonical), f'engines.{setup.name}.models."{canonical}"'
        )
        for canonical, name in setup.models.items()
    }


def _mapped(name: str, chosen: ArkModel | None, setting: str) -> ArkModel:
    if name.startswith(ENDPOINT) and chosen is not None:
        return msgspec.structs.replace(chosen, name=name)
    if name not in MODELS:
        endpoint = "" if chosen is None else f", or {ENDPOINT}... for an endpoint of {chosen.name}"
        raise BadSetting(setting, f"must be one of {', '.join(MODELS)}{endpoint}, got {name!r}")
    return MODELS[name]


ENGINE = ArkEngine
