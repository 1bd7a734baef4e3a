"""OpenRouter as an engine: `/videos`, `/videos/{id}`, `/videos/{id}/content`, `/videos/models`.

It documents no list of jobs, no cancel and no idempotency. What each model takes is read from its
list while the server runs; how, and in which words a request is sent, is in `models`.

Source: OpenRouter, video generation and errors, and its official client 1.3.84, read 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unstill.domain.errors import BadField, BadSetting
from unstill.domain.request import VideoRequest
from unstill.engines.openrouter.models import (
    ALL_TIERS,
    CHOICES,
    NAME,
    OpenRouterModel,
    body_of,
    learnt,
    misfit,
    told_size,
    unread,
)
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.callbacks import is_stamped
from unstill.upstreams.client import Links, unanswered
from unstill.upstreams.key_check import standing_of
from unstill.upstreams.pictures import data_urls, read_pictures
from unstill.upstreams.poll_rounds import look_at_each
from unstill.upstreams.port import (
    Cancellation,
    Done,
    Failed,
    FrameForm,
    Prepared,
    Rejected,
    Standing,
    Submission,
    Ticket,
    Unsupported,
    UpstreamRequest,
    Verdict,
)
from unstill.upstreams.replies import Reply, at, numbers, said
from unstill.upstreams.setup import RemoteSetup
from unstill.upstreams.sizes import frame_size
from unstill.upstreams.submit_answers import Codes, judged
from unstill.upstreams.task_answers import verdict_in
from unstill.upstreams.usage import COST_USD
from unstill.upstreams.vocabulary import BUILT_IN, WordTables

REQUESTS_PER_S = 10.0  # none documented; ours
INTERVAL_S = 15.0  # its guide: every 10 to 30 s
PICTURE_BYTES = 10 * 2**20  # none documented; ours
SIGNATURE = "x-openrouter-signature"  # its callbacks have it
NO_JOB = "gen-vid-0000000000-00000000000000000000"

BASE_URL = BaseUrl(
    "/api/v1",
    routes=("/videos", "/chat/completions"),
    others={"/api/alpha": "another API"},
    of_other_paths="refuse",
    hosts=("openrouter.ai",),
)

CODES = Codes(
    ticket_at="id",
    of_account=frozenset({"authentication", "payment_required"}),
    not_taken=frozenset({404}),
)
# A 403 is the account's, but for what was sent: these kinds, or words of a guardrail.
OF_CONTENTS = frozenset({"content_policy_violation", "refusal", "invalid_prompt", "invalid_image"})
_GUARDED = re.compile(r"request blocked|guardrail|moderation|flagged", re.IGNORECASE)


class OpenRouterEngine:
    """`[engines.NAME] kind = "openrouter"`."""

    kind = "openrouter"
    is_generative = True
    description = "Wan, HappyHorse, Seedance, Kling and other models at OpenRouter"

    def __init__(self, setup: RemoteSetup) -> None:
        self.name = self.label = setup.name
        self.is_free_to_repeat = setup.is_free_to_repeat
        self._words = setup.vocabulary
        self._names = _names(setup.name, {**CHOICES, **setup.models})
        self._learnt: Mapping[str, OpenRouterModel] = {}  # as its list had them last
        self.edition = 0
        self.account, self._upstream = setup.connect(
            BASE_URL, requests_per_s=REQUESTS_PER_S, poll_interval_s=INTERVAL_S
        )
        self.is_called_back = bool(setup.callbacks_url)
        self._callback_url = setup.callback_url
        self._callback_secret = setup.callback_secret.encode()

    async def learn(self) -> None:
        """Read the list of models, which needs no key; what it has replaces the built-in rows."""
        reply = await self._upstream.ask("GET", "/videos/models")
        models = learnt(reply.fields()) if reply.is_ok else {}
        if not models:
            raise unanswered(reply)
        if models != self._learnt:
            self._learnt = models
            self.edition += 1

    def misfit(self, request: VideoRequest) -> BadField | None:
        name = self._names.get(request.model)
        if name is None:
            return BadField("model", f"one of {', '.join(self._names)}", request.model)
        model = self._model(name)
        if model is None:
            return BadField("model", f"one that OpenRouter has: {name} is gone", request.model)
        return misfit(model, request)

    def upstream_model(self, request: VideoRequest) -> str:
        return self._names.get(request.model, "")

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        """What the frames must be before `prepare`."""
        request, model = upstream_request.request, self._model_of(upstream_request.request)
        size = told_size(model, request, upstream_request.size)
        if size is None:
            size = frame_size(request, model.tiers or ALL_TIERS)
        return FrameForm(frozenset({"JPEG", "PNG"}), PICTURE_BYTES, size=size, takes_alpha=False)

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        request = upstream_request.request
        model = self._model_of(request)
        frames = await data_urls(await read_pictures(upstream_request.frames))
        body = body_of(
            model, request, frames, size=told_size(model, request, upstream_request.size)
        )
        if callback_url := self._callback_url(upstream_request.job_id):
            body["callback_url"] = callback_url
        return Prepared(
            path="/videos",
            headers={"Content-Type": "application/json"},
            body=msgspec.json.encode(body),
            upstream_model=model.name,
        )

    async def submit(self, prepared: Prepared) -> Submission:
        return await self._upstream.submit(
            prepared, lambda reply: submission_of(reply, self._words)
        )

    def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        """The verdicts as they come; raises Trouble at the end of a round that met any."""
        return look_at_each(tickets, self._look)

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        async def refreshed() -> Links:
            return self._links(ticket, await self._look(ticket))

        await self._upstream.fetch(self._links(ticket, done), out, refresh=refreshed)

    async def cancel(self, ticket: Ticket) -> Cancellation:  # noqa: ARG002  - the port's signature
        return Unsupported()

    async def standing(self) -> Standing:
        """What it says to the key, by a look at a job that is not there; raises Trouble."""
        reply = await self._upstream.ask("GET", f"/videos/{NO_JOB}")
        return standing_of(reply, CODES, is_of_unknown=True)

    async def is_its_word(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> bool:
        header, secret = headers.get(SIGNATURE, ""), self._callback_secret
        return self.is_called_back and is_stamped(header, body, secret=secret, now_ms=now_ms)

    async def close(self) -> None:
        await self._upstream.close()

    def _model(self, name: str) -> OpenRouterModel | None:
        return self._learnt.get(name) if self._learnt else unread(name)

    def _model_of(self, request: VideoRequest) -> OpenRouterModel:
        """One that has gone from the list since the job was taken is sent for all the same."""
        name = self._names[request.model]
        return self._model(name) or unread(name)

    async def _look(self, ticket: Ticket) -> Verdict:
        reply = await self._upstream.ask("GET", f"/videos/{ticket.id}")
        # For how long it knows a job is documented nowhere: none is gone for sure.
        fields, verdict = reply.fields(), None
        if reply.is_ok:
            verdict = verdict_in(fields, self._words, ticket=ticket.id)
        match verdict:
            case None:
                raise unanswered(reply)
            case Done() | Failed():
                return msgspec.structs.replace(verdict, usage=usage_in(fields))
            case _:
                return verdict

    def _links(self, ticket: Ticket, verdict: Verdict) -> Links:
        """Its content, which needs the key; then what else it names, such as a signed copy."""
        content = self._upstream.link(f"/videos/{ticket.id}/content?index=0")
        match verdict:
            case Done(str() as url):
                return tuple(dict.fromkeys((content, *self._upstream.named(url))))
            case _:
                return (content,)


def submission_of(reply: Reply, words: WordTables = BUILT_IN) -> Submission:
    """What an answer to a submit comes to."""
    reply = _as_its_error(reply)
    fields = reply.fields()
    if reply.status == 403 and is_of_contents(fields):
        wrong = said(fields, words)
        return Rejected(wrong.code, wrong.message or "no reason given")
    return judged(reply, CODES, words)


def _as_its_error(reply: Reply) -> Reply:
    """An answer whose error, a provider's inside a 200, has a status: as if it came with that."""
    fields = reply.fields()
    code = at(fields, "error.code")
    if not reply.is_ok or at(fields, "id") or not isinstance(code, int) or not 400 <= code < 600:
        return reply
    return msgspec.structs.replace(reply, status=code)


def is_of_contents(fields: Mapping[str, Any]) -> bool:
    """Whether a 403 is about what was sent, and not about the key."""
    words = said(fields)
    has_reasons = any(at(fields, f"error.metadata.{name}") for name in ("reasons", "flagged_input"))
    return words.code in OF_CONTENTS or has_reasons or _GUARDED.search(words.message) is not None


def usage_in(fields: Mapping[str, Any]) -> dict[str, int | float]:
    """What it charges. With a key of the provider's own the bill is the provider's: not told."""
    if at(fields, "usage.is_byok") is True:
        return {}
    return numbers({COST_USD: at(fields, "usage.cost")})


def _names(engine: str, names: Mapping[str, str]) -> dict[str, str]:
    """Raises BadSetting for what can be the name of no model there."""
    for canonical, name in names.items():
        if not NAME.fullmatch(name):
            setting = f'engines.{engine}.models."{canonical}"'
            raise BadSetting(setting, f"must be as alibaba/wan-2.7, got {name!r}")
    return dict(names)


ENGINE = OpenRouterEngine
