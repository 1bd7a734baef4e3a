"""The last requests an emulator got, whole but for keys and the bulk of pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.wire import Ask, form_parts, json_body, parts_value

KEY_HEADERS = frozenset({"authorization", "api-key"})
MOST_TEXT = 2000  # characters of one value; a data URL is far longer
SHOWN_TEXT = 100
KEPT_RAW_BYTES = 64 * 1024


class Entry(msgspec.Struct):
    """One request; `status` None: the connection was dropped."""

    number: int
    at_ms: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    place: FaultSite | None
    fault: Fault | None = None
    status: int | None = None
    job_id: str | None = None  # names the job that it made, if it made one


class Log:
    def __init__(self, most: int) -> None:
        self._entries: deque[tuple[Entry, Ask | None]] = deque(maxlen=most)
        self._count = 0
        self.submits = 0

    def note(self, ask: Ask, place: FaultSite | None, at_ms: int) -> Entry:
        self._count += 1
        self.submits += place is FaultSite.SUBMIT
        headers = {name: text for name, text in ask.headers.items() if name not in KEY_HEADERS}
        is_small = len(ask.body) <= KEPT_RAW_BYTES
        entry = Entry(
            number=self._count,
            at_ms=at_ms,
            method=ask.method,
            path=ask.path,
            query=ask.query,
            headers=headers,
            body=None if is_small else body_value(ask),
            place=place,
            fault=ask.fault,
        )
        # A small body is decoded when somebody looks: most are never looked at.
        self._entries.append((entry, ask if is_small and ask.body else None))
        return entry

    def last(self, limit: int) -> Sequence[Entry]:
        """Oldest first."""
        entries = list(self._entries)[-limit:] if limit else []
        return [
            entry if ask is None else msgspec.structs.replace(entry, body=body_value(ask))
            for entry, ask in entries
        ]


def body_value(ask: Ask) -> Any:
    """A body as a value, with long texts cut; what cannot be read is described."""
    try:
        if ask.content_type == "multipart/form-data":
            return shortened(parts_value(form_parts(ask)))
        return shortened(json_body(ask))
    except ValueError:
        return f"{len(ask.body)} bytes of {ask.content_type or 'no type'}"


def shortened(value: Any) -> Any:
    match value:
        case str() if len(value) > MOST_TEXT:
            return f"{value[:SHOWN_TEXT]}… ({len(value)} characters)"
        case dict():
            return {name: shortened(each) for name, each in value.items()}
        case list():
            return [shortened(each) for each in value]
        case _:
            return value
