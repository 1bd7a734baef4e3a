"""LightX2V as an engine: a server on a GPU of one's own, whose tasks have ids of ours.

So a lost reply is settled by asking for the task. It keeps its tasks in memory: one that it does
not know was never taken, or it was restarted since, and either way it renders nothing. Frames go
along as data URLs; an earlier version takes a last frame as a file of a form alone, and such a task
has an id of the server's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.engines.lightx2v.answers import (
    CODES,
    cancellation_of,
    settled,
    submission_of,
    verdict_of,
)
from unstill.engines.lightx2v.models import (
    CHOICES,
    EARLIER,
    MODELS,
    body_of,
    fields_of,
    learnt,
    misfit,
)
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.client import Links, unanswered
from unstill.upstreams.forms import form_of
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
    UpstreamRequest,
    Verdict,
)
from unstill.upstreams.replies import at
from unstill.upstreams.setup import RemoteSetup

REQUESTS_PER_S = 10.0  # none documented; ours
INTERVAL_S = 5.0  # one query is cheap for a server that renders for minutes
PICTURE_BYTES = 15 * 2**20  # none documented; ours
TASKS = "/v1/tasks"
VIDEO = f"{TASKS}/video/"
FORM = f"{TASKS}/video/form"
QUEUE = f"{TASKS}/queue/status"
SCHEMA = "/openapi.json"  # FastAPI's own
PROPERTIES = "components.schemas.VideoTaskRequest.properties"
JSON = {"Content-Type": "application/json"}

BASE_URL = BaseUrl("", routes=("/v1/tasks", "/v1/service", "/v1/files", "/v1"))


class LightX2VEngine:
    """`[engines.NAME] kind = "lightx2v"`."""

    kind = "lightx2v"
    is_generative = True
    description = "Wan 2.2 and other open weights behind LightX2V"

    def __init__(self, setup: RemoteSetup) -> None:
        self.name = self.label = setup.name
        self.is_free_to_repeat = setup.is_free_to_repeat
        self._words = setup.vocabulary
        self._models = setup.rows_of(CHOICES, MODELS)
        self._names = EARLIER
        self.edition = 0
        self.account, self._upstream = setup.connect(
            BASE_URL, requests_per_s=REQUESTS_PER_S, poll_interval_s=INTERVAL_S
        )

    async def learn(self) -> None:
        """Read how this version names things, in the schema that it writes of itself."""
        reply = await self._upstream.ask("GET", SCHEMA)
        properties = at(reply.fields(), PROPERTIES) if reply.is_ok else None
        names = learnt(properties) if isinstance(properties, dict) else None
        if names is None:
            raise unanswered(reply)
        self._names = names  # `misfit` does not go by it: no new edition

    def misfit(self, request: VideoRequest) -> BadField | None:
        model = self._models.get(request.model)
        if model is None:
            return BadField("model", f"one of {', '.join(self._models)}", request.model)
        return misfit(model, request)

    def upstream_model(self, request: VideoRequest) -> str:
        model = self._models.get(request.model)
        return "" if model is None else model.name

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        """What the frames must be before `prepare`: many weights take the frame's shape."""
        return FrameForm(
            frozenset({"JPEG", "PNG"}),
            PICTURE_BYTES,
            size=upstream_request.size,
            takes_alpha=False,
        )

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        request, key, names = upstream_request.request, upstream_request.key, self._names
        model = self._models[request.model]
        fields = fields_of(model, request, names)
        pictures = await read_pictures(upstream_request.frames)
        if "last" in pictures and not names.takes_last_frame:
            files = {"image_file": pictures["first"], "last_frame_file": pictures["last"]}
            form, media_type = await asyncio.to_thread(form_of, fields, files, boundary=key)
            return Prepared(FORM, {"Content-Type": media_type}, form, model.name, key)
        frames = await data_urls(pictures)
        body = body_of(fields, names, frames, upstream_request.size, key)
        return Prepared(VIDEO, JSON, msgspec.json.encode(body), model.name, key)

    async def submit(self, prepared: Prepared) -> Submission:
        return await self._upstream.submit(
            prepared, lambda reply: submission_of(reply, prepared.key, self._words)
        )

    async def settle(self, prepared: Prepared, *, age_s: float) -> Submission:
        """By the state of the task that the call was to make; raises Trouble."""
        reply = await self._upstream.ask("GET", _state(prepared.key))
        is_told_key = prepared.path != FORM
        return settled(reply, prepared.key, age_s=age_s, is_told_key=is_told_key)

    def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        """The verdicts as they come; raises Trouble at the end of a round that met any."""
        return look_at_each(tickets, self._look)

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        """From the task's own address; a path on the server's disk is no link."""
        del done
        links: Links = (self._upstream.link(f"{_task(ticket.id)}/result"),)
        await self._upstream.fetch(links, out, refresh=lambda: self._refreshed(ticket, links))

    async def cancel(self, ticket: Ticket) -> Cancellation:
        """Raises Trouble if the upstream did not say. What has ended stays as it is."""
        reply = await self._upstream.ask("DELETE", _task(ticket.id))
        cancellation = cancellation_of(reply)
        if cancellation is None:
            raise unanswered(reply)
        return cancellation

    async def standing(self) -> Standing:
        """What it says to the key, by a look at its queue; raises Trouble."""
        return standing_of(await self._upstream.ask("GET", QUEUE), CODES)

    async def close(self) -> None:
        await self._upstream.close()

    async def _look(self, ticket: Ticket) -> Verdict:
        reply = await self._upstream.ask("GET", _state(ticket.id))
        verdict = verdict_of(reply, ticket.id, self._words)
        if verdict is None:
            raise unanswered(reply)
        return verdict

    async def _refreshed(self, ticket: Ticket, links: Links) -> Links:
        return links if isinstance(await self._look(ticket), Done) else ()


def _task(ticket: str) -> str:
    return f"{TASKS}/{quote(ticket, safe='')}"


def _state(ticket: str) -> str:
    return f"{_task(ticket)}/status"


ENGINE = LightX2VEngine
