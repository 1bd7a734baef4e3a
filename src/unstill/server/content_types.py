"""What a whole body says, by its content type: one shape whatever it came as."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from unstill.domain.errors import UnsupportedBody
from unstill.domain.redaction import visible
from unstill.server.body_encoding import charset_of
from unstill.server.form import MultipartForm, from_urlencoded
from unstill.server.json_body import from_json

FED_BYTES = 64 * 1024  # a form comes by so much at once, as from a socket

_PACKINGS = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress"})  # RFC 9110, 8.4.1

_REMEMBERED = 64  # content types: the same few come with every request

Kind = Literal["json", "multipart", "urlencoded"]


@lru_cache(_REMEMBERED)
def kind_of(content_type: str) -> Kind:
    """Raises UnsupportedBody."""
    name = content_type.partition(";")[0].strip().lower()
    if name in {"", "application/json"} or name.endswith("+json"):
        return "json"
    if name == "multipart/form-data":
        return "multipart"
    if name == "application/x-www-form-urlencoded":
        return "urlencoded"
    raise UnsupportedBody(
        "send Content-Type: application/json, multipart/form-data or "
        f"application/x-www-form-urlencoded, not {visible(name[:80])}"
    )


def check_packing(content_encoding: str) -> None:
    """Raises UnsupportedBody. What is no packing, such as `utf-8`, does no harm."""
    if content_encoding.strip().lower() in _PACKINGS:
        raise UnsupportedBody(
            f"send the body as it is, not packed: without Content-Encoding: {content_encoding}"
        )


def value_of(data: bytes, content_type: str) -> object:
    """JSON as it is, a form as what its names spell. Raises BadBody, UnsupportedBody."""
    match kind_of(content_type):
        case "json":
            return from_json(data, charset_of(content_type))
        case "urlencoded":
            return from_urlencoded(data, charset_of(content_type))
        case "multipart":
            form = MultipartForm(content_type)
            for start in range(0, len(data), FED_BYTES):
                form.feed(data[start : start + FED_BYTES])
            form.close()
            return form.fields
