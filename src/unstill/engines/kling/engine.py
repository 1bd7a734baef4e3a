"""Kling's own API of its 3.0 models as an engine.

    submit   POST to the model's route, under an external id of ours
    settle   a query by that id: a task that is shown was taken
    poll     many tickets by their ids in one call
    cancel   not documented

An external id is unique in the account, and what a second call with it is answered is documented
nowhere: none is ever sent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.engines.kling.answers import (
    CODES,
    as_said,
    is_of_the_ids,
    settled_by,
    submission_of,
    verdict_of,
    with_marked_links,
)
from unstill.engines.kling.models import (
    CHOICES,
    MODELS,
    body_of,
    frame_form,
    misfit,
)
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.callbacks import is_svix_signed, svix_secret
from unstill.upstreams.client import Links, Trouble
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
    Unclear,
    Unsupported,
    UpstreamRequest,
    Verdict,
)
from unstill.upstreams.replies import Reply
from unstill.upstreams.setup import RemoteSetup

REQUESTS_PER_S = 10.0  # ours: it documents that there is no limit of rate
INTERVAL_S = 10.0  # none documented
ASKED_AT_ONCE = 50  # none documented; ours
TASKS = "/tasks"
NO_TASK = "0"

BASE_URL = BaseUrl(
    "",
    routes=("/image-to-video", "/text-to-video", "/tasks", "/v1"),
    hosts=(".klingai.com",),
    other_hosts={
        "api.klingai.com": "an API that has ended: write https://api-singapore.klingai.com or"
        " https://api-beijing.klingai.com",
    },
)


class KlingEngine:
    """`[engines.NAME] kind = "kling"`."""

    kind = "kling"
    is_generative = True
    description = "Kling 3.0 at Kling"

    def __init__(self, setup: RemoteSetup) -> None:
        self.name = self.label = setup.name
        self.is_free_to_repeat = setup.is_free_to_repeat
        self._words = with_marked_links(setup.vocabulary)
        self._models = setup.rows_of(CHOICES, MODELS)
        self.account, self._upstream = setup.connect(
            BASE_URL, requests_per_s=REQUESTS_PER_S, poll_interval_s=INTERVAL_S
        )
        self.is_called_back = bool(setup.callbacks_url)
        self._callback_url = setup.callback_url
        self._callback_secret = _callback_secret(setup) if self.is_called_back else b""

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
        request, key = upstream_request.request, upstream_request.key
        model = self._models[request.model]
        frames = await data_urls(await read_pictures(upstream_request.frames))
        body = body_of(model, request, frames, key)
        if callback_url := self._callback_url(upstream_request.job_id):
            body["options"] = {**body.get("options", {}), "callback_url": callback_url}
        return Prepared(
            path=f"/image-to-video/{model.name}",
            headers={"Content-Type": "application/json"},
            body=msgspec.json.encode(body),
            upstream_model=model.name,
            key=key,
        )

    async def submit(self, prepared: Prepared) -> Submission:
        return await self._upstream.submit(
            prepared, lambda reply: submission_of(reply, self._words)
        )

    async def settle(self, prepared: Prepared, *, age_s: float) -> Submission:
        """By a query for its key, which is free."""
        reply = await self._upstream.ask("GET", TASKS, {"external_task_ids": prepared.key})
        return settled_by(reply, prepared.key, self._words, age_s=age_s)

    async def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        """Some in each call; raises Trouble where all would hear the same.

        Where a call is refused for what it asks for, one of its tickets may be the cause: each is
        asked for alone then.
        """
        alone: list[Ticket] = []
        for first in range(0, len(tickets), ASKED_AT_ONCE):
            some = tickets[first : first + ASKED_AT_ONCE]
            try:
                reply = await self._asked(some)
            except Trouble as trouble:
                if trouble.is_general:
                    raise
                for ticket in some:
                    yield ticket, Unclear("no_answer", trouble.message)
                continue
            if len(some) > 1 and is_of_the_ids(reply):
                alone += some
                continue
            for ticket in some:
                yield ticket, verdict_of(reply, ticket.id, self._words)
        async with aclosing(look_at_each(alone, self._look)) as looks:
            async for ticket, verdict in looks:
                yield ticket, verdict

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        await self._upstream.fetch(self._links(done), out, refresh=lambda: self._refreshed(ticket))

    async def cancel(self, ticket: Ticket) -> Cancellation:  # noqa: ARG002  - the port's signature
        return Unsupported()

    async def standing(self) -> Standing:
        """What it says to the key, by a query for a task that is not there; raises Trouble."""
        reply = await self._upstream.ask("GET", TASKS, {"task_ids": NO_TASK})
        return standing_of(as_said(reply), CODES, is_of_unknown=True)

    async def is_its_word(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> bool:
        secret = self._callback_secret
        return self.is_called_back and is_svix_signed(headers, body, secret=secret, now_ms=now_ms)

    async def close(self) -> None:
        await self._upstream.close()

    async def _asked(self, tickets: Sequence[Ticket]) -> Reply:
        return await self._upstream.ask(
            "GET", TASKS, {"task_ids": ",".join(ticket.id for ticket in tickets)}
        )

    async def _look(self, ticket: Ticket) -> Verdict:
        return verdict_of(await self._asked([ticket]), ticket.id, self._words)

    async def _refreshed(self, ticket: Ticket) -> Links:
        return self._links(await self._look(ticket))

    def _links(self, verdict: Verdict) -> Links:
        """The one that it names; none where it has none yet."""
        match verdict:
            case Done(str() as url):
                return self._upstream.named(url)
            case _:
                return ()


def _callback_secret(setup: RemoteSetup) -> bytes:
    """Raises BadSetting."""
    return svix_secret(setup.callback_secret, f"engines.{setup.name}.callback_secret")


ENGINE = KlingEngine
