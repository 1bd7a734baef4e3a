"""Modelverse (UCloud) as an engine: `/v1/tasks/submit` and `/v1/tasks/status`.

It documents no list, no cancel and no upload: a query per task, frames as data URLs. Which model
takes what, and in which words, is in `modelverse_models`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.engines.modelverse.models import (
    CHOICES,
    MODELS,
    body_of,
    misfit,
)
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.client import Links, unanswered
from unstill.upstreams.key_check import standing_of
from unstill.upstreams.pictures import data_urls, read_pictures
from unstill.upstreams.poll_rounds import look_at_each
from unstill.upstreams.port import (
    Cancellation,
    Done,
    FrameForm,
    Prepared,
    Standing,
    Submission,
    Ticket,
    Unsupported,
    UpstreamRequest,
    Verdict,
)
from unstill.upstreams.setup import RemoteSetup
from unstill.upstreams.sizes import frame_size
from unstill.upstreams.submit_answers import Codes, judged
from unstill.upstreams.task_answers import verdict_in

REQUESTS_PER_S = 10.0  # none documented; ours
NO_TASK = "00000000-0000-0000-0000-000000000000"
INTERVAL_S = 10.0  # none documented; between what its known clients do, 6 and 10
PICTURE_BYTES = 10 * 2**20  # the smallest that its documents name, Kling's and HappyHorse's

BASE_URL = BaseUrl(
    "/v1",
    routes=("/tasks", "/videos", "/chat/completions", "/images/generations"),
    of_other_paths="add",
    hosts=("modelverse.cn", "umodelverse.ai"),
)

CODES = Codes(
    ticket_at="output.task_id",
    of_account=frozenset({"auth_error", "forbidden"}),
    of_model=frozenset({"model_error"}),  # 400: this key may not use the model
)


class ModelverseEngine:
    """`[engines.NAME] kind = "modelverse"`."""

    kind = "modelverse"
    is_generative = True
    description = "Wan, Sora, HappyHorse, Seedance and Kling models at Modelverse"

    def __init__(self, setup: RemoteSetup) -> None:
        self.name = self.label = setup.name
        self.is_free_to_repeat = setup.is_free_to_repeat
        self._words = setup.vocabulary
        self._models = setup.rows_of(CHOICES, MODELS)
        self.account, self._upstream = setup.connect(
            BASE_URL, requests_per_s=REQUESTS_PER_S, poll_interval_s=INTERVAL_S
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
        size = frame_size(request, self._models[request.model].tiers)
        return FrameForm(frozenset({"JPEG", "PNG"}), PICTURE_BYTES, size=size, takes_alpha=False)

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        model = self._models[upstream_request.request.model]
        frames = await data_urls(await read_pictures(upstream_request.frames))
        return Prepared(
            path="/tasks/submit",
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
        return look_at_each(tickets, self._look)

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        await self._upstream.fetch(self._links(done), out, refresh=lambda: self._refreshed(ticket))

    async def cancel(self, ticket: Ticket) -> Cancellation:  # noqa: ARG002  - the port's signature
        return Unsupported()

    async def standing(self) -> Standing:
        """What it says to the key, by a query for a task that is not there; raises Trouble."""
        reply = await self._upstream.ask("GET", "/tasks/status", {"task_id": NO_TASK})
        return standing_of(reply, CODES, is_of_unknown=True)

    async def close(self) -> None:
        await self._upstream.close()

    async def _look(self, ticket: Ticket) -> Verdict:
        reply = await self._upstream.ask("GET", "/tasks/status", {"task_id": ticket.id})
        # What it answers for a task it does not know is documented nowhere: none is gone for sure.
        verdict = None
        if reply.is_ok:
            verdict = verdict_in(reply.fields(), self._words, ticket=ticket.id)
        if verdict is None:
            raise unanswered(reply)
        return verdict

    async def _refreshed(self, ticket: Ticket) -> Links:
        return self._links(await self._look(ticket))

    def _links(self, verdict: Verdict) -> Links:
        """The one that it names; none where it says Success before it has one."""
        match verdict:
            case Done(str() as url):
                return self._upstream.named(url)
            case _:
                return ()


ENGINE = ModelverseEngine
