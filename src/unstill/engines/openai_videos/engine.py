"""Servers that speak OpenAI's `/v1/videos` as an engine: gateways, SGLang, vLLM-Omni.

OpenAI itself switched its service off on 2026-09-24; the protocol lives on. What each kind of
server really takes is in `openai_videos_servers`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.engines.openai_videos.servers import (
    SERVERS,
    ServerKind,
    fields_of,
    frame_form,
    misfit,
    size_of,
    unified_reference,
    verdict_of,
)
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.client import Links, unanswered
from unstill.upstreams.forms import form_of
from unstill.upstreams.key_check import standing_of
from unstill.upstreams.pictures import FrameFile, read_pictures
from unstill.upstreams.poll_rounds import look_at_each
from unstill.upstreams.port import (
    Cancellation,
    Cancelled,
    Done,
    FrameForm,
    Prepared,
    Standing,
    Submission,
    Ticket,
    TooLate,
    Unsupported,
    UpstreamRequest,
    Verdict,
)
from unstill.upstreams.replies import Reply, at
from unstill.upstreams.setup import RemoteSetup
from unstill.upstreams.submit_answers import is_error, judged

REQUESTS_PER_S = 10.0  # none documented; ours
BASE_URL = BaseUrl("/v1", routes=("/videos", "/chat/completions", "/images/generations"))
NO_VIDEO = "video_00000000000000000000000000000000"
INTERVAL_S = 5.0  # one query is cheap for a server that renders for minutes


class OpenAiVideosEngine:
    """`[engines.NAME] kind = "openai_videos"`."""

    kind = "openai_videos"
    is_generative = True

    def __init__(self, setup: RemoteSetup, *, server: ServerKind) -> None:
        """`setup.models`: the server's names, where it is to be told one."""
        self.name = self.label = setup.name
        self.description = f"a server that speaks OpenAI's video protocol ({server})"
        self.is_free_to_repeat = setup.is_free_to_repeat
        self._server = SERVERS[server]
        self._words = setup.vocabulary
        self._models = {**self._server.choices, **setup.models}
        self.account, self._upstream = setup.connect(
            BASE_URL, requests_per_s=REQUESTS_PER_S, poll_interval_s=INTERVAL_S
        )

    def misfit(self, request: VideoRequest) -> BadField | None:
        if request.model not in self._models and not self._server.takes_any_model:
            allowed = f"one of {', '.join(self._models)}" if self._models else "another one"
            return BadField("model", allowed, request.model)
        return misfit(self._server, self._model(request), request)

    def upstream_model(self, request: VideoRequest) -> str:
        return self._model(request) or request.model

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        """What the frames must be before `prepare`."""
        model = self._model(upstream_request.request)
        return frame_form(
            self._server,
            size_of(self._server, model, upstream_request.request, upstream_request.size),
        )

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        model = self._model(upstream_request.request)
        size = size_of(self._server, model, upstream_request.request, upstream_request.size)
        fields = fields_of(self._server, model, upstream_request.request, size)
        first = (await read_pictures({"first": upstream_request.frames["first"]}))["first"]
        written = _json if self._server.kind == "unified" else _form
        body, media_type = await asyncio.to_thread(written, fields, first)
        return Prepared(
            path="/videos",
            headers={"Content-Type": media_type},
            body=body,
            upstream_model=self.upstream_model(upstream_request.request),
        )

    async def submit(self, prepared: Prepared) -> Submission:
        codes = self._server.codes
        return await self._upstream.submit(
            prepared, lambda reply: judged(reply, codes, self._words)
        )

    def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        """The verdicts as they come; raises Trouble at the end of a round that met any."""
        return look_at_each(tickets, self._look)

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        await self._upstream.fetch(
            self._links(ticket, done), out, refresh=lambda: self._refreshed(ticket)
        )

    async def cancel(self, ticket: Ticket) -> Cancellation:
        """Raises Trouble if the upstream did not say."""
        if not self._server.cancels:
            return Unsupported()
        asked = await self._upstream.ask("GET", _video(ticket))
        if isinstance(self._verdict(asked, ticket), Done):
            return TooLate()  # it is paid for, and would be deleted
        reply = await self._upstream.ask("DELETE", _video(ticket))
        is_refused = at(reply.fields(), "deleted") is False
        if not is_refused and not is_error(reply):
            return Cancelled()
        if is_refused or reply.status == 404:
            return TooLate()
        raise unanswered(reply)

    async def standing(self) -> Standing:
        """What it says to the key; raises Trouble.

        By a list of one video, else of models, which some servers show to whoever asks, else by a
        query for a video that is not there.
        """
        for path, params in (("/videos", {"limit": 1}), ("/models", None)):
            reply = await self._upstream.ask("GET", path, params)
            # A page for all that is not there comes with a 200 as well.
            if reply.status not in {404, 405, 501} and (reply.is_json or not reply.is_ok):
                return standing_of(reply, self._server.codes)
        reply = await self._upstream.ask("GET", f"/videos/{NO_VIDEO}")
        return standing_of(reply, self._server.codes, is_of_unknown=True)

    async def close(self) -> None:
        await self._upstream.close()

    def _model(self, request: VideoRequest) -> str:
        """The server's name for the request's model; "" where it has its own weights and no need
        of one."""
        return self._models.get(request.model, "")

    async def _look(self, ticket: Ticket) -> Verdict:
        reply = await self._upstream.ask("GET", _video(ticket))
        verdict = self._verdict(reply, ticket)
        if verdict is None:
            raise unanswered(reply)
        return verdict

    def _verdict(self, reply: Reply, ticket: Ticket) -> Verdict | None:
        """Raises Odd."""
        status, fields = reply.status, reply.fields()
        return verdict_of(self._server, status, fields, self._words, ticket=ticket.id)

    async def _refreshed(self, ticket: Ticket) -> Links:
        verdict = await self._look(ticket)
        return self._links(ticket, verdict) if isinstance(verdict, Done) else ()

    def _links(self, ticket: Ticket, done: Done) -> Links:
        """The protocol's own address and the one that the job names, which some have instead."""
        content = self._upstream.link(f"{_video(ticket)}/content")
        if done.url is None:
            return (content,)
        named = self._upstream.named(done.url)
        elsewhere = self._server.keeps_videos_elsewhere
        return (*named, content) if elsewhere else (content, *named)


def _video(ticket: Ticket) -> str:
    return f"/videos/{quote(ticket.id, safe='')}"


def _json(fields: Mapping[str, Any], first: FrameFile) -> tuple[bytes, str]:
    reference = unified_reference(first.data_url())
    return msgspec.json.encode({**fields, "input_reference": reference}), "application/json"


def _form(fields: Mapping[str, Any], first: FrameFile) -> tuple[bytes, str]:
    return form_of(fields, {"input_reference": first})
