"""One request on its way through the server, and the small answer that it gets."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import cast

import msgspec
from starlette.types import Receive, Scope, Send

from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.videos.dialect import Videos
from unstill.dialects.port import Call, Dialect
from unstill.domain.owner import Owner
from unstill.server.fair_shares import caller_at

_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]{1,255}")

_encode = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, frozen=True):
    """A small answer, whole in memory."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


class Exchange(msgspec.Struct, frozen=True):
    """One request: what matched, what was read, who asks, how to send."""

    dialect: Dialect
    call: Call
    owner: Owner
    scope: Scope
    receive: Receive
    send: Send

    @property
    def address(self) -> str:
        """Where the caller is, or who stands before it."""
        return caller_at((self.scope["client"] or ("",))[0])

    @property
    def own_url(self) -> str:
        """Scheme and host as the caller reached us; for what is no host, our address."""
        host = self.call.headers.get("host", "")
        if not _HOST.fullmatch(host):
            address, port = self.scope["server"]
            host = f"{address}:{port}"
        return f"{self.scope['scheme']}://{host}"

    @property
    def videos(self) -> Videos:
        """The dialect, of verbs that no other has."""
        return cast("Videos", self.dialect)

    @property
    def dashscope(self) -> DashScope:
        """The dialect, of verbs that no other has."""
        return cast("DashScope", self.dialect)


Verb = Callable[[Exchange], Awaitable[Answer | None]]  # None: it has sent its answer itself


def json_answer(
    body: msgspec.Struct, headers: tuple[tuple[bytes, bytes], ...] = (), *, status: int = 200
) -> Answer:
    return Answer(status, _encode(body), headers)
