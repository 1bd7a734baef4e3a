"""DashScope (Alibaba Model Studio, Bailian) as an engine: one account, submits and polls.

    submit   POST, asynchronous; no idempotency key exists, so a lost reply stays a doubt
    poll     many tickets: the pages of the account's task list, then a query for each that has
             ended (rows have no video) or was not listed. Few: a query each
    cancel   PENDING only

Which model takes what, and in which words: upstreams/dashscope_models.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec

from unstill.domain.errors import BadField, UpstreamError
from unstill.domain.request import Role, VideoRequest
from unstill.engines.dashscope.list_walk import PAGE_SIZE, ListWalk, Rows
from unstill.engines.dashscope.models import (
    CHOICES,
    UNKNOWN,
    for_request,
    known,
    path_of,
    verdict_of,
)
from unstill.engines.dashscope.task_list import KEPT_MS
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.client import Links, Trouble, Unreachable, unanswered
from unstill.upstreams.dashscope_models import (
    MODELS,
    DashScopeModel,
    body_of,
    frame_form,
    misfit,
)
from unstill.upstreams.key_check import standing_of
from unstill.upstreams.pictures import FrameFile, data_urls, read_pictures
from unstill.upstreams.poll_rounds import look_at_each
from unstill.upstreams.port import (
    Cancellation,
    Cancelled,
    Done,
    FrameForm,
    Gone,
    Prepared,
    PrepareRefused,
    Refused,
    Rejected,
    Running,
    Standing,
    Submission,
    Ticket,
    TooLate,
    UpstreamRequest,
    Verdict,
    Waiting,
)
from unstill.upstreams.replies import Reply, at, said
from unstill.upstreams.setup import RemoteSetup
from unstill.upstreams.submit_answers import Codes, is_error, judged

REQUESTS_PER_S = 18.0  # documented: 20 for query, list and cancel of an account; jitter needs room
INTERVAL_S = 15.0  # recommended between two queries of one task
SMALL_BYTES = 7 * 2**20  # all frames together are advised to have no more as base64

BASE_URL = BaseUrl(
    "/api/v1",
    routes=("/services", "/tasks", "/uploads"),
    others={
        "/compatible-mode/v1": "chat in OpenAI's protocol",
        "/compatible-api/v1": "reranking",
        "/api-ws/v1": "speech over websockets",
        "/apps/anthropic": "chat in Anthropic's protocol",
    },
    of_other_paths="refuse",
    hosts=(
        "dashscope.aliyuncs.com",
        "dashscope-intl.aliyuncs.com",
        "dashscope-us.aliyuncs.com",
        ".maas.aliyuncs.com",
    ),
)

# The states that need no query: a row of an ended task has neither video nor reason.
IN_LIST: Mapping[str, Verdict] = {"PENDING": Waiting(), "RUNNING": Running()}

CODES = Codes(
    ticket_at="output.task_id",
    of_account=frozenset(
        {
            "Arrearage",  # a 400
            "CommodityNotPurchased",  # these three are 429
            "PrepaidBillOverdue",
            "PostpaidBillOverdue",
        }
    ),
    of_model=frozenset({"Model.AccessDenied"}),  # 403: the key's other models may do
    busy=frozenset({"ModelUnavailable", "ModelServingError"}),  # 503
    not_taken=frozenset({404}),  # ModelNotFound, WorkSpaceNotFound
)


class DashScopeEngine:
    """`[engines.NAME] kind = "dashscope"`."""

    kind = "dashscope"
    is_generative = True
    description = "Wan, HappyHorse, Kling, PixVerse and Vidu at DashScope (Alibaba Model Studio)"

    def __init__(self, setup: RemoteSetup) -> None:
        self.name = self.label = setup.name
        self.is_free_to_repeat = setup.is_free_to_repeat
        self._words = setup.vocabulary
        self._models = setup.rows_of(CHOICES, MODELS, known)
        self.account, self._upstream = setup.connect(
            BASE_URL, requests_per_s=REQUESTS_PER_S, poll_interval_s=INTERVAL_S
        )
        self._clock_ms = setup.clock_ms
        self._list = ListWalk(self._page, setup.clock_ms)

    def misfit(self, request: VideoRequest) -> BadField | None:
        model = self._models.get(request.model)
        if model is None:
            return BadField("model", f"one of {', '.join(self._models)}", request.model)
        return misfit(for_request(model, request), request)

    def upstream_model(self, request: VideoRequest) -> str:
        model = self._models.get(request.model)
        return "" if model is None else for_request(model, request).name

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        """What the frames must be before `prepare`."""
        return frame_form(self._model(upstream_request.request), upstream_request.request)

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        model = self._model(upstream_request.request)
        pictures = await read_pictures(upstream_request.frames)
        headers = {"Content-Type": "application/json", "X-DashScope-Async": "enable"}
        size_bytes = sum(len(picture.data) for picture in pictures.values())
        is_large = size_bytes > SMALL_BYTES and model.frames_by == "either"
        if is_large or model.frames_by == "upload":
            frames = await self._upload(model, pictures)
            headers["X-DashScope-OssResourceResolve"] = "enable"
        else:
            frames = await data_urls(pictures)
        return Prepared(
            path=path_of(model),
            headers=headers,
            body=msgspec.json.encode(body_of(model, upstream_request.request, frames)),
            upstream_model=model.name,
        )

    async def submit(self, prepared: Prepared) -> Submission:
        return await self._upstream.submit(
            prepared, lambda reply: judged(reply, CODES, self._words)
        )

    async def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        """The verdicts as they come; raises Trouble at the end of a round that met any."""
        unlisted = {ticket.id: ticket for ticket in tickets}
        ended: list[Ticket] = []
        async with aclosing(self._list.found(unlisted)) as found:
            async for ticket, row in found:
                seen = IN_LIST.get(str(row.get("status")))
                if seen is None:
                    ended.append(ticket)
                else:
                    yield ticket, seen
        async with aclosing(look_at_each([*ended, *unlisted.values()], self._look)) as looks:
            async for ticket, verdict in looks:
                yield ticket, verdict

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        await self._upstream.fetch(self._links(done), out, refresh=lambda: self._refreshed(ticket))

    async def cancel(self, ticket: Ticket) -> Cancellation:
        """Raises Trouble if the upstream did not say."""
        reply = await self._upstream.ask("POST", f"{_task(ticket)}/cancel")
        if not is_error(reply):
            return Cancelled()
        if said(reply.fields()).code == "UnsupportedOperation":
            return TooLate()
        raise unanswered(reply)

    async def standing(self) -> Standing:
        """What it says to the key, by a list of one task; raises Trouble."""
        return standing_of(await self._upstream.ask("GET", "/tasks", {"page_size": 1}), CODES)

    async def close(self) -> None:
        await self._upstream.close()

    def _model(self, request: VideoRequest) -> DashScopeModel:
        return for_request(self._models[request.model], request)

    async def _look(self, ticket: Ticket) -> Verdict:
        reply = await self._upstream.ask("GET", _task(ticket))
        verdict = None
        if reply.is_ok:
            verdict = verdict_of(reply.fields(), self._words, ticket=ticket.id)
        if verdict is None:
            raise unanswered(reply)
        # A task is forgotten after 24 hours; before that, UNKNOWN only says "not now".
        if verdict == UNKNOWN and self._clock_ms() - ticket.submitted_ms > KEPT_MS:
            return Gone("the upstream keeps tasks for 24 hours and has forgotten this one")
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

    async def _page(self, window: Mapping[str, str], page_no: int) -> tuple[Rows, int]:
        """Nothing where the list does not answer; raises Trouble only where a query would too."""
        params: dict[str, str | int] = {**window, "page_no": page_no, "page_size": PAGE_SIZE}
        try:
            reply = await self._upstream.ask("GET", "/tasks", params)
        except Trouble as trouble:
            if trouble.is_general:
                raise
            return [], 0
        fields = reply.fields()
        rows, page_count = fields.get("data"), fields.get("total_page")
        if not reply.is_ok or not isinstance(rows, list):
            return [], 0
        rows = [row for row in rows if isinstance(row, dict)]
        return rows, page_count if isinstance(page_count, int) else 1

    async def _upload(
        self, model: DashScopeModel, pictures: Mapping[Role, FrameFile]
    ) -> dict[Role, str]:
        """Put large frames where the upstream keeps them for two days; their oss:// addresses."""
        asked = {"action": "getPolicy", "model": model.name}
        try:
            reply = await self._upstream.ask("GET", "/uploads", asked)
        except Unreachable as error:
            raise PrepareRefused(error.refusal) from error
        policy = at(reply.fields(), "data")
        if not reply.is_ok or not isinstance(policy, dict):
            raise _without_policy(reply)
        return {
            role: await self._upload_one(role, picture, policy)
            for role, picture in pictures.items()
        }

    async def _upload_one(self, role: Role, picture: FrameFile, policy: Mapping[str, Any]) -> str:
        key = f"{policy.get('upload_dir')}/{role}-{picture.file_name}"
        form = httpx2.Request(
            "POST",
            "http://upload",  # only written here: where it goes is checked when it is dialled
            data={
                "OSSAccessKeyId": str(policy.get("oss_access_key_id")),
                "Signature": str(policy.get("signature")),
                "policy": str(policy.get("policy")),
                "key": key,
                "x-oss-object-acl": str(policy.get("x_oss_object_acl")),
                "x-oss-forbid-overwrite": str(policy.get("x_oss_forbid_overwrite")),
                "success_action_status": "200",
                "x-oss-content-type": picture.media_type,
            },
            files={"file": (picture.file_name, picture.data, picture.media_type)},
        )
        content = await asyncio.to_thread(form.read)
        headers = {"Content-Type": form.headers["content-type"]}
        status = await self._upstream.upload(str(policy.get("upload_host")), content, headers)
        if status != 200:
            raise Trouble(f"a frame's upload to the upstream was answered {status}")
        return f"oss://{key}"


def _without_policy(reply: Reply) -> UpstreamError:
    """Why there is no leave to upload; nothing of the caller's request was in what was asked."""
    match judged(reply, CODES):
        case Refused() as refusal:
            return PrepareRefused(refusal)
        case Rejected(code, message):
            return PrepareRefused(Refused(code, message))
        case _:
            return unanswered(reply)


def _task(ticket: Ticket) -> str:
    return f"/tasks/{quote(ticket.id, safe='')}"


ENGINE = DashScopeEngine
