"""Comfy Router as an engine: one queue for the models of many vendors, each in its own words.

    submit   POST, under an Idempotency-Key of ours; the same call again within a day gives the
             same request, so that a lost reply is settled by sending it again
    poll     ticket by ticket: its state, then its result
    cancel   PUT; consent is no promise

All is asked for at `base_url`: no address that an answer names is called with the key. Which model
is asked in whose words is in `models`, what the answers come to in `answers`.

Source: Comfy Router, queue, idempotency and errors, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.engines.comfy.answers import (
    CODES,
    failure_of,
    is_too_late,
    result_of,
    settled_by,
    state_of,
    submission_of,
)
from unstill.engines.comfy.models import CHOICES, MODELS, body_of, frame_form
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.client import Links, unanswered
from unstill.upstreams.key_check import standing_of
from unstill.upstreams.pictures import data_urls, read_pictures
from unstill.upstreams.poll_rounds import look_at_each
from unstill.upstreams.port import (
    Cancellation,
    Cancelled,
    Done,
    Doubt,
    Failed,
    FrameForm,
    Prepared,
    Standing,
    Submission,
    Ticket,
    TooLate,
    UpstreamRequest,
    Verdict,
)
from unstill.upstreams.setup import RemoteSetup

REQUESTS_PER_S = 5.0  # none documented; ours. Polls count against the rate
INTERVAL_S = 10.0  # none documented; ours
KEY_KEPT_S = 23 * 3600.0  # documented: 24 hours; later the same call would be another one
NO_REQUEST = "00000000-0000-0000-0000-000000000000"

BASE_URL = BaseUrl("", routes=("/v2",), hosts=("comfy.org",))


class ComfyEngine:
    """`[engines.NAME] kind = "comfy"`."""

    kind = "comfy"
    is_generative = True
    description = "Wan, HappyHorse, Seedance, Kling and H3 models at Comfy Router"

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
        return model.misfit(request)

    def upstream_model(self, request: VideoRequest) -> str:
        model = self._models.get(request.model)
        return "" if model is None else model.name

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        """What the frames must be before `prepare`."""
        request = upstream_request.request
        return frame_form(self._models[request.model], request)

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        request, key = upstream_request.request, upstream_request.key
        model = self._models[request.model]
        frames = await data_urls(await read_pictures(upstream_request.frames))
        return Prepared(
            path=_requests(model.name),
            headers={"Content-Type": "application/json", "Idempotency-Key": key},
            body=msgspec.json.encode(body_of(model, request, frames)),
            upstream_model=model.name,
            key=key,
        )

    async def submit(self, prepared: Prepared) -> Submission:
        return await self._upstream.submit(
            prepared, lambda reply: submission_of(reply, self._words)
        )

    async def settle(self, prepared: Prepared, *, age_s: float) -> Submission:
        """By the same call again, while its key is surely kept."""
        if age_s > KEY_KEPT_S:
            return Doubt("key_expired", "the upstream keeps a call's key for 24 hours")
        return settled_by(await self.submit(prepared))

    def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        """The verdicts as they come; raises Trouble at the end of a round that met any."""
        return look_at_each(tickets, self._look)

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        await self._upstream.fetch(self._links(done), out, refresh=lambda: self._refreshed(ticket))

    async def cancel(self, ticket: Ticket) -> Cancellation:
        """Its consent is no promise, so that it is asked what has become of the request.

        One that is at the vendor's already may be finished, and is billed then: it is watched.
        """
        reply = await self._upstream.ask("PUT", f"{_request(ticket)}/cancel")
        if is_too_late(reply):
            return TooLate()
        if not reply.is_ok:
            raise unanswered(reply)
        return Cancelled() if isinstance(await self._state(ticket), Failed) else TooLate()

    async def standing(self) -> Standing:
        """What it says to the key, by the state of a request that is not there; raises Trouble."""
        model = next(iter(self._models.values()))
        path = f"{_requests(model.name)}/{NO_REQUEST}/status"
        return standing_of(await self._upstream.ask("GET", path), CODES, is_of_unknown=True)

    async def close(self) -> None:
        await self._upstream.close()

    async def _look(self, ticket: Ticket) -> Verdict:
        match await self._state(ticket):
            case Done():
                return await self._result(ticket)
            case Failed() as state:
                reply = await self._upstream.ask("GET", _request(ticket))
                return failure_of(state, reply, self._words)
            case state:
                return state

    async def _state(self, ticket: Ticket) -> Verdict:
        reply = await self._upstream.ask("GET", f"{_request(ticket)}/status")
        return state_of(reply, ticket.id, self._words)

    async def _result(self, ticket: Ticket) -> Verdict:
        return result_of(await self._upstream.ask("GET", _request(ticket)), self._words)

    async def _refreshed(self, ticket: Ticket) -> Links:
        return self._links(await self._result(ticket))

    def _links(self, verdict: Verdict) -> Links:
        """The one that it names; none where its result names none."""
        match verdict:
            case Done(str() as url):
                return self._upstream.named(url)
            case _:
                return ()


def _requests(model: str) -> str:
    return f"/v2/models/{model}/requests"


def _request(ticket: Ticket) -> str:
    return f"{_requests(ticket.upstream_model)}/{quote(ticket.id, safe='')}"


ENGINE = ComfyEngine
