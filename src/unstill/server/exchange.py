"""One request on its way through the server, and the small answer that it gets."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec
from starlette.types import Receive, Scope, Send

from unstill.dialects.call import Call
from unstill.dialects.port import Described
from unstill.domain.caller import Caller
from unstill.domain.owner import Owner
from unstill.server.fair_shares import caller_at
from unstill.server.http_cycle import WHOLE
from unstill.server.proxies import OUTER_HOST

_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]{1,255}")

# What the dialect of an exchange has, by the port of its route's verb.
Able_co = TypeVar("Able_co", bound=Described, covariant=True)

_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))

_encode = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, frozen=True):
    """A small answer, whole in memory."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


class Exchange(msgspec.Struct, Generic[Able_co], frozen=True):
    """One request: what matched, what was read, who asks, how to send."""

    dialect: Able_co
    call: Call
    caller: Caller
    scope: Scope
    receive: Receive
    send: Send

    @property
    def owner(self) -> Owner:
        return self.caller.owner

    @property
    def host(self) -> str:
        """The address that the call comes from."""
        client: tuple[str, int] | None = self.scope["client"]
        return client[0] if client else ""

    @property
    def address(self) -> str:
        """Where the caller is, or who stands before it and is not trusted to say so."""
        return caller_at(self.host)

    @property
    def own_url(self) -> str:
        """Scheme and host as the caller reached us, or the proxy in front that is trusted.

        For what is no host, our address.
        """
        host = self.scope.get(OUTER_HOST) or self.call.headers.get("host", "")
        if not _HOST.fullmatch(host):
            address, port = self.scope["server"]
            host = f"{address}:{port}"
        return f"{self.scope['scheme']}://{host}"


# What does a verb. None: it has sent its answer itself.
Handler = Callable[[Exchange[Any]], Awaitable[Answer | None]]


def header_text(text: str) -> bytes:
    """What a header may have of it: printable ASCII as it is, all else percent-encoded."""
    if text.isascii() and text.isprintable():
        return text.encode()
    return quote(text, safe=_PRINTABLE).encode()


def json_answer(
    body: msgspec.Struct, headers: tuple[tuple[bytes, bytes], ...] = (), *, status: int = 200
) -> Answer:
    return Answer(status, _encode(body), headers)


async def send_answer(answer: Answer, request_id: str, scope: Scope, send: Send) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-request-id", request_id.encode()),
        *answer.headers,
    ]
    if WHOLE in scope.get("extensions", ()):
        await send(
            {"type": WHOLE, "status": answer.status, "headers": headers, "body": answer.body}
        )
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})
