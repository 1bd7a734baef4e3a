"""Request bodies: read within limits, and made into one shape whatever they came as.

JSON stays as it is; a form, multipart or urlencoded, becomes the nested value that its bracketed
names spell (`input_reference[content][][image_url][url]`), with uploaded files as bytes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import multipart

from unstill.errors import BadBody, BodyTooLarge, UnsupportedBody
from unstill.media.sniff import format_of
from unstill.server.body_text import charset_of, check_count, is_recoded, is_text, not_utf8, utf8_of
from unstill.server.gate import Gate, LargeBodies
from unstill.server.json_body import from_json
from unstill.server.percent import unescaped
from unstill.server.shares import Shares

# Two 20 MiB pictures as base64 are 54 MiB (DashScope, wan2.7-i2v, media), and the rest is small.
MOST_BODY_BYTES = 64 * 1024**2
MOST_OPEN_BYTES = 256 * 1024**2  # of all bodies being read at once
MOST_FORM_FIELDS = 200
MOST_ESCAPES = 1_000_000  # a picture's base64 has three in 100 bytes
MOST_NAME_DEPTH = 12
MOST_LIST_ITEMS = 32

PARSED_APART_BYTES = 256 * 1024  # from there on, in a thread
LARGE_FORM_CHARS = 64 * 1024  # from there on, by what makes no object of each escape
MOST_UNADMITTED_BYTES = 512 * 1024  # of a form before its file, and of the read it begins in

_LOOKS_LIKE_JSON = "this looks like JSON: send Content-Type: application/json"
_CONTROL = re.compile(rb"[\0-\x08]")
_LOOKED_AT_BYTES = 4096  # of a field that may be a file
_RUN_OF_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Admit = Callable[[Mapping[str, Any]], str]  # by the fields before a file: whose room it takes


class ClientGone(Exception):
    """The caller hung up before the body was whole: nobody is there to answer."""


class Bodies:
    """Reads bodies; counts the bytes of all that are open, and refuses more than it may hold."""

    def __init__(
        self,
        *,
        most_bytes: int = MOST_BODY_BYTES,
        most_open_bytes: int = MOST_OPEN_BYTES,
        admit: Admit | None = None,
    ) -> None:
        """`admit`: asked before a file of a form is taken; only such a form may be large then."""
        self.most_bytes = most_bytes
        self._admit = admit
        self._shares = Shares(most_open_bytes)
        self._turns = LargeBodies()

    @property
    def open_bytes(self) -> int:
        return self._shares.taken

    def gate(self, caller: str) -> Gate:
        """For one body of this caller: an owner, or an address where there is no key."""
        most_bytes = self.most_bytes if self._admit is None else MOST_UNADMITTED_BYTES
        return Gate(self._shares, self._turns, caller=caller, most_bytes=most_bytes)

    async def read(
        self, headers: Mapping[str, str], receive: Receive, gate: Gate
    ) -> tuple[object, bool]:
        """The body's value and whether it was a form.

        Raises BadBody, BodyTooLarge, UnsupportedBody, Overloaded, ClientGone.
        """
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.most_bytes:
            raise BodyTooLarge(self.most_bytes)
        content_type = headers.get("content-type", "")
        kind = content_type.partition(";")[0].strip().lower()
        if kind in {"", "application/json"} or kind.endswith("+json"):
            data = await _all(receive, gate)
            return await _parsed(from_json, data, charset_of(content_type), gate), False
        if kind == "multipart/form-data":
            return await self._from_multipart(content_type, receive, gate), True
        if kind == "application/x-www-form-urlencoded":
            data = await _all(receive, gate)
            return await _parsed(from_urlencoded, data, charset_of(content_type), gate), True
        raise UnsupportedBody(
            "send Content-Type: application/json, multipart/form-data or "
            f"application/x-www-form-urlencoded, not {kind[:80]}"
        )

    async def _from_multipart(
        self, content_type: str, receive: Receive, gate: Gate
    ) -> dict[str, Any]:
        boundary = _BOUNDARY.search(content_type)
        if boundary is None:
            raise BadBody(
                "the multipart content type has no boundary: "
                "let your HTTP library set the content type"
            )
        form: dict[str, Any] = {}
        part = _Part(form)
        parser = multipart.PushMultipartParser(boundary[1], max_segment_count=MOST_FORM_FIELDS)
        is_last, start = False, b""
        try:
            while not is_last:
                piece, is_last = await _piece(receive, gate)
                start = start or piece[:64].lstrip()
                for event in parser.parse(piece) if piece else ():  # an empty one would be the end
                    part.hear(event)
                    if self._admit is not None and _begins_a_file(event):
                        gate.admit(self._admit(form), self.most_bytes)
            parser.close()
        except multipart.MultipartError as error:
            if start.startswith(b"{"):
                raise UnsupportedBody(_LOOKS_LIKE_JSON) from None
            # The first argument is the sentence; an error that caused it may follow.
            raise BadBody(f"the multipart body cannot be read: {error.args[0]}") from None
        await gate.turn()
        return form


async def _parsed(
    parse: Callable[[bytes, str], object], data: bytes, charset: str, gate: Gate
) -> object:
    """The value of a whole body; a larger one is parsed off the loop."""
    await gate.turn()
    if len(data) < PARSED_APART_BYTES:
        return parse(data, charset)
    return await asyncio.to_thread(parse, data, charset)


def from_urlencoded(data: bytes, charset: str = "") -> dict[str, Any]:
    """Raises BadBody, UnsupportedBody."""
    if data[:64].lstrip()[:1] == b"{":
        # What curl sends for --data without a content type.
        raise UnsupportedBody(_LOOKS_LIKE_JSON)
    check_count(data, (b"%",), MOST_ESCAPES, "escapes")
    text = utf8_of(data, charset).decode()
    is_declared = is_recoded(b"", charset)
    try:
        pairs = _pairs(text, charset if is_declared else "utf-8")
    except UnicodeDecodeError:
        pairs = _pairs_of_no_utf8(text, charset)
    except ValueError:
        raise BadBody("the request body is not an urlencoded form") from None
    form: dict[str, Any] = {}
    for name, value in pairs:
        put(form, name, value)
    return form


def _pairs(text: str, encoding: str) -> list[tuple[str, str]]:
    if text.count("&") >= MOST_FORM_FIELDS:
        raise BadBody(f"the request body has too many fields, at most {MOST_FORM_FIELDS}")
    if len(text) > LARGE_FORM_CHARS and encoding == "utf-8":
        fields = (pair.partition(b"=") for pair in text.encode().split(b"&") if pair)
        return [(unescaped(name).decode(), unescaped(text).decode()) for name, _, text in fields]
    return parse_qsl(
        text,
        keep_blank_values=True,
        encoding=encoding,
        errors="strict",
    )


def _pairs_of_no_utf8(text: str, charset: str) -> list[tuple[str, str]]:
    """Escapes in the encoding that was declared; raises BadBody with the place of the first bad."""
    if is_text(charset):
        try:
            return _pairs(text, charset)
        except ValueError:
            pass
    # Of a large one the place is not looked for: it is no prompt that a person has typed.
    for place in _RUN_OF_ESCAPES.finditer(text[:LARGE_FORM_CHARS]):
        run = unescaped(place[0].encode())
        try:
            run.decode()
        except UnicodeDecodeError as error:
            byte = len(text[: place.start()].encode()) + len("%00") * error.start
            raise BadBody(not_utf8("the request body", byte)) from None
    raise BadBody("the request body is not an urlencoded form")


def put(form: dict[str, Any], name: str, value: object) -> None:
    """Set the value that a bracketed name spells: `a[b]` a key, `a[]` and `a[0]` a list.

    Without an index, a list's last object is filled until it has the key already: that is how
    the SDKs flatten a list of objects. Raises BadBody.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise BadBody(f"the form field name {name[:80]!r} cannot be understood")
    steps = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
    if len(steps) > MOST_NAME_DEPTH:
        raise BadBody(f"the form field name {name[:80]!r} is nested too deeply")
    try:
        _place(form, steps, value)
    except TypeError:
        raise BadBody(f"the form fields under {match[1][:80]!r} contradict each other") from None


def _place(holder: Any, steps: Sequence[str], value: object) -> None:
    head, *rest = steps
    if isinstance(holder, list):
        _place_in_list(holder, head, rest, value)
    elif not isinstance(holder, dict) or not head:
        raise TypeError
    elif head in holder and value == "":
        return  # an unfilled input beside one that is not
    elif not rest:
        if holder.get(head, "") != "":
            raise TypeError
        holder[head] = value
    else:
        if holder.get(head) == "":
            del holder[head]
        _place(holder.setdefault(head, _new_holder(rest[0])), rest, value)


def _place_in_list(holder: list[Any], head: str, rest: Sequence[str], value: object) -> None:
    index = int(head) if head.isdecimal() and len(head) < 4 else None
    if head and index is None:
        raise TypeError
    if index is None:
        index = len(holder) - 1 if rest and holder and not _has(holder[-1], rest) else len(holder)
    if index > len(holder) or index >= MOST_LIST_ITEMS or (not rest and index < len(holder)):
        raise TypeError
    if not rest:
        holder.append(value)
        return
    if index == len(holder):
        holder.append(_new_holder(rest[0]))
    _place(holder[index], rest, value)


def _new_holder(step: str) -> Any:
    return [] if step == "" or step.isdecimal() else {}


def _has(holder: Any, steps: Sequence[str]) -> bool:
    """Whether the place that `steps` spell is taken already."""
    for step in steps:
        if not isinstance(holder, dict) or step not in holder:
            return False
        holder = holder[step]
    return True


async def _all(receive: Receive, gate: Gate) -> bytes:
    piece, is_last = await _piece(receive, gate)
    if is_last:
        return piece
    pieces = [piece]
    while not is_last:
        piece, is_last = await _piece(receive, gate)
        pieces.append(piece)
    return b"".join(pieces)


async def _piece(receive: Receive, gate: Gate) -> tuple[bytes, bool]:
    """The next piece of a body, counted, and whether it is the last; raises ClientGone."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    piece: bytes = message.get("body", b"")
    gate.take(len(piece))
    return piece, not message.get("more_body", False)


def _begins_a_file(event: object) -> bool:
    return isinstance(event, multipart.MultipartSegment) and event.filename is not None


class _Part:
    """One field of a form after another, put into the form when it is whole."""

    def __init__(self, form: dict[str, Any]) -> None:
        self._form = form
        self._segment: multipart.MultipartSegment | None = None
        self._data = bytearray()

    def hear(self, event: multipart.MultipartSegment | bytearray | bytes | None) -> None:
        match event:
            case None:
                self._end()
            case bytes() | bytearray():
                self._data += event
            case _:
                self._segment = event

    def _end(self) -> None:
        data, self._data = bytes(self._data), bytearray()
        if self._segment is None:
            return
        # A browser sends a file without a name and without bytes for an input with no file chosen.
        is_file = bool(self._segment.filename) or (self._segment.filename == "" and bool(data))
        value = data if is_file else _text(data, self._segment)
        put(self._form, self._segment.name, value)


def _text(data: bytes, segment: multipart.MultipartSegment) -> str | bytes:
    """A field's text; what is a picture is a file whose sender gave it no name. Raises BadBody."""
    charset = (segment.charset or "").lower()
    if not is_recoded(data, charset):
        try:
            return data.decode()
        except UnicodeDecodeError:
            # Text of any encoding has no such bytes, and a file of any kind has.
            if format_of(data) is not None or _CONTROL.search(data, 0, _LOOKED_AT_BYTES):
                return data
    return utf8_of(data, charset, f"the form's field {segment.name[:80]!r}").decode()
