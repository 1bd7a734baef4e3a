"""What each route does: from an asking that is read and allowed to its answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast
from urllib.parse import quote

import msgspec
from starlette.types import Receive, Scope, Send

from unstill import __version__
from unstill.backend.port import Slice
from unstill.dialects.dashscope import OBJECTS, STORED, DashScope
from unstill.dialects.house import EngineInfo, Health, House, ModelInfo, ModelList
from unstill.dialects.route import Call, Dialect, Look
from unstill.dialects.route import Verb as VerbName
from unstill.dialects.videos import Videos
from unstill.errors import NoSuchJob
from unstill.job import Job
from unstill.request import Given
from unstill.server.page import PAGE
from unstill.server.sending import sending_of
from unstill.server.video_file import send_video
from unstill.service import Service

_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]{1,255}")
_MOST_IGNORED = 20  # names in one answer header

_encode = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, frozen=True):
    """A small answer, whole in memory."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


class Asking(msgspec.Struct, frozen=True):
    """One request on its way through: what matched, what was read, who asks, how to send."""

    dialect: Dialect
    call: Call
    owner: str
    scope: Scope
    receive: Receive
    send: Send


Verb = Callable[[Asking], Awaitable[Answer | None]]  # None: it has sent its answer itself


class Verbs:
    """The verbs of all routes over one service."""

    def __init__(
        self, *, service: Service, house: House, description: bytes, public_url: str
    ) -> None:
        """`public_url`: begins the links in answers; empty: the caller's own scheme and host."""
        self._service = service
        self._house = house
        self._description = description
        self._public_url = public_url.rstrip("/")
        self._is_stopping = False
        self.by_name: Mapping[VerbName, Verb] = {
            "submit": self._submit,
            "status": self._status,
            "query": self._query,
            "list": self._list,
            "numbered": self._numbered,
            "cancel": self._cancel,
            "delete": self._delete,
            "content": self._content,
            "link": self._link,
            "policy": self._policy,
            "upload": self._upload,
            "models": self._models,
            "model": self._model,
            "health": self._health,
            "openapi": self._describe,
            "docs": self._show_docs,
        }

    def stop_taking(self) -> None:
        self._is_stopping = True
        self._service.stop_taking()

    # --- jobs ------------------------------------------------------------------------------

    async def _submit(self, asking: Asking) -> Answer:
        dialect = asking.dialect
        asked = dialect.parse(asking.call)
        if isinstance(dialect, DashScope):
            asked = await self._service.with_uploads(asked, STORED, asking.owner)
        submitted = await self._service.submit(
            asked,
            owner=asking.owner,
            dialect=dialect.name,
            words=dialect.words(asking.call),
            sending=sending_of(asking.call.headers),
        )
        look = self._look(submitted.job, asking)
        headers = self._job_headers(submitted.job, asking)
        if submitted.ignored:
            headers += ((b"x-unstill-ignored", _listed(submitted.ignored)),)
        return json_answer(dialect.submitted(submitted.job, look), headers)

    async def _status(self, asking: Asking) -> Answer:
        dialect = asking.dialect
        job = await self._service.find(dialect.job_id(asking.call), asking.owner)
        headers = self._job_headers(job, asking)
        return json_answer(dialect.status(job, self._look(job, asking)), headers)

    async def _query(self, asking: Asking) -> Answer:
        """A status that is told of unknown jobs too."""
        try:
            return await self._status(asking)
        except NoSuchJob:
            return json_answer(_of_dashscope(asking).unknown(asking.call))

    async def _list(self, asking: Asking) -> Answer:
        dialect = _of_videos(asking)
        paging = dialect.paging(asking.call)
        page = await self._service.page(
            asking.owner,
            limit=paging.limit,
            after=paging.after,
            newest_first=paging.newest_first,
        )
        videos = [dialect.status(job, self._look(job, asking)) for job in page.jobs]
        return json_answer(dialect.listed(videos, has_more=page.has_more))

    async def _numbered(self, asking: Asking) -> Answer:
        dialect = _of_dashscope(asking)
        wanted = dialect.wanted(asking.call)
        if wanted.task_id is not None:
            found = await self._found(wanted.task_id, asking.owner)
        else:
            found = await self._service.slice(
                asking.owner,
                window_ms=wanted.window_ms,
                states=wanted.states,
                model=wanted.model,
                offset=(wanted.page_no - 1) * wanted.page_size,
                limit=wanted.page_size,
            )
        return json_answer(dialect.numbered(asking.call, wanted, found.jobs, total=found.total))

    async def _found(self, job_id: str, owner: str) -> Slice:
        """The one job of a list that names it, or none."""
        try:
            return Slice((await self._service.find(job_id, owner),), 1)
        except NoSuchJob:
            return Slice((), 0)

    async def _cancel(self, asking: Asking) -> Answer:
        dialect = _of_dashscope(asking)
        await self._service.cancel(dialect.job_id(asking.call), asking.owner)
        return json_answer(dialect.cancelled(asking.call))

    async def _delete(self, asking: Asking) -> Answer:
        dialect = _of_videos(asking)
        job = await self._service.delete(dialect.job_id(asking.call), asking.owner)
        return json_answer(dialect.deleted(job))

    def _look(self, job: Job, asking: Asking) -> Look:
        link = self._service.link(job) if asking.dialect.shows_link else None
        url = None
        if link is not None:
            url = self._url(asking) + link
        return Look(asking.call, url, self._service.progress(job))

    def _job_headers(self, job: Job, asking: Asking) -> tuple[tuple[bytes, bytes], ...]:
        engine = (b"x-unstill-engine", job.engine.encode())
        dialect = asking.dialect
        # The second header is a part of OpenAI's protocol, and of no other.
        is_openai = isinstance(dialect, Videos) and dialect.takes_advice(job, asking.call)
        if job.state.is_final or not is_openai:
            return (engine,)
        return engine, (b"openai-poll-after-ms", b"%d" % self._service.poll_after_ms(job))

    def _url(self, asking: Asking) -> str:
        return self._public_url or _own_url(asking.scope, asking.call.headers)

    # --- uploads ---------------------------------------------------------------------------

    async def _policy(self, asking: Asking) -> Answer:
        dialect = _of_dashscope(asking)
        model = dialect.policy_model(asking.call)
        signed = self._service.upload_policy(model, asking.owner)
        return json_answer(
            dialect.policy(
                asking.call,
                policy=signed.policy,
                signature=signed.signature,
                upload_dir=signed.upload_dir,
                upload_host=self._url(asking) + OBJECTS,
                life_s=signed.life_s,
                most_bytes=signed.most_bytes,
            )
        )

    async def _upload(self, asking: Asking) -> Answer:
        form = _of_dashscope(asking).upload_form(asking.call)
        await self._service.keep_upload(form.policy, form.signature, form.key, form.data)
        return Answer(200, b"")

    # --- videos ----------------------------------------------------------------------------

    async def _content(self, asking: Asking) -> None:
        dialect = _of_videos(asking)
        dialect.variant(asking.call)
        job_id = dialect.job_id(asking.call)
        path = await self._service.open_video(
            job_id, asking.owner, lambda job: dialect.state_word(job, asking.call)
        )
        await send_video(
            path,
            job_id=job_id,
            inline=False,
            scope=asking.scope,
            receive=asking.receive,
            send=asking.send,
        )

    async def _link(self, asking: Asking) -> None:
        call = asking.call
        path = await self._service.open_link(
            call.path["job_id"],
            call.path["variant"],
            call.query.get("expires", ""),
            call.query.get("signature", ""),
        )
        await send_video(
            path,
            job_id=call.path["job_id"],
            inline=True,
            scope=asking.scope,
            receive=asking.receive,
            send=asking.send,
        )

    # --- the house -------------------------------------------------------------------------

    async def _models(self, asking: Asking) -> Answer:  # noqa: ARG002  - a verb's shape
        listed = self._service.catalogue.listed()
        return json_answer(ModelList([await self._model_info(name) for name in listed]))

    async def _model(self, asking: Asking) -> Answer:
        return json_answer(await self._model_info(asking.call.path["model"]))

    async def _model_info(self, asked: str) -> ModelInfo:
        name, card = self._service.catalogue.card(Given("model", asked))
        engines = [
            EngineInfo(
                name=engine.name,
                kind=engine.kind,
                is_generative=engine.is_generative,
                description=engine.description,
                refusing_until=await self._service.refusing_until_s(engine.name),
            )
            for engine in self._service.engines_of(name)
        ]
        return self._house.model(name, card, engines)

    async def _health(self, asking: Asking) -> Answer:  # noqa: ARG002  - a verb's shape
        if self._is_stopping:
            return json_answer(Health("stopping", __version__), status=503)
        return json_answer(Health("ok", __version__))

    async def _describe(self, asking: Asking) -> Answer:  # noqa: ARG002  - a verb's shape
        return Answer(200, self._description)

    async def _show_docs(self, asking: Asking) -> Answer:  # noqa: ARG002  - a verb's shape
        return Answer(200, PAGE, content_type=b"text/html; charset=utf-8")


def json_answer(
    body: msgspec.Struct, headers: tuple[tuple[bytes, bytes], ...] = (), *, status: int = 200
) -> Answer:
    return Answer(status, _encode(body), headers)


def _of_videos(asking: Asking) -> Videos:
    return cast("Videos", asking.dialect)  # no other has these verbs


def _of_dashscope(asking: Asking) -> DashScope:
    return cast("DashScope", asking.dialect)  # no other has these verbs


def _own_url(scope: Scope, headers: Mapping[str, str]) -> str:
    """Scheme and host as the caller reached us; what is no host is answered with our address."""
    host = headers.get("host", "")
    if not _HOST.fullmatch(host):
        address, port = scope["server"]
        host = f"{address}:{port}"
    return f"{scope['scheme']}://{host}"


def _listed(names: Sequence[str]) -> bytes:
    """Field names as a caller wrote them, safe in a header."""
    return ", ".join(quote(name[:80], safe="[].-_ ") for name in names[:_MOST_IGNORED]).encode()
