"""Bodies of requests in pieces, and what is read of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unstill.server.body import Bodies, Receive
from unstill.server.body_limits import Admit
from unstill.server.form import (
    put,
)

JSON = {"content-type": "application/json"}


FORM = {"content-type": "multipart/form-data; boundary=cut"}


JPEG = b"\xff\xd8\xff\xe0picture"


def in_pieces(*pieces: bytes, is_whole: bool = True) -> Receive:
    messages: list[Mapping[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
    ]
    messages.append({"type": "http.request"} if is_whole else {"type": "http.disconnect"})

    async def receive() -> Mapping[str, Any]:
        return messages.pop(0)

    return receive


async def read(
    headers: Mapping[str, str],
    *pieces: bytes,
    bodies: Bodies | None = None,
    admit: Admit | None = None,
    is_whole: bool = True,
) -> tuple[object, bool]:
    bodies = bodies or Bodies()
    with bodies.gate("a", admit) as gate:
        return await bodies.read(headers, in_pieces(*pieces, is_whole=is_whole), gate)


def part(name: str, value: bytes, *, filename: str | None = None) -> bytes:
    more = "" if filename is None else f'; filename="{filename}"'
    head = f'--cut\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value + b"\r\n"


def form_of(*pairs: tuple[str, object]) -> dict[str, Any]:
    form: dict[str, Any] = {}
    for name, value in pairs:
        put(form, name, value)
    return form
