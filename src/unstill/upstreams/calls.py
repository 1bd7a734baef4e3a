"""One call to an upstream and its whole answer, and what is sure where there is none."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import msgspec

from unstill.domain.errors import FetchFailed, UpstreamError
from unstill.domain.redaction import plain
from unstill.net.decompression import unpacker
from unstill.net.retry_after import retry_after_s
from unstill.upstreams.replies import Reply

# A name with several values is written several times.
Params = Mapping[str, str | int | Sequence[str]]
MOST_REPLY_BYTES = 4 * 2**20  # a list page of 100 rows has some 50 KB


class NotSent(UpstreamError):
    """No connection came about: surely nothing of the call arrived."""


class ReplyLost(UpstreamError):
    """The call may have arrived, and there is no whole answer; `part` is what came of one."""

    def __init__(self, message: str, part: Reply | None = None) -> None:
        super().__init__(message)
        self.part = part


class _Leaving:
    """Whether a call has begun to leave; the tunnel that is made for it carries nothing of it."""

    def __init__(self) -> None:
        self.has_begun = False

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """The `trace` of httpcore2: an event is `http11.send_request_headers.started` and so on."""
        is_request = event.endswith("send_request_headers.started")
        if is_request and info["request"].method != b"CONNECT":
            self.has_begun = True


async def called(
    client: httpx2.AsyncClient,
    method: str,
    path: str,
    *,
    timeout_s: float,
    params: Params | None = None,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    through_proxy: bool = False,
) -> Reply:
    """One call and its whole answer; raises NotSent or ReplyLost.

    through_proxy: the client asks one.
    """
    part: Reply | None = None
    body, leaving = bytearray(), _Leaving()
    try:
        async with (
            asyncio.timeout(timeout_s),
            client.stream(
                method,
                path,
                params=params,
                headers=headers,
                content=content,
                extensions={"trace": leaving} if through_proxy else None,
            ) as answer,
        ):
            if through_proxy and answer.status_code == 407:  # always the proxy's own (RFC 9110)
                raise NotSent("the proxy wants a user and a password that it knows (407)")
            head = part = _head(answer)
            await _read(answer, body)
            return msgspec.structs.replace(head, body=bytes(body))
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise NotSent(_not_connected(error, through_proxy=through_proxy)) from error
    except httpx2.ProxyError as error:  # raised by CONNECT alone: no byte of the call has left
        raise NotSent(f"the proxy did not connect to the upstream: {plain(str(error))}") from error
    except TimeoutError as error:
        if through_proxy and not leaving.has_begun:
            reason = f"the proxy did not connect to the upstream within {timeout_s:g} s"
            raise NotSent(reason) from error
        message = f"the upstream gave no whole answer within {timeout_s:g} s"
        raise ReplyLost(message, _cut(part, body)) from error
    except (httpx2.HTTPError, ssl.SSLError) as error:
        if through_proxy and not leaving.has_begun:
            raise NotSent("the proxy did not connect to the upstream") from error
        message = f"the connection to the upstream broke {'in' if part else 'before'} its answer"
        raise ReplyLost(message, _cut(part, body)) from error


def _head(answer: httpx2.Response) -> Reply:
    told = answer.headers
    return Reply(
        answer.status_code,
        b"",
        retry_after_s(told.get("retry-after", "")),
        location=told.get("location", told.get("operation-location", "")),
        told={name: text for name, text in told.items() if name.startswith("x-")},
    )


def _cut(head: Reply | None, body: bytearray) -> Reply | None:
    """What is known of an answer that broke off."""
    if head is None:
        return None
    return msgspec.structs.replace(head, body=bytes(body))


async def _read(answer: httpx2.Response, body: bytearray) -> None:
    """The whole body, unpacked piece by piece where it came packed unasked."""
    try:
        unpack = unpacker(answer.headers.get("content-encoding", ""))
        async for chunk in answer.aiter_raw():
            for piece in (chunk,) if unpack is None else unpack.pieces(chunk):
                body += piece
                if len(body) > MOST_REPLY_BYTES:
                    reason = f"the upstream's answer is larger than {MOST_REPLY_BYTES} bytes"
                    raise ReplyLost(reason)
    except FetchFailed as error:
        raise ReplyLost(f"the upstream {error.reason}") from error


def _not_connected(error: Exception, *, through_proxy: bool) -> str:
    of_tls = isinstance(_root(error), ssl.SSLError)  # it is spoken with the upstream alone
    if through_proxy and not of_tls:
        return "the proxy to the upstream could not be connected to"
    return "the upstream could not be connected to"


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
