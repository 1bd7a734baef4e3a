"""Runware as an engine: one route, which takes a list of tasks of any type.

A task's id is ours, a UUIDv4, and is taken once: a second call with it is refused by a code of its
own. So a lost reply is settled by sending the same again, and many tickets are asked for in one
call. It documents no cancel. Frames go along as data URLs.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.engines.runware.answers import CODES, knows, submission_of, verdict_of
from unstill.engines.runware.models import CHOICES, MODELS, frame_form, misfit, task_of
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.client import Links, Trouble
from unstill.upstreams.key_check import standing_of
from unstill.upstreams.pictures import data_urls, read_pictures
from unstill.upstreams.port import (
    Accepted,
    Cancellation,
    Done,
    Doubt,
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
from unstill.upstreams.settling import as_repeated
from unstill.upstreams.setup import RemoteSetup

REQUESTS_PER_S = 10.0  # none documented; ours. Its SDK has no more than 15 calls under way
INTERVAL_S = 5.0  # its advice: from 1 or 2 s on, backing off
ASKED_AT_ONCE = 50  # none documented; ours
# How long an id is remembered is not documented. What is older is looked up, and not sent again.
REMEMBERED_S = 900.0
NO_TASK = "00000000-0000-4000-8000-000000000000"
JSON = {"Content-Type": "application/json"}

BASE_URL = BaseUrl("/v1", routes=(), of_other_paths="add", hosts=("runware.ai",))


class RunwareEngine:
    """`[engines.NAME] kind = "runware"`."""

    kind = "runware"
    is_generative = True
    description = "Wan, HappyHorse, Seedance and H3 models at Runware"

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
        return frame_form(self._models[request.model], request)

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        request, key = upstream_request.request, upstream_request.key
        model = self._models[request.model]
        frames = await data_urls(await read_pictures(upstream_request.frames))
        body = msgspec.json.encode([task_of(model, request, frames, key)])
        return Prepared("", JSON, body, upstream_model=model.name, key=key)

    async def submit(self, prepared: Prepared) -> Submission:
        return await self._upstream.submit(
            prepared, lambda reply: submission_of(reply, prepared.key, self._words)
        )

    async def settle(self, prepared: Prepared, *, age_s: float) -> Submission:
        """By the same call again, while its id is surely remembered; then by its details."""
        if age_s <= REMEMBERED_S:
            return as_repeated(await self.submit(prepared))
        reply = await self._asked([{"taskType": "getTaskDetails", "taskUUID": prepared.key}])
        if knows(reply, prepared.key):
            return Accepted(prepared.key)
        return Doubt("not_said", "the upstream has no details of the task, which is no word on it")

    async def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        """Some in each call; raises Trouble where all would hear the same."""
        for first in range(0, len(tickets), ASKED_AT_ONCE):
            some = tickets[first : first + ASKED_AT_ONCE]
            try:
                reply = await self._asked([_look(ticket) for ticket in some])
            except Trouble as trouble:
                if trouble.is_general:
                    raise
                for ticket in some:
                    yield ticket, Unclear("no_answer", trouble.message)
                continue
            for ticket in some:
                yield ticket, verdict_of(reply, ticket.id, self._words)

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        await self._upstream.fetch(self._links(done), out, refresh=lambda: self._refreshed(ticket))

    async def cancel(self, ticket: Ticket) -> Cancellation:  # noqa: ARG002  - the port's signature
        return Unsupported()

    async def standing(self) -> Standing:
        """What it says to the key, by a question for a task that is not there; raises Trouble."""
        reply = await self._asked([{"taskType": "getResponse", "taskUUID": NO_TASK}])
        return standing_of(reply, CODES, is_of_unknown=True)

    async def close(self) -> None:
        await self._upstream.close()

    async def _refreshed(self, ticket: Ticket) -> Links:
        reply = await self._asked([_look(ticket)])
        return self._links(verdict_of(reply, ticket.id, self._words))

    async def _asked(self, tasks: Sequence[Mapping[str, str]]) -> Reply:
        return await self._upstream.ask("POST", "", body=tasks)

    def _links(self, verdict: Verdict) -> Links:
        """The one that it names; none where it has none yet."""
        match verdict:
            case Done(str() as url):
                return self._upstream.named(url)
            case _:
                return ()


def _look(ticket: Ticket) -> Mapping[str, str]:
    return {"taskType": "getResponse", "taskUUID": ticket.id}


ENGINE = RunwareEngine
