"""The server as an ASGI application: each call is matched, read, answered, and rendered once.

One function, `_answer`, stands between the wire and the product for every route of every dialect;
what a route does is its verb, in verbs/. An error of any kind is turned into an answer in one
place, `_refuse`, in the dialect's envelope.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import count
from typing import Any

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from unstill.dialects.call import Call
from unstill.dialects.parameters import TICKET
from unstill.dialects.port import Described, Dialect, TakesUploads, able
from unstill.dialects.route import Verb
from unstill.domain.access_errors import OverLimit
from unstill.domain.caller import STRANGER, Caller, Network
from unstill.domain.errors import (
    BadField,
    BadKey,
    MissingField,
    NoSuchJob,
    Overloaded,
    OwnError,
    ShuttingDown,
    UnstillError,
    WrongMethod,
)
from unstill.domain.file_errors import BadRange
from unstill.domain.owner import EVERYONE, NOBODY, Owner
from unstill.media.picture_limits import MAX_FILE_BYTES
from unstill.progress.followers import Followers
from unstill.server.admin.operated import Operated
from unstill.server.admin.routes import AdminRoutes
from unstill.server.api_keys import Keys, given_in
from unstill.server.body import Bodies, ClientGone
from unstill.server.body_readers import Readers
from unstill.server.caller_tickets import CallerTickets
from unstill.server.connection_guard import SHOW_OWNER
from unstill.server.cors import Origins
from unstill.server.exchange import Answer, Exchange, Handler, json_answer, send_answer
from unstill.server.fair_shares import caller_at
from unstill.server.handlers import handler_of
from unstill.server.headers import Headers
from unstill.server.metrics.access import MetricsAccess
from unstill.server.metrics.scrape import Metrics
from unstill.server.openapi.document import described
from unstill.server.operators import check_operator
from unstill.server.own_routes import OwnRoutes
from unstill.server.proxies import FORWARDED, OUTER_HOST
from unstill.server.query import query_of
from unstill.server.refusal_log import RefusedLines
from unstill.server.router import PathRoutes, RouteTable, Served
from unstill.server.server_limits import USUAL, ServerLimits
from unstill.server.verbs.account import AccountVerbs
from unstill.server.verbs.admin import AdminVerbs
from unstill.server.verbs.callbacks import CallbackVerbs
from unstill.server.verbs.events import EventVerbs
from unstill.server.verbs.jobs import JobVerbs
from unstill.server.verbs.own_events import OwnEventVerbs
from unstill.server.verbs.own_jobs import OwnJobVerbs
from unstill.server.verbs.own_routes import OwnVerbs
from unstill.server.verbs.quotes import QuoteVerbs
from unstill.server.verbs.uploads import UploadVerbs
from unstill.server.verbs.usage import UsageVerbs
from unstill.server.verbs.videos import VideoVerbs
from unstill.service.callbacks import Callbacks
from unstill.service.downloads import Downloads
from unstill.service.jobs import Service
from unstill.service.paces import Requests
from unstill.service.uploads import Uploading
from unstill.system.tracing import NO_TRACES, Traces

log = structlog.get_logger()

_RETRY_AFTER_S = b"1"


class App:
    """Routes of all dialects over one service."""

    def __init__(
        self,
        *,
        service: Service,
        uploading: Uploading,
        downloads: Downloads,
        followers: Followers,
        keys: Keys,
        requests: Requests,
        dialects: Sequence[Dialect],
        readers: Readers,
        origins: Origins,
        metrics: Metrics,
        operated: Operated,
        callbacks: Callbacks,
        metrics_networks: Sequence[Network] = (),
        limits: ServerLimits = USUAL,
        traces: Traces = NO_TRACES,
        public_url: str = "",
    ) -> None:
        """`readers`: of large bodies.

        metrics_networks: callers from there are told the metrics without one.
        limits: what callers may have together and each.
        """
        self._given_origins = origins
        self._origins = None if origins.decide_nothing else origins
        self._refused = RefusedLines()
        # Until it has been said once: a proxy is in front, and links would lead past it.
        self._is_wary_of_proxies = not public_url
        self._keys = keys
        self._tickets = CallerTickets(keys, operated.watch.wall_ms)
        self._requests = requests
        self._most_shown = limits.connections_per_owner
        self._metrics = metrics
        self._bodies = Bodies.of_keys(limits, readers)
        # Apart, and small: whoever sends to an open route has shown no key.
        self._open_bodies = Bodies.of_strangers(limits, MAX_FILE_BYTES)
        # Unlike 16 random bytes each, not a system call in every answer.
        begin = os.urandom(10).hex()
        self._request_ids = (f"{begin}{number:012x}" for number in count())
        everyone: tuple[Described, ...] = (*dialects, AdminRoutes(), OwnRoutes())
        self._callbacks = CallbackVerbs(callbacks, self._open_bodies)
        self._service = service
        self._downloads = downloads
        self._board = followers.board
        self._own_verbs = OwnVerbs(
            service=service,
            stalls=followers.stalls,
            dialects=dialects,
            description=cache(partial(described, everyone, service.catalogue)),
            keys=keys,
            metrics=metrics,
            metrics_access=MetricsAccess(keys, metrics_networks),
            check_store=operated.watch.check,
        )
        self._base_url = base = public_url.rstrip("/")
        uploads = UploadVerbs(uploading=uploading, public_url=base)
        # Whoever sends a file to an open route has shown no key, but the leave of its dialect.
        self._admits = {
            dialect: uploads.owner_by(uploader)
            for dialect, uploader in able(dialects, TakesUploads).items()
        }
        jobs = JobVerbs(
            service=service,
            uploading=uploading,
            downloads=downloads,
            estimates=followers.estimates,
            board=followers.board,
            keys=keys,
            requests=requests,
            dialects=dialects,
            limits=limits,
            public_url=base,
        )
        handler = self._handler_of(jobs, uploads, followers, operated, limits)
        self._routes = RouteTable(everyone, handler, traces)

    def _handler_of(
        self,
        jobs: JobVerbs,
        uploads: UploadVerbs,
        followers: Followers,
        operated: Operated,
        limits: ServerLimits,
    ) -> Callable[[Verb[Any]], Handler]:
        service, estimates = self._service, followers.estimates
        return handler_of(
            jobs=jobs,
            events=EventVerbs(
                service=service,
                estimates=estimates,
                board=self._board,
                keys=self._keys,
                limits=limits,
            ),
            own_events=OwnEventVerbs(
                service=service,
                downloads=self._downloads,
                followers=followers,
                keys=self._keys,
                limits=limits,
            ),
            videos=VideoVerbs(service=service, downloads=self._downloads, limits=limits),
            uploads=uploads,
            own=self._own_verbs,
            account=AccountVerbs(service=service, watch=operated.watch, tickets=self._tickets),
            own_jobs=OwnJobVerbs(
                service=service,
                downloads=self._downloads,
                estimates=estimates,
                store=operated.store,
                public_url=self._base_url,
            ),
            quotes=QuoteVerbs(service=service, estimates=estimates),
            usage=UsageVerbs(operated.store.charges),
            callbacks=self._callbacks,
            admin=AdminVerbs(service=service, estimates=estimates, operated=operated),
        )

    def take(self, link_secrets: Sequence[bytes]) -> None:
        """Sign and believe tickets by these from now on."""
        self._tickets.take(link_secrets)

    def stop_taking(self) -> None:
        """Refuse new jobs and drawings; what is asked about old ones is answered, and who waits."""
        self._own_verbs.stop_taking()
        self._service.stop_taking()
        self._downloads.stop_drawing()
        self._board.close()

    def end_by(self, key_ids: frozenset[str]) -> None:
        """End what is open by keys that are good no more; an empty one is that of no key."""
        if "" in key_ids:
            self._given_origins.ask_for_keys()
            self._origins = None if self._given_origins.decide_nothing else self._given_origins
        self._board.end_by(key_ids)

    def answer_early(self, address: str, most: int) -> None:
        """Let so many of those who wait there have the state as it is."""
        self._board.ease(address, most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request_id = next(self._request_ids)
        path_routes, path = self._routes.find(scope["path"])
        headers = Headers(scope["headers"])
        origins = self._origins
        if self._is_wary_of_proxies and headers.has_any(FORWARDED) and OUTER_HOST not in scope:
            self._warn_of_proxy()
        try:
            headers.check(scope["http_version"])
            if origins is not None:
                send = origins.telling(scope, send)
                origins.check(scope)
                if origins.is_preflight(scope):
                    await origins.answer_preflight(scope, send, request_id)
                    return
            served = path_routes.served(scope["method"], scope["path"])
            call = Call(request_id, path, query_of(scope["query_string"]), headers)
            answer = await self._answer(served, call, scope, receive, send)
        except ClientGone:
            return
        except UnstillError as error:
            answer = _refuse(path_routes, scope["method"], error, request_id)
            self._note_refused(
                error, answer.status, request_id, scope=scope, path_routes=path_routes
            )
        except Exception:
            log.exception("answer_failed", request_id=request_id, path=scope["path"])
            ours = OwnError("unstill failed to answer; its log has the reason")
            answer = _refuse(path_routes, scope["method"], ours, request_id)
        if answer is not None:
            await send_answer(answer, request_id, scope, send)

    def _note_refused(
        self,
        error: UnstillError,
        status: int,
        request_id: str,
        *,
        scope: Scope,
        path_routes: PathRoutes,
    ) -> None:
        served = path_routes.by_method.get(scope["method"])
        try:
            owner = self._caller(served, Headers(scope["headers"]), scope).owner
        except (BadKey, BadField):
            owner = NOBODY
        if served is not None and served.route.makes_job:
            self._metrics.refused_submits[error.code] += 1
        self._refused.note(
            status=status,
            code=error.code,
            param=getattr(error, "param", None),
            method=scope["method"],
            route="" if served is None else served.route.path,
            owner=owner,
            client=_host(scope),
            request_id=request_id,
        )

    def _warn_of_proxy(self) -> None:
        self._is_wary_of_proxies = False
        log.warning(
            "behind_a_proxy",
            why="links in answers begin with the scheme and host of each call as it comes here",
            mend="set server.public_url, or name the proxy in server.trusted_proxies",
        )

    async def _answer(
        self, served: Served, call: Call, scope: Scope, receive: Receive, send: Send
    ) -> Answer | None:
        """Ask who sent it, read what was sent, and do the route's verb."""
        route = served.route
        caller = self._caller(served, call.headers, scope) if served.asks_key else STRANGER
        if self._most_shown and caller.owner not in {NOBODY, EVERYONE}:
            self._show(caller.owner, scope)
        if served.is_counted:
            self._requests.count(caller.party)
        if route.is_admin:
            check_operator(caller, call.headers, _host(scope))
        if not route.reads_body:
            exchange = Exchange(served.dialect, call, caller, scope, receive, send)
            try:
                return await served.handler(exchange)
            except (NoSuchJob, MissingField):  # it is about none
                if served.asks_key and not served.is_counted:
                    self._requests.count(caller.party)
                raise
        bodies, admit = self._bodies, None
        if route.is_open:
            bodies, admit = self._open_bodies, self._admits.get(served.dialect)
        # Without keys all are one owner, and only by their addresses are they told apart.
        owner = caller.owner
        sharer = owner if owner and owner != EVERYONE else caller_at(_host(scope))
        is_owner, most_bytes = sharer is owner, route.most_body_bytes
        with bodies.gate(sharer, admit, is_owner=is_owner, most_bytes=most_bytes) as gate:
            body, is_form = await bodies.read(call.headers, receive, gate)
            self._keys.check(caller)  # a body may take its time
            call = msgspec.structs.replace(call, body=body, is_form=is_form)
            return await served.handler(
                Exchange(served.dialect, call, caller, scope, receive, send)
            )

    def _caller(self, served: Served | None, headers: Mapping[str, str], scope: Scope) -> Caller:
        """By its key, or by a ticket where it has none and the route takes one.

        Raises BadKey, BadField.
        """
        if served is not None and served.route.takes_ticket and not given_in(headers):
            ticket = query_of(scope["query_string"]).get(TICKET.name)
            if ticket is not None:
                return self._tickets.caller(ticket, _host(scope))
        return self._keys.caller(headers, _host(scope))

    def _show(self, owner: Owner, scope: Scope) -> None:
        """The connection has shown a key of the owner. Raises OverLimit if it has too many."""
        if not scope["extensions"][SHOW_OWNER](owner):
            most = self._most_shown
            what = "connections are open and in use"
            raise OverLimit("connections_per_owner", what, most=most, used=most, retry_after_s=1)


def _host(scope: Scope) -> str:
    """The address that a call comes from."""
    client: tuple[str, int] | None = scope["client"]
    return client[0] if client else ""


def _refuse(path_routes: PathRoutes, method: str, error: UnstillError, request_id: str) -> Answer:
    """The one way from an error to an answer."""
    served = path_routes.by_method.get(method)
    headers: list[tuple[bytes, bytes]] = []
    match error:
        case BadKey():
            headers.append((b"www-authenticate", b"Bearer"))
        case WrongMethod():
            headers.append((b"allow", ", ".join(error.allowed).encode()))
        case BadRange():
            headers.append((b"content-range", f"bytes */{error.size_bytes}".encode()))
        case OverLimit(retry_after_s=wait_s):
            headers.append((b"retry-after", b"%d" % wait_s))
        case OwnError() if served and served.route.is_sent_again and not _is_untaken(error):
            headers.append((b"x-should-retry", b"false"))
        case _:
            pass
    if error.status == 503:
        headers.append((b"retry-after", _RETRY_AFTER_S))
    status = path_routes.dialect.error_status(type(error))
    return json_answer(path_routes.dialect.error(error, request_id), tuple(headers), status=status)


def _is_untaken(error: OwnError) -> bool:
    """Whether nothing of the request has been done for sure."""
    return isinstance(error, Overloaded | ShuttingDown)
