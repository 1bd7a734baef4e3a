"""MiniMax's second video API as an engine: H3 in one account.

    submit   POST; no idempotency key exists, so a lost reply stays a doubt
    poll     many tickets: the list, asked for by their ids; few: a query each
    cancel   queued only, after a look: a DELETE of an ended task would delete its record

Which model takes what, and in which words, is in upstreams/minimax_models.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.engines.minimax.models import CHOICES, MODELS
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.key_check import standing_of
from unstill.upstreams.listed_tasks import ListedTasks
from unstill.upstreams.minimax_models import body_of, frame_form, misfit
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

REQUESTS_PER_S = 5.0  # documented: 300 a minute; whether queries count is not
LISTS_PER_S = 1.0  # none documented; ours
INTERVAL_S = 10.0  # none documented
TASKS = "/v2/video_generation"
QUERIES = "/v2/query/video_generation"

BASE_URL = BaseUrl(
    "",
    routes=("/v2", "/v1"),
    hosts=(".minimax.io", ".minimaxi.com"),
)

# Source: MiniMax, video generation v2, errors, read 2026-11-28. The numbers are the first API's, in
# a 200: whatever stands before both may say them here too.
CODES = Codes(
    ticket_at="task_id",
    of_account=frozenset(
        {"authorized_error", "insufficient_balance_error", "1004", "1008", "2049"}
    ),
    busy=frozenset({"1002"}),
)


class MiniMaxEngine:
    """`[engines.NAME] kind = "minimax"`."""

    kind = "minimax"
    is_generative = True
    description = "H3 models at MiniMax"

    def __init__(self, setup: RemoteSetup) -> None:
        self.name = self.label = setup.name
        self.is_free_to_repeat = setup.is_free_to_repeat
        self._words = setup.vocabulary
        self._models = setup.rows_of(CHOICES, MODELS)
        self.account, self._upstream = setup.connect(
            BASE_URL, requests_per_s=REQUESTS_PER_S, poll_interval_s=INTERVAL_S
        )
        self._tasks = ListedTasks(
            self._upstream,
            setup.vocabulary,
            queries=QUERIES,
            tasks=TASKS,
            lists_per_s=LISTS_PER_S,
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
        reply = await self._upstream.ask("GET", QUERIES, {"page_num": 1, "page_size": 1})
        return standing_of(reply, CODES)

    async def close(self) -> None:
        await self._upstream.close()


ENGINE = MiniMaxEngine
