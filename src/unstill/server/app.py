"""The server as an ASGI application: each call is matched, read, answered, and rendered once.

One function, `_answer`, stands between the wire and the product for every route of every dialect;
what a route does is its verb, in verbs.py. An error of any kind is turned into an answer in one
place, `_refuse`, in the dialect's envelope.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import count
from typing import cast
from urllib.parse import parse_qsl

import msgspec
import structlog
from starlette.routing import Match
from starlette.routing import Route as Pattern
from starlette.types import Receive, Scope, Send

from unstill.dialects.house import House
from unstill.dialects.route import Call, Described, Dialect, Route
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
from unstill.server.body import Bodies, ClientGone
from unstill.server.keys import Keys
from unstill.server.openapi import described
from unstill.server.verbs import Answer, Asking, Verb, Verbs, json_answer
from unstill.service import Service

log = structlog.get_logger()

_RETRY_AFTER_S = b"1"


class Served(msgspec.Struct, frozen=True):
    """A route, the dialect that it belongs to, how a path is matched against it, what it does."""

    dialect: Dialect
    route: Route
    pattern: Pattern
    verb: Verb


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
        self._keys = keys
        self._house = house
        self._bodies = bodies
        # Unlike 16 random bytes each, not a system call in every answer.
        self._request_ids = map(f"{os.urandom(10).hex()}{{:012x}}".format, count())
        everyone: tuple[Described, ...] = (*dialects, house)
        self._verbs = Verbs(
            service=service,
            house=house,
            description=described(everyone, service.catalogue),
            public_url=public_url,
        )
        self._served = tuple(
            Served(
                cast("Dialect", dialect),  # the house has no verb that asks for more
                route,
                Pattern(route.path, _unreachable, methods=[route.method]),
                self._verbs.by_name[route.verb],
            )
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

    def stop_taking(self) -> None:
        """Refuse new jobs; what is asked about old ones is still answered."""
        self._verbs.stop_taking()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request_id = next(self._request_ids)
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
        """Read what was sent, ask who sent it, and do the route's verb."""
        route = served.route
        scope, receive, _ = asgi
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        owner = "" if route.is_open else self._keys.owner(headers)
        query = _query(scope["query_string"])
        if route.body is None:
            call = Call(request_id, path, query, headers)
            return await served.verb(Asking(served.dialect, call, owner, *asgi))
        with self._bodies.gate() as take:
            body, is_form = await self._bodies.read(headers, receive, take)
            call = Call(request_id, path, query, headers, body, is_form)
            return await served.verb(Asking(served.dialect, call, owner, *asgi))


def _parent_and_name(path: str) -> tuple[str, str]:
    """`/v1/videos/{video_id}` is `/v1/videos` and `video_id`; any other shape has no name."""
    parent, _, last = path.rpartition("/")
    is_plain = "{" not in parent and re.fullmatch(r"\{(\w+)\}", last) is not None
    return (parent, last[1:-1]) if is_plain else (parent, "")


def _query(text: bytes) -> dict[str, str]:
    if not text:
        return {}
    query = text.decode("latin-1")
    if "&" in query or "%" in query or "+" in query:
        return dict(parse_qsl(query, keep_blank_values=True))
    # One plain parameter, as in each poll of a task: measured, a tenth of the poll's own time.
    name, _, value = query.partition("=")
    return {name: value}


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
    return json_answer(dialect.error(error, request_id), tuple(headers), status=error.status)


async def _send(answer: Answer, request_id: str, scope: Scope, send: Send) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-request-id", request_id.encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})


async def _unreachable(request: object) -> None:
    """Patterns are only matched: nothing is ever called through them."""
    raise NotImplementedError(request)
