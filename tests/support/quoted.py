"""What a message says in quotes that it got is a text of its request, and no word of ours."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import unquote_plus

import httpx2
import msgspec

# As `shown()` writes a text: with its escapes, and without the second quote where it is cut.
_QUOTED = re.compile(r"\bgot (?P<quote>['\"])(?P<text>(?:[^\\]|\\.)*?)(?:(?P=quote)|…)", re.DOTALL)
_CUT_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\(?:x.?|u.{0,3}|U.{0,7})?$")
_READ_AS = ("utf-8", "utf-16", "latin-1")


def quoted(message: str) -> list[str]:
    """The texts in quotes after `got`, as they were before their escapes."""
    return [_plain(match["quote"], match["text"]) for match in _QUOTED.finditer(message)]


def assert_sent(message: str, sent: Iterable[str]) -> None:
    """Each text that the message quotes is in one of `sent`."""
    texts = tuple(sent)
    for text in quoted(message):
        assert any(text in each for each in texts), f"nobody sent {text!r}: {message}"


def assert_quotes_its_request(answer: httpx2.Response) -> None:
    """Hold a refusal to the request that it answers; a hook of clients."""
    if answer.status_code < 400 or answer.headers.get("content-type") != "application/json":
        return
    if not answer.read():
        return  # to a HEAD
    sent = tuple(_sent_in(answer.request))
    for message in texts_in(answer.json()):
        assert_sent(message, sent)


def texts_in(value: object) -> Iterator[str]:
    """All texts of a body, names of fields among them."""
    match value:
        case str():
            yield value
        case dict():
            for name, inner in value.items():
                yield str(name)
                yield from texts_in(inner)
        case list() | tuple():
            for inner in value:
                yield from texts_in(inner)


def _sent_in(request: httpx2.Request) -> Iterator[str]:
    yield unquote_plus(str(request.url))
    yield from request.headers.values()
    yield from (value.decode("latin-1") for _, value in request.headers.raw)  # as a server reads it
    body = b""
    with suppress(httpx2.StreamError):  # what comes from a generator is gone once it is sent
        body = request.read()  # a form with files is put together anew
    for encoding in _READ_AS:
        text = body.decode(encoding, "replace")
        yield text
        yield unquote_plus(text)
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        yield from texts_in(msgspec.json.decode(body))


def _plain(quote: str, text: str) -> str:
    whole = _CUT_ESCAPE.sub(r"\1", text)
    return str(ast.literal_eval(quote + whole + quote))
