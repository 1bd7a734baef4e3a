"""ComfyUI as an engine: a graph of the operator's on a GPU of one's own, under ids of ours.

So a lost reply is settled by a look at the queue and the history. A call is never sent again to
learn that: ComfyUI makes a second task of the same id. Frames are uploaded to the same server,
under names that are made of the call's key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from urllib.parse import quote

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.engines.comfyui.answers import (
    CODES,
    has_ended,
    is_history,
    place_in,
    settled,
    submission_of,
    verdict_of,
)
from unstill.engines.comfyui.graph import filled, misfit, read_graph, values_of
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.client import Links, Trouble, unanswered
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
    PrepareRefused,
    Refused,
    Running,
    Standing,
    Submission,
    Ticket,
    TooLate,
    Unclear,
    UpstreamRequest,
    Verdict,
    Waiting,
)
from unstill.upstreams.replies import Reply
from unstill.upstreams.setup import RemoteSetup
from unstill.upstreams.submit_answers import judged

REQUESTS_PER_S = 10.0  # none documented; ours
INTERVAL_S = 5.0  # one query is cheap for a server that renders for minutes
PICTURE_BYTES = 15 * 2**20  # none documented for it alone; ours
JSON = {"Content-Type": "application/json"}

BASE_URL = BaseUrl("", routes=("/prompt", "/history", "/queue", "/upload", "/view"))


class ComfyUiEngine:
    """`[engines.NAME] kind = "comfyui"`."""

    kind = "comfyui"
    is_generative = True
    description = "a graph of yours in ComfyUI"

    def __init__(self, setup: RemoteSetup, *, graph: str, fps: int) -> None:
        """`graph`: a path. `setup.models`: names by which costs are kept."""
        self.name = self.label = setup.name
        self.is_free_to_repeat = setup.is_free_to_repeat
        self._words = setup.vocabulary
        self._models = setup.models
        self._graph = read_graph(graph, f"engines.{setup.name}.graph")
        self._fps = fps
        self.account, self._upstream = setup.connect(
            BASE_URL, requests_per_s=REQUESTS_PER_S, poll_interval_s=INTERVAL_S
        )

    def misfit(self, request: VideoRequest) -> BadField | None:
        return misfit(self._graph, request)

    def upstream_model(self, request: VideoRequest) -> str:
        return self._models.get(request.model, request.model)

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        """What the frames must be before `prepare`: a graph may scale them, or not."""
        return FrameForm(
            frozenset({"JPEG", "PNG"}),
            PICTURE_BYTES,
            size=upstream_request.size,
            takes_alpha=False,
        )

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        """Uploads the frames; the same ones again take their own place."""
        request, key = upstream_request.request, upstream_request.key
        pictures = await read_pictures(upstream_request.frames)
        names = {}
        for role, picture in pictures.items():
            names[role] = f"unstill-{key}-{role}{Path(picture.file_name).suffix}"
            await self._uploaded(names[role], picture)
        values = values_of(request, names, upstream_request.size, fps=self._fps, key=key)
        body = {"prompt": filled(self._graph.nodes, values), "prompt_id": key}
        model = self.upstream_model(request)
        return Prepared("/prompt", JSON, msgspec.json.encode(body), upstream_model=model, key=key)

    async def submit(self, prepared: Prepared) -> Submission:
        return await self._upstream.submit(
            prepared, lambda reply: submission_of(reply, self._words)
        )

    async def settle(self, prepared: Prepared, *, age_s: float) -> Submission:
        """By the queue, then the history; raises Trouble or Odd."""
        queue = await self._queue()
        return settled(queue, await self._history(prepared.key), prepared.key, age_s=age_s)

    async def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        """The queue once, then the history of each; raises Trouble where all hear the same.

        The queue has each task's whole graph: a long one may be more than is read of an answer.
        """
        queue: Reply | Trouble
        try:
            queue = await self._queue()
        except Trouble as trouble:
            if trouble.is_general:
                raise
            queue = trouble
        looks = look_at_each(tickets, lambda ticket: self._look(ticket, queue))
        async with aclosing(looks) as answers:
            async for answer in answers:
                yield answer

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        await self._upstream.fetch(self._links(done), out, refresh=lambda: self._refreshed(ticket))

    async def cancel(self, ticket: Ticket) -> Cancellation:
        """Raises Trouble or Odd if the upstream did not say.

        An earlier ComfyUI interrupts whatever runs: it is asked to only while this task does.
        """
        place = place_in(await self._queue(), ticket.id)
        if isinstance(place, Waiting):
            await self._told("/queue", {"delete": [ticket.id]})
            place = place_in(await self._queue(), ticket.id)
            if place is None:
                return Cancelled()
        if not isinstance(place, Running):
            return TooLate()
        await self._told("/interrupt", {"prompt_id": ticket.id})
        return Cancelled()

    async def standing(self) -> Standing:
        """What it says to the key, by a look at its queue; raises Trouble."""
        return standing_of(await self._queue(), CODES)

    async def close(self) -> None:
        await self._upstream.close()

    async def _uploaded(self, name: str, picture: FrameFile) -> None:
        """Raises PrepareRefused for a refused key, else Trouble."""
        fields = {"type": "input", "overwrite": "true"}
        form = await asyncio.to_thread(form_of, fields, {"image": picture}, name=name)
        reply = await self._upstream.ask("POST", "/upload/image", form=form)
        if reply.is_ok and reply.fields().get("name") == name:
            return
        refusal = judged(reply, CODES)
        if isinstance(refusal, Refused) and refusal.of_account:
            raise PrepareRefused(refusal)
        raise unanswered(reply)

    async def _told(self, path: str, body: object) -> None:
        reply = await self._upstream.ask("POST", path, body=body)
        if not reply.is_ok:
            raise unanswered(reply)

    async def _queue(self) -> Reply:
        return await self._upstream.ask("GET", "/queue")

    async def _history(self, ticket: str) -> Reply:
        return await self._upstream.ask("GET", f"/history/{quote(ticket, safe='')}")

    async def _look(self, ticket: Ticket, queue: Reply | Trouble) -> Verdict:
        """Raises Trouble or Odd. The queue was read before the history, or a task that ends between
        them would be in neither. What has ended is told by the history alone."""
        history = await self._history(ticket.id)
        if not is_history(history):
            raise unanswered(history)
        if has_ended(history, ticket.id):
            return verdict_of(history, ticket.id, None)
        if isinstance(queue, Trouble):
            return Unclear("no_answer", queue.message)
        return verdict_of(history, ticket.id, place_in(queue, ticket.id))

    async def _refreshed(self, ticket: Ticket) -> Links:
        verdict = await self._look(ticket, await self._queue())
        return self._links(verdict) if isinstance(verdict, Done) else ()

    def _links(self, done: Done) -> Links:
        return () if done.url is None else self._upstream.named(done.url)
