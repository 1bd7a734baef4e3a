"""Forms, multipart or urlencoded, as the nested values that their bracketed names spell.

`input_reference[content][][image_url][url]` is a list of objects; an uploaded file is its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import multipart

from unstill.domain.errors import BadBody, UnsupportedBody
from unstill.media.picture_formats import format_of
from unstill.server.body_encoding import check_count, is_recoded, is_text, not_utf8, utf8_of
from unstill.server.percent_escapes import unescaped

MOST_FORM_FIELDS = 200
MOST_ESCAPES = 1_000_000  # a picture's base64 has three in 100 bytes
MOST_NAME_DEPTH = 12
MOST_LIST_ITEMS = 32
LARGE_FORM_CHARS = 64 * 1024  # from there on, by what makes no object of each escape

_LOOKS_LIKE_JSON = "this looks like JSON: send Content-Type: application/json"
_CONTROL = re.compile(rb"[\0-\x08]")
_LOOKED_AT_BYTES = 4096  # no more of a field that may be a file is looked at
_RUN_OF_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)

Form = dict[str, Any]


def from_urlencoded(data: bytes, charset: str = "") -> Form:
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
    form: Form = {}
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
    # The place is not looked for in a large one: it is no prompt that a person has typed.
    for place in _RUN_OF_ESCAPES.finditer(text[:LARGE_FORM_CHARS]):
        run = unescaped(place[0].encode())
        try:
            run.decode()
        except UnicodeDecodeError as error:
            byte = len(text[: place.start()].encode()) + len("%00") * error.start
            raise BadBody(not_utf8("the request body", byte)) from None
    raise BadBody("the request body is not an urlencoded form")


def put(form: Form, name: str, value: object) -> None:
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


class MultipartForm:
    """A multipart body, piece by piece; `fields` is the form so far.

    begins_file: told the form as it is when a file begins, before any of the file is taken.
    """

    def __init__(
        self, content_type: str, *, begins_file: Callable[[Form], object] | None = None
    ) -> None:
        """Raises BadBody."""
        boundary = _BOUNDARY.search(content_type)
        if boundary is None:
            raise BadBody(
                "the multipart content type has no boundary: "
                "let your HTTP library set the content type"
            )
        self.fields: Form = {}
        self._begins_file = begins_file
        self._part = _Part(self.fields)
        self._start = b""
        try:
            self._parser = multipart.PushMultipartParser(
                boundary[1], max_segment_count=MOST_FORM_FIELDS
            )
        except multipart.MultipartError as error:  # a line feed in it
            raise self._refusal(error) from None

    def feed(self, piece: bytes) -> None:
        """Raises BadBody, UnsupportedBody."""
        if not piece:  # that would be the end
            return
        self._start = self._start or piece[:64].lstrip()
        try:
            for event in self._parser.parse(piece):
                self._part.hear(event)
                if self._begins_file is not None and _begins_a_file(event):
                    self._begins_file(self.fields)
        except multipart.MultipartError as error:
            raise self._refusal(error) from None

    def close(self) -> None:
        """Raises BadBody, UnsupportedBody if it is not whole."""
        try:
            self._parser.close()
        except multipart.MultipartError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: multipart.MultipartError) -> BadBody:
        if self._start.startswith(b"{"):
            return UnsupportedBody(_LOOKS_LIKE_JSON)
        # The first argument is the sentence; an error that caused it may follow.
        return BadBody(f"the multipart body cannot be read: {error.args[0]}")


def _begins_a_file(event: object) -> bool:
    return isinstance(event, multipart.MultipartSegment) and event.filename is not None


class _Part:
    """One field of a form after another, put into the form when it is whole."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._segment: multipart.MultipartSegment | None = None
        self._data = BytesIO()  # gives its bytes away without a copy

    def hear(self, event: multipart.MultipartSegment | bytearray | bytes | None) -> None:
        match event:
            case None:
                self._end()
            case bytes() | bytearray():
                self._data.write(event)
            case _:
                self._segment = event

    def _end(self) -> None:
        data, self._data = self._data.getvalue(), BytesIO()
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
