"""An emulator as an ASGI application: each request is read, drawn a fault, answered and logged."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import parse_qsl

import msgspec
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from unstill.emulators.control import Control
from unstill.emulators.desk import Desk, now_ms
from unstill.emulators.faults import STATUS_OF, Fault, FaultSite
from unstill.emulators.port import EmulatedUpstream
from unstill.emulators.request_log import Log
from unstill.emulators.results import PAGE
from unstill.emulators.wire import (
    MOST_BODY_BYTES,
    Answer,
    Ask,
    BodyPace,
    Endpoint,
    Refusal,
    as_json,
)

ABORT = "abort"  # in the scope's state: ends the connection without a word
SLOW_EVERY_S = 0.5
CUT_AFTER_S = 0.1  # for the first half to get out
SLOW_FOR_S = 600.0  # what looks endless has an end, should the client be endless too
HUGE_BYTES = 50 * 10**9
MOST_ENDLESS_BYTES = 2 * 2**30  # likewise
ZEROS = bytes(2**18)
GARBAGE = b'{"output": {"task_id": '


class CallerGone(Exception):
    """The client hung up before its request was whole."""


class RequestTooLarge(Exception):
    """More than any upstream takes; answered without reading on."""


def build_app(desk: Desk, upstream: EmulatedUpstream) -> ASGIApp:
    """The upstream's endpoints and the control ones, each with and without a last slash.

    DashScope's asynchronous SDK adds the slash.
    """
    log = Log(desk.options.logged)
    calls: list[tuple[Endpoint, ASGIApp]] = [
        (each, ControlCall(each)) for each in Control(desk, log).endpoints
    ]
    calls += [(each, EndpointCall(each, desk, upstream, log)) for each in upstream.endpoints]
    lost = Endpoint("GET", "", _lost(upstream), needs_key=False)
    return Router(
        [
            Route(path, call, methods=[endpoint.method])
            for endpoint, call in calls
            for path in (endpoint.path, f"{endpoint.path}/")
        ],
        redirect_slashes=False,
        default=EndpointCall(lost, desk, upstream, log),
    )


class EndpointCall:
    """One endpoint of the upstream, with all that may go wrong there."""

    def __init__(
        self, endpoint: Endpoint, desk: Desk, upstream: EmulatedUpstream, log: Log
    ) -> None:
        self._endpoint = endpoint
        self._desk = desk
        self._upstream = upstream
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            ask = await read_ask(scope, receive, self._upstream)
        except CallerGone:
            return
        except RequestTooLarge:
            await send_answer(Answer(413, b"{}"), send)
            return
        refusal = self._refusal_of_key(ask)
        place = self._place(ask)
        if refusal is None and place is not None:
            ask = msgspec.structs.replace(ask, fault=self._desk.faults.draw(place))
        entry = self._log.note(ask, place, now_ms())
        answer = await self._answer(ask, refusal)
        if answer is None:
            scope["state"][ABORT]()
            return
        entry.job_id = answer.job_id
        if ask.fault is Fault.DROP_AFTER and answer.pace is BodyPace.WHOLE:
            scope["state"][ABORT]()
            return
        entry.status = answer.status
        await send_answer(answer, send)
        if answer.pace in {BodyPace.CUT, BodyPace.HUGE}:
            await asyncio.sleep(CUT_AFTER_S)
            scope["state"][ABORT]()

    async def _answer(self, ask: Ask, refusal: Refusal | None) -> Answer | None:
        """What to send, or None to drop the connection before anything is done."""
        if refusal is not None:
            return self._upstream.render(refusal, ask)
        match ask.fault:
            case Fault.DROP_BEFORE:
                return None
            case Fault.DELAY:
                await asyncio.sleep(self._desk.options.delay_s)
            case Fault() as fault if fault in STATUS_OF:
                return self._injected(STATUS_OF[fault], ask)
        try:
            answer = self._endpoint.answer(ask)
        except Refusal as said:
            return self._upstream.render(said, ask)
        return self._spoilt(answer, ask) if answer.status < 400 else answer

    def _spoilt(self, answer: Answer, ask: Ask) -> Answer:
        """The answer to what was done, as the fault lets it arrive."""
        match ask.fault:
            case Fault.ERROR_AFTER:
                spoilt = self._injected(500, ask)
            case Fault.GARBAGE:
                spoilt = Answer(200, GARBAGE)
            case Fault.HTML:
                spoilt = Answer(200, PAGE, "text/html")
            case _:
                return answer
        return msgspec.structs.replace(spoilt, job_id=answer.job_id)

    def _place(self, ask: Ask) -> FaultSite | None:
        place_of = self._endpoint.place_of
        return self._endpoint.place if place_of is None else place_of(ask)

    def _injected(self, status: int, ask: Ask) -> Answer:
        place = self._place(ask)
        assert place is not None  # noqa: S101  - faults are drawn at places only
        refusal = self._upstream.injected(status, place)
        answer = self._upstream.render(refusal, ask)
        if ask.fault is not Fault.BUSY:
            return answer
        retry_after = {"retry-after": str(self._desk.options.retry_after_s)}
        return msgspec.structs.replace(answer, headers={**answer.headers, **retry_after})

    def _refusal_of_key(self, ask: Ask) -> Refusal | None:
        if not self._endpoint.needs_key:
            return None
        keys = self._desk.options.keys
        if not keys and (ask.key or not self._upstream.wants_key):
            return None
        if any(hmac.compare_digest(ask.key.encode(), key.encode()) for key in keys):
            return None
        return self._upstream.bad_key(is_missing=not ask.key)


class ControlCall:
    """One control endpoint: for callers on this machine, never logged, never spoilt."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not ip_address(scope["client"][0]).is_loopback:
            await send_answer(_control_refusal(403, "only from this machine"), send)
            return
        try:
            ask = await read_ask(scope, receive)
            answer = self._endpoint.answer(ask)
        except CallerGone:
            return
        except RequestTooLarge:
            answer = _control_refusal(413, "the body is too large")
        except Refusal as refusal:
            answer = _control_refusal(refusal.status, refusal.message)
        await send_answer(answer, send)


async def read_ask(scope: Scope, receive: Receive, upstream: EmulatedUpstream | None = None) -> Ask:
    """`upstream`: how it wants its key; None: nobody does. Raises CallerGone, RequestTooLarge."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    host = headers.get("host") or "{}:{}".format(*scope["server"])
    return Ask(
        method=scope["method"],
        path=scope["path"],
        origin=f"{scope['scheme']}://{host}",
        names=scope.get("path_params", {}),
        query=dict(query),
        pairs=query,
        headers=headers,
        body=await _read_body(receive),
        key="" if upstream is None else _key_of(headers, upstream),
        fault=None,
    )


async def _read_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        chunks.append(message.get("body", b""))
        size_bytes += len(chunks[-1])
        if size_bytes > MOST_BODY_BYTES:
            raise RequestTooLarge
        if not message.get("more_body"):
            return b"".join(chunks)


async def send_answer(answer: Answer, send: Send) -> None:
    headers = [(b"content-type", answer.content_type.encode())]
    headers += [(name.encode(), text.encode()) for name, text in answer.headers.items()]
    if answer.pace not in {BodyPace.SLOW, BodyPace.ENDLESS}:
        length = HUGE_BYTES if answer.pace is BodyPace.HUGE else len(answer.body)
        headers.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    match answer.pace:
        case BodyPace.WHOLE:
            await send({"type": "http.response.body", "body": answer.body})
        case BodyPace.CUT:
            half = answer.body[: len(answer.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
        case BodyPace.HUGE:
            await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        case BodyPace.SLOW:
            await _send_slowly(answer.body, send)
        case BodyPace.ENDLESS:
            await _send_without_end(answer.body, send)


async def _send_slowly(body: bytes, send: Send) -> None:
    for at in range(int(SLOW_FOR_S / SLOW_EVERY_S)):
        byte = body[at : at + 1] or b"\0"
        await send({"type": "http.response.body", "body": byte, "more_body": True})
        await asyncio.sleep(SLOW_EVERY_S)
    await send({"type": "http.response.body", "body": b""})


async def _send_without_end(body: bytes, send: Send) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})
    for _ in range(MOST_ENDLESS_BYTES // len(ZEROS)):
        await send({"type": "http.response.body", "body": ZEROS, "more_body": True})
        await asyncio.sleep(0)  # where the client has hung up, nothing else waits
    await send({"type": "http.response.body", "body": b""})


def _key_of(headers: dict[str, str], upstream: EmulatedUpstream) -> str:
    text = headers.get("authorization", "").strip()
    scheme, _, key = text.partition(" ")
    if scheme.casefold() == upstream.key_scheme.casefold():
        return key.strip()
    return text if upstream.takes_bare_key else ""


def _control_refusal(status: int, message: str) -> Answer:
    return as_json({"error": message}, status=status)


def _lost(upstream: EmulatedUpstream) -> Callable[[Ask], Answer]:
    def answer(ask: Ask) -> Answer:
        return upstream.render(upstream.no_route(ask), ask)

    return answer
