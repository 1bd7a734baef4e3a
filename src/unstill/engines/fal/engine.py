"""fal as an engine: its queue, `/{owner}/{app}/...` and `/{owner}/{app}/requests/{id}`.

A request is sent to an endpoint's whole path; how it stands, its result and its cancel are asked
for below owner and app alone, at the address of `base_url`: no address that an answer names is
ever called with the key. It documents no list and no idempotency. Which endpoint takes what, and
in which words, is in `models`.

Source: fal's queue, error and header pages, and its official client, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.engines.fal.callbacks import KEYS_PATH, KEYS_URL, asking_back, is_fals
from unstill.engines.fal.models import (
    CHOICES,
    MODELS,
    body_of,
    endpoint_for,
    misfit,
)
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.client import Links, unanswered
from unstill.upstreams.key_check import standing_of
from unstill.upstreams.key_sets import SigningKeys
from unstill.upstreams.pictures import data_urls, read_pictures
from unstill.upstreams.poll_rounds import look_at_each
from unstill.upstreams.port import (
    Cancellation,
    Cancelled,
    Done,
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
from unstill.upstreams.replies import at, numbers, said, with_kind
from unstill.upstreams.setup import RemoteSetup
from unstill.upstreams.sizes import frame_size
from unstill.upstreams.submit_answers import Codes, judged
from unstill.upstreams.task_answers import link_in, verdict_in

REQUESTS_PER_S = 10.0  # none documented; ours
INTERVAL_S = 5.0  # none documented
NO_REQUEST = "00000000-0000-0000-0000-000000000000"
BILLED = "x-fal-billable-units"  # how many of the endpoint's own units a result is charged with
KIND_OF_ERROR = "x-fal-error-type"

BASE_URL = BaseUrl(
    "",
    routes=("/fal-ai", "/alibaba", "/bytedance", "/minimax"),
    hosts=("fal.run", "falrun.com", "fal.ai"),
    other_hosts={
        "fal.run": "answers that are waited for: write https://queue.fal.run",
        "rest.fal.ai": "uploads: write https://queue.fal.run",
        "api.fal.ai": "the account: write https://queue.fal.run",
    },
)

CODES = Codes(
    ticket_at="request_id",
    of_account=frozenset({"unauthorized", "forbidden"}),
    not_taken=frozenset({404}),
)


class FalEngine:
    """`[engines.NAME] kind = "fal"`."""

    kind = "fal"
    is_generative = True
    description = "Wan, HappyHorse, Seedance, Kling and other models at fal"

    def __init__(self, setup: RemoteSetup) -> None:
        self.name = self.label = setup.name
        self.is_free_to_repeat = setup.is_free_to_repeat
        self._words = setup.vocabulary
        self._models = setup.rows_of(CHOICES, MODELS)
        self.account, self._upstream = setup.connect(
            BASE_URL, requests_per_s=REQUESTS_PER_S, poll_interval_s=INTERVAL_S, key_scheme="Key"
        )
        self.is_called_back = bool(setup.callbacks_url)
        self._callback_url = setup.callback_url
        self._signing_keys = _signing_keys(setup) if self.is_called_back else None

    def misfit(self, request: VideoRequest) -> BadField | None:
        model = self._models.get(request.model)
        if model is None:
            return BadField("model", f"one of {', '.join(self._models)}", request.model)
        return misfit(model, request)

    def upstream_model(self, request: VideoRequest) -> str:
        model = self._models.get(request.model)
        return "" if model is None else endpoint_for(model, request).name

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        """What the frames must be before `prepare`."""
        request = upstream_request.request
        model = self._models[request.model]
        size = frame_size(request, model.all_tiers)
        return FrameForm(
            frozenset({"JPEG", "PNG"}), model.picture_bytes, size=size, takes_alpha=False
        )

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        request = upstream_request.request
        model = endpoint_for(self._models[request.model], request)
        frames = await data_urls(await read_pictures(upstream_request.frames))
        return Prepared(
            path=asking_back(f"/{model.name}", self._callback_url(upstream_request.job_id)),
            headers={"Content-Type": "application/json"},
            body=msgspec.json.encode(body_of(model, request, frames)),
            upstream_model=model.name,
        )

    async def submit(self, prepared: Prepared) -> Submission:
        return await self._upstream.submit(
            prepared, lambda reply: judged(with_kind(reply, KIND_OF_ERROR), CODES, self._words)
        )

    def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        """The verdicts as they come; raises Trouble at the end of a round that met any."""
        return look_at_each(tickets, self._look)

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        await self._upstream.fetch(self._links(done), out, refresh=lambda: self._refreshed(ticket))

    async def cancel(self, ticket: Ticket) -> Cancellation:
        """Its consent is no promise, so that it is asked what has become of the request.

        One that has begun goes on for a while, and may be finished: it is watched.
        """
        reply = await self._upstream.ask("PUT", f"{_requests(ticket)}/cancel")
        if reply.status == 400 and at(reply.fields(), "status") == "ALREADY_COMPLETED":
            return TooLate()
        if not reply.is_ok:
            raise unanswered(reply)
        return Cancelled() if isinstance(await self._state(ticket), Failed) else TooLate()

    async def standing(self) -> Standing:
        """What it says to the key, by the state of a request that is not there; raises Trouble."""
        app = _app(next(iter(self._models.values())).name)
        reply = await self._upstream.ask("GET", f"{app}/requests/{NO_REQUEST}/status")
        return standing_of(reply, CODES, is_of_unknown=True)

    async def is_its_word(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> bool:
        keys = self._signing_keys
        return keys is not None and await is_fals(headers, body, keys=keys, now_ms=now_ms)

    async def close(self) -> None:
        await self._upstream.close()

    async def _look(self, ticket: Ticket) -> Verdict:
        state = await self._state(ticket)
        return await self._result(ticket) if isinstance(state, Done) else state

    async def _state(self, ticket: Ticket) -> Verdict:
        """How it stands; what has failed is COMPLETED too, with an error."""
        reply = await self._upstream.ask("GET", f"{_requests(ticket)}/status")
        # A 404 NOT_FOUND is no end: for how long it remembers a request is not documented.
        verdict = None
        if reply.is_ok:
            fields = with_kind(reply, KIND_OF_ERROR).fields()
            if at(fields, "status") == "COMPLETED" and at(fields, "error"):
                return _failed(fields)
            # The request as it names it, so that its word counts as its own.
            verdict = verdict_in({**fields, "id": ticket.id}, self._words, ticket=ticket.id)
        if verdict is None:
            raise unanswered(reply)
        return verdict

    async def _result(self, ticket: Ticket) -> Verdict:
        """What came of it; a failure is answered by its own status."""
        reply = with_kind(await self._upstream.ask("GET", _requests(ticket)), KIND_OF_ERROR)
        if reply.is_ok:
            units = numbers({"billable_units": reply.told.get(BILLED)})
            return Done(link_in(reply.fields(), self._words), units)
        # A 5xx may be the queue's own, and is asked again; so is what it says of too early.
        if reply.status in {422, 499}:
            return _failed(reply.fields())
        raise unanswered(reply)

    async def _refreshed(self, ticket: Ticket) -> Links:
        return self._links(await self._result(ticket))

    def _links(self, verdict: Verdict) -> Links:
        """The one that it names; none where its result names none."""
        match verdict:
            case Done(str() as url):
                return self._upstream.named(url)
            case _:
                return ()


def _signing_keys(setup: RemoteSetup) -> SigningKeys:
    """fal's own; of whatever stands in for it, those that it tells. Raises BadSetting."""
    setting = f"engines.{setup.name}.callbacks"
    if BASE_URL.is_providers(setup.base_url):
        return SigningKeys(KEYS_URL, setup.fetcher, setting=setting)
    url = setup.base_url.rstrip("/") + KEYS_PATH
    return SigningKeys(url, setup.fetcher, setting=setting, is_operators=True)


def _failed(fields: Mapping[str, object]) -> Failed:
    told = said(fields)
    return Failed(told.code or "failed", told.message or "the upstream gave no reason")


def _app(model: str) -> str:
    """The path of owner and app: what follows them is the endpoint's alone."""
    return "/" + "/".join(model.split("/")[:2])


def _requests(ticket: Ticket) -> str:
    return f"{_app(ticket.upstream_model)}/requests/{ticket.id}"


ENGINE = FalEngine
