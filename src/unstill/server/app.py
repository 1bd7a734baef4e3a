"""The server as an ASGI application: each call is matched, read, answered, and rendered once.

One function, `_answer`, stands between the wire and the product for every route of every dialect;
an error of any kind is turned into an answer in one place, `_refuse`, in the dialect's envelope.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast
from urllib.parse import parse_qsl, quote

import msgspec
import structlog
from starlette.routing import Match
from starlette.routing import Route as Pattern
from starlette.types import Receive, Scope, Send

from unstill import __version__
from unstill.dialects.house import EngineInfo, Health, House, ModelInfo, ModelList
from unstill.dialects.route import Call, Described, Dialect, Look, Route
from unstill.dialects.videos import Videos
from unstill.errors import (
    BadField,
    BadKey,
    BadRange,
    BodyTooLarge,
    NoSuchRoute,
    OwnError,
    UnstillError,
    WrongMethod,
)
from unstill.job import Job
from unstill.request import Given
from unstill.server.body import Bodies, ClientGone
from unstill.server.keys import Keys
from unstill.server.openapi import described
from unstill.server.page import PAGE
from unstill.server.video_file import send_video
from unstill.service import Service

log = structlog.get_logger()

_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]{1,255}")
_RETRY_AFTER_S = b"1"
_MOST_IGNORED = 20  # names in one answer header


class Served(msgspec.Struct, frozen=True):
    """A route, the dialect that it belongs to, and how a path is matched against it."""

    dialect: Described
    route: Route
    pattern: Pattern


class Answer(msgspec.Struct, frozen=True):
    """A small answer, whole in memory."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


class Asking(msgspec.Struct, frozen=True):
    """One request on its way through: what matched, what was read, who asks, how to send."""

    served: Served
    call: Call
    owner: str
    base_url: str
    scope: Scope
    receive: Receive
    send: Send


Verb = Callable[[Asking], Awaitable[Answer | None]]  # None: it has sent its answer itself


class App:
    """Routes of all dialects over one service."""

    def __init__(
        self,
        *,
        service: Service,
        keys: Keys,
        house: House,
        dialects: Sequence[Dialect],
        bodies: Bodies,
        public_url: str = "",
    ) -> None:
        self._service = service
        self._keys = keys
        self._house = house
        self._bodies = bodies
        self._public_url = public_url.rstrip("/")
        self._is_stopping = False
        everyone: tuple[Described, ...] = (*dialects, house)
        self._served = tuple(
            Served(dialect, route, Pattern(route.path, _unreachable, methods=[route.method]))
            for dialect in everyone
            for route in dialect.routes
        )
        self._at_once = {
            (each.route.method, each.route.path): each
            for each in self._served
            if "{" not in each.route.path
        }
        self._by_parent = {
            (each.route.method, parent): (each, name)
            for each in self._served
            for parent, name in [_parent_and_name(each.route.path)]
            if name
        }
        self._openapi = described(everyone, service.catalogue)
        self._verbs: Mapping[str, Verb] = {
            "submit": self._submit,
            "status": self._status,
            "list": self._list,
            "delete": self._delete,
            "content": self._content,
            "link": self._link,
            "models": self._models,
            "model": self._model,
            "health": self._health,
            "openapi": self._describe,
            "docs": self._show_docs,
        }

    def stop_taking(self) -> None:
        """Refuse new jobs; what is asked about old ones is still answered."""
        self._is_stopping = True
        self._service.stop_taking()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request_id = os.urandom(16).hex()
        dialect: Described = self._house
        try:
            served, path = self._match(scope)
            dialect = served.dialect
            answer = await self._answer(served, path, request_id, (scope, receive, send))
        except ClientGone:
            return
        except UnstillError as error:
            answer = _refuse(dialect, error, request_id)
        except Exception:
            log.exception("answer_failed", request_id=request_id, path=scope["path"])
            ours = OwnError("unstill failed to answer; its log has the reason")
            answer = _refuse(dialect, ours, request_id)
        if answer is not None:
            await _send(answer, request_id, scope, send)

    def _match(self, scope: Scope) -> tuple[Served, dict[str, str]]:
        """The route; raises NoSuchRoute, WrongMethod."""
        path, method = scope["path"], scope["method"]
        if method == "HEAD":
            method = "GET"
        found = self._at_once.get((method, path))
        if found is not None:
            return found, {}
        # The polls of the videos dialect, without a walk through all patterns.
        parent, _, last = path.rpartition("/")
        by_parent = self._by_parent.get((method, parent))
        if by_parent is not None and last:
            return by_parent[0], {by_parent[1]: last}
        return self._search(path.rstrip("/") or "/", method)

    def _search(self, path: str, method: str) -> tuple[Served, dict[str, str]]:
        scope = {"type": "http", "path": path, "method": method}
        others: list[str] = []
        for each in self._served:
            match, found = each.pattern.matches(scope)
            if match is Match.FULL:
                return each, found["path_params"]
            if match is Match.PARTIAL:
                others.append(each.route.method)
        if others:
            raise WrongMethod(f"{method} is not possible here", tuple(sorted(set(others))))
        raise NoSuchRoute(f"there is nothing at {path[:200]}; /docs lists what there is")

    async def _answer(
        self,
        served: Served,
        path: dict[str, str],
        request_id: str,
        asgi: tuple[Scope, Receive, Send],
    ) -> Answer | None:
        scope, receive, send = asgi
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        owner = "" if served.route.is_open else self._keys.owner(headers)
        query = _query(scope["query_string"])
        verb = self._verbs[served.route.verb]
        base_url = self._public_url or _own_url(scope, headers)

        def asking(body: object = None, *, is_form: bool = False) -> Asking:
            call = Call(request_id, path, query, headers, body, is_form)
            return Asking(served, call, owner, base_url, scope, receive, send)

        if served.route.body is None:
            return await verb(asking())
        with self._bodies.gate() as take:
            body, is_form = await self._bodies.read(headers, receive, take)
            return await verb(asking(body, is_form=is_form))

    # --- verbs -----------------------------------------------------------------------------

    async def _submit(self, asking: Asking) -> Answer:
        dialect = _of_jobs(asking)
        submitted = await self._service.submit(
            dialect.parse(asking.call),
            owner=asking.owner,
            dialect=dialect.name,
            words=dialect.words(asking.call),
        )
        look = self._look(submitted.job, asking)
        headers = _engine_header(submitted.job)
        if submitted.ignored:
            headers += ((b"x-unstill-ignored", _listed(submitted.ignored)),)
        return _json(dialect.submitted(submitted.job, look), headers)

    async def _status(self, asking: Asking) -> Answer:
        dialect = _of_jobs(asking)
        job = await self._service.find(dialect.job_id(asking.call), asking.owner)
        return _json(dialect.status(job, self._look(job, asking)), _engine_header(job))

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
        return _json(dialect.listed(videos, has_more=page.has_more))

    async def _delete(self, asking: Asking) -> Answer:
        dialect = _of_videos(asking)
        job = await self._service.delete(dialect.job_id(asking.call), asking.owner)
        return _json(dialect.deleted(job))

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

    async def _models(self, asking: Asking) -> Answer:  # noqa: ARG002  - a verb's shape
        listed = self._service.catalogue.listed()
        return _json(ModelList([self._model_info(name) for name in listed]))

    async def _model(self, asking: Asking) -> Answer:
        return _json(self._model_info(asking.call.path["model"]))

    def _model_info(self, asked: str) -> ModelInfo:
        name, card = self._service.catalogue.card(Given("model", asked))
        engines = [
            EngineInfo(engine.name, engine.kind, engine.is_generative, engine.description)
            for engine in self._service.engines_of(name)
        ]
        return self._house.model(name, card, engines)

    async def _health(self, asking: Asking) -> Answer:  # noqa: ARG002  - a verb's shape
        if self._is_stopping:
            return _json(Health("stopping", __version__), status=503)
        return _json(Health("ok", __version__))

    async def _describe(self, asking: Asking) -> Answer:  # noqa: ARG002  - a verb's shape
        return Answer(200, self._openapi)

    async def _show_docs(self, asking: Asking) -> Answer:  # noqa: ARG002  - a verb's shape
        return Answer(200, PAGE, content_type=b"text/html; charset=utf-8")

    def _look(self, job: Job, asking: Asking) -> Look:
        link = self._service.link(job)
        url = None if link is None else asking.base_url + link
        return Look(asking.call, url, self._service.progress(job))


def _of_jobs(asking: Asking) -> Dialect:
    return cast("Dialect", asking.served.dialect)  # only they have these verbs


def _of_videos(asking: Asking) -> Videos:
    return cast("Videos", asking.served.dialect)


def _parent_and_name(path: str) -> tuple[str, str]:
    """`/v1/videos/{video_id}` is `/v1/videos` and `video_id`; any other shape has no name."""
    parent, _, last = path.rpartition("/")
    is_plain = "{" not in parent and re.fullmatch(r"\{(\w+)\}", last) is not None
    return (parent, last[1:-1]) if is_plain else (parent, "")


def _query(text: bytes) -> dict[str, str]:
    return dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True)) if text else {}


def _own_url(scope: Scope, headers: Mapping[str, str]) -> str:
    """Scheme and host as the caller reached us; what is no host is answered with our address."""
    host = headers.get("host", "")
    if not _HOST.fullmatch(host):
        address, port = scope["server"]
        host = f"{address}:{port}"
    return f"{scope['scheme']}://{host}"


def _engine_header(job: Job) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"x-unstill-engine", job.engine.encode()),)


def _listed(names: Sequence[str]) -> bytes:
    """Field names as a caller wrote them, safe in a header."""
    return ", ".join(quote(name[:80], safe="[].-_ ") for name in names[:_MOST_IGNORED]).encode()


_encoder = msgspec.json.Encoder()


def _json(
    body: msgspec.Struct, headers: tuple[tuple[bytes, bytes], ...] = (), *, status: int = 200
) -> Answer:
    return Answer(status, _encoder.encode(body), headers)


def _refuse(dialect: Described, error: UnstillError, request_id: str) -> Answer:
    """The one way from an error to an answer."""
    headers: list[tuple[bytes, bytes]] = []
    match error:
        case BadKey():
            headers.append((b"www-authenticate", b"Bearer"))
        case WrongMethod():
            headers.append((b"allow", ", ".join(error.allowed).encode()))
        case BadRange():
            headers.append((b"content-range", f"bytes */{error.size_bytes}".encode()))
        case BodyTooLarge():
            headers.append((b"connection", b"close"))  # the rest of the body is not read
        case BadField():
            pass
        case _ if error.status == 503:
            headers.append((b"retry-after", _RETRY_AFTER_S))
    return _json(dialect.error(error, request_id), tuple(headers), status=error.status)


async def _send(answer: Answer, request_id: str, scope: Scope, send: Send) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-request-id", request_id.encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})


async def _unreachable(request: object) -> None:
    """Patterns are only matched: nothing is ever called through them."""
    raise NotImplementedError(request)
