"""Requests and answers as the emulators see them: whole, small, and without a framework."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from io import BytesIO
from typing import Any, Literal

import msgspec
import multipart

from unstill.emulators.faults import Fault, FaultSite

MOST_BODY_BYTES = 80 * 1024**2  # two pictures of 20 MiB as base64, and room


class BodyPace(StrEnum):
    """How an answer's body is sent."""

    WHOLE = "whole"
    CUT = "cut"  # half of it, then the connection is dropped
    SLOW = "slow"  # a byte now and then, without an end
    HUGE = "huge"  # as the beginning of 50 GB, then the connection is dropped
    ENDLESS = "endless"  # and zeros behind it, as fast as they are taken


class Ask(msgspec.Struct, frozen=True):
    """One request, read to its end."""

    method: str
    path: str
    origin: str  # scheme and host as the client wrote them: links lead back there
    names: Mapping[str, str]  # what the path's placeholders matched
    query: Mapping[str, str]
    pairs: Sequence[tuple[str, str]]  # the same query, with names that come several times
    headers: Mapping[str, str]  # lower-case names
    body: bytes
    key: str  # without "Bearer "; empty if none came
    fault: Fault | None  # for the faults that lie inside an answer

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}
    pace: BodyPace = BodyPace.WHOLE
    job_id: str | None = None  # names the job that this request made


class Refusal(Exception):
    """The upstream says no; the emulator at work puts it into its upstream's words."""

    def __init__(
        self, status: int, code: str, message: str, *, param: str | None = None, kind: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind  # the word for the family of errors, where the upstream has one


class Endpoint(msgspec.Struct, frozen=True):
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    answer: Callable[[Ask], Answer]
    place: FaultSite | None = None  # None: never misbehaves
    place_of: Callable[[Ask], FaultSite] | None = None  # where a route is for several things
    needs_key: bool = True


class Part(msgspec.Struct, frozen=True):
    """One part of a multipart form; `file_name` None is a plain field."""

    name: str
    file_name: str | None
    content_type: str | None
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode(errors="replace")


def as_json(value: object, *, status: int = 200, job_id: str | None = None) -> Answer:
    return Answer(status, msgspec.json.encode(value), job_id=job_id)


def json_body(ask: Ask) -> Any:
    """Raises ValueError."""
    return msgspec.json.decode(ask.body)


def form_parts(ask: Ask) -> tuple[Part, ...]:
    """The parts of a multipart body, in their order. Raises ValueError."""
    _, options = multipart.parse_options_header(ask.headers.get("content-type", ""))
    boundary = options.get("boundary")
    if not boundary:
        raise ValueError("the multipart content type has no boundary")
    parser = multipart.MultipartParser(
        BytesIO(ask.body), boundary, memory_limit=MOST_BODY_BYTES, spool_limit=MOST_BODY_BYTES
    )
    return tuple(
        Part(
            name=part.name,
            file_name=part.filename,
            content_type=part.headers.get("content-type"),
            data=part.raw,
        )
        for part in parser
    )


def digest_of(value: object) -> int:
    """A number that equal bodies share, whatever the order of their fields."""
    data = msgspec.json.encode(value, order="deterministic")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def parts_value(parts: Sequence[Part]) -> dict[str, object]:
    """A form as a value for the log and the digest: files are named by what they hold."""
    return {
        part.name: part.text
        if part.file_name is None
        else {
            "file_name": part.file_name,
            "content_type": part.content_type,
            "size_bytes": len(part.data),
            "sha256": hashlib.sha256(part.data).hexdigest(),
        }
        for part in parts
    }
