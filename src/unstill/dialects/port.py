"""What every dialect is made of: its routes, the call it reads, and what it is told of a job.

A dialect is pure: it turns a call into a `CreateCall` and a job into an answer. It knows no clock,
no network and no setting that is not handed to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from unstill.domain.delivery import MOST_URL_CHARS
from unstill.domain.errors import BadBody, BadField, MissingField, UnstillError
from unstill.domain.job import Job, Vocabulary
from unstill.domain.request import CreateCall, GivenValue, says_nothing
from unstill.domain.stall import Stall
from unstill.models.card import Card

Verb = Literal[
    "submit",
    "status",
    "query",
    "events",
    "list",
    "numbered",
    "cancel",
    "delete",
    "content",
    "link",
    "remix",
    "edit",
    "extend",
    "character",
    "policy",
    "upload",
    "models",
    "model",
    "health",
    "ready",
    "openapi",
    "docs",
    "home",
]
Schema = Callable[[Sequence[Card]], dict[str, Any]]  # JSON Schema of a body, for these models

# The spellings of a field that no document of these models has; the last is the one that is told.
_OTHER_RATIOS = ("orientation", "aspectRatio", "ratio")
ASPECT_RATIOS = dict.fromkeys((*_OTHER_RATIOS, "aspect_ratio"), "aspect_ratio")
UNTOLD = frozenset(_OTHER_RATIOS)  # in the schemas: each rule between two names is there many times
WEBHOOK_URL = "webhook_url"  # ours: no documented API has one per request
WEBHOOK_SCHEMA: dict[str, Any] = {
    "description": (
        "Where to POST one signed event when the video is there or will never be: an http or https"
        " URL of the public internet"
    ),
    "type": ["string", "null"],
    "format": "webhook-url",
    "maxLength": MOST_URL_CHARS,
}


class Call(msgspec.Struct, frozen=True):
    """One request to the server, as a dialect sees it."""

    request_id: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: object = None  # JSON, or a form made into the same shape; uploads are bytes
    is_form: bool = False


class JobView(msgspec.Struct, frozen=True):
    """What an answer about a job needs besides its row."""

    call: Call
    url: str | None  # signed link to the finished video, for a dialect that shows it
    progress: float  # 0 to 1
    stall: Stall | None = None  # why it waits longer than it should
    # The caller's names of what had no effect; only a submit has them.
    ignored: list[str] | msgspec.UnsetType = msgspec.UNSET


class Route(msgspec.Struct, frozen=True):
    """One route: how it is matched, what it does, and how it is described."""

    method: Literal["GET", "POST", "DELETE"]
    path: str  # `{name}` is one segment, `{name:path}` the rest
    verb: Verb
    summary: str
    answers: tuple[type, ...]  # any of them; empty: a file's bytes, a page, or nothing
    body: Schema | None = None  # JSON has it
    form: Schema | None = None  # a form has it, multipart or urlencoded; neither: no body is read
    job_id_at: str = ""  # JSON pointer to the new job's id in the answer of a submit
    query: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()  # the query must have them
    switches: tuple[str, ...] = ()  # headers whose only value is `enable`; the first is needed
    is_open: bool = False  # asks for no key
    # Its clients send it again by themselves: they are told not to where it may have been done.
    is_sent_again: bool = False

    @property
    def reads_body(self) -> bool:
        return self.body is not None or self.form is not None


class Described(Protocol):
    """Any set of routes with an error envelope of its own."""

    name: str
    routes: tuple[Route, ...]

    @property
    def refusal(self) -> type[msgspec.Struct]:
        """What `error` answers; its name is no other answer's name."""

    def error(self, error: UnstillError, request_id: str) -> msgspec.Struct: ...

    def error_status(self, kind: type[UnstillError]) -> int:
        """The error's own HTTP status, or the one that this API documents for it."""

    def error_code(self, kind: type[UnstillError]) -> str:
        """The word for programs that `error` shows of it."""


class Dialect(Described, Protocol):
    """Routes, words and errors of one documented API for jobs."""

    shows_link: bool  # whether an answer holds the video's signed link: signing takes its time

    @property
    def form_names(self) -> Mapping[str, str]:
        """Where a JSON body has each field's plain value; a dot makes an object."""

    def parse(self, call: Call) -> CreateCall:
        """The create request in canonical field names; raises CallerError."""

    def words(self, call: Call) -> Vocabulary:
        """The state words that this create call documents at /v1/videos."""

    def job_id(self, call: Call) -> str:
        """Which job a status, content or delete call is about; raises MissingField."""

    def state_word(self, job: Job, call: Call) -> str:
        """The job's state in this dialect's word."""

    def submitted(self, job: Job, view: JobView) -> msgspec.Struct: ...

    def status(self, job: Job, view: JobView) -> msgspec.Struct: ...


def as_object(value: object, param: str) -> dict[str, Any]:
    """`value` as a JSON object; one that says nothing is empty, such as PHP's `[]`."""
    if says_nothing(value):
        return {}
    if not isinstance(value, dict):
        raise BadField(param, "an object", value)
    return value


def body_of(call: Call) -> dict[str, Any]:
    if not isinstance(call.body, dict):
        raise BadBody("the request body must be a JSON object")
    return call.body


def given_model(body: Mapping[str, Any], default: str | None = None) -> GivenValue:
    value = body.get("model")
    if says_nothing(value):
        value = default
    if value is None:
        raise MissingField("model", "the name of a model, see /v1/models")
    if not isinstance(value, str):
        raise BadField("model", "the name of a model, see /v1/models", value)
    return GivenValue("model", value)


def given_webhook(body: Mapping[str, Any]) -> GivenValue | None:
    """Where the caller wants to be told of the end; the same in every dialect."""
    value = body.get(WEBHOOK_URL)
    return None if says_nothing(value) else GivenValue(WEBHOOK_URL, value)


def read_fields(
    section: Mapping[str, Any], names: Mapping[str, str], prefix: str
) -> dict[str, GivenValue]:
    """The fields of a section under their canonical names; `names` maps wire to canonical.

    Raises BadField where two spellings of one field disagree.
    """
    found: dict[str, GivenValue] = {}
    for wire, canonical in names.items():
        value = section.get(wire)
        if value is None:
            continue
        given = GivenValue(prefix + wire, value)
        if canonical in found:
            add_field(found, canonical, given)
        else:
            found[canonical] = given
    return found


def add_field(found: dict[str, GivenValue], name: str, given: GivenValue) -> None:
    """Add what was given for a field, which may be there under another spelling.

    One that says nothing gives way to one that does. Raises BadField where both do and disagree.
    """
    earlier = found.setdefault(name, given)
    if earlier is given or says_nothing(given.value):
        return
    if says_nothing(earlier.value):
        found[name] = given
    elif str(earlier.value) != str(given.value):
        raise BadField(given.param, f"the same as {earlier.param}", given.value)
