"""What a route is made of: its verb, its parameters, and what the description says of them.

A verb is a value. It names the port that a dialect has to have for it, and tells all that is the
same of it in every dialect; what it does is the server's (server/handlers.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar

import msgspec

from unstill.dialects.call import Call, JobView, UploadLeave
from unstill.domain.errors import UnstillError
from unstill.domain.job import Job
from unstill.models.card import Card

JSON = "application/json"
SHOWN_MODEL = "MODEL"  # in programs: one of this server's

# What a dialect has to have. Contravariant: a verb of any dialect is also one of this dialect.
Port_contra = TypeVar("Port_contra", contravariant=True)
Schema = Callable[[Sequence[Card]], dict[str, Any]]  # JSON Schema of a body, for these models
Kinds = tuple[type[UnstillError], ...]
Place = Literal["path", "query", "header"]


def text_schema() -> dict[str, Any]:
    return {"type": "string"}


class Parameter(msgspec.Struct, frozen=True):
    """What a call says besides its body and its key."""

    place: Place
    name: str
    about: str
    schema: dict[str, Any] = msgspec.field(default_factory=text_schema)
    is_needed: bool = False  # in a query or among the headers; a path has all of its own
    is_job_id: bool = False  # the id that the create call of the same dialect answered
    is_model: bool = False  # a name of a model that this server has


class Response(msgspec.Struct, frozen=True):
    """One answer of a verb that is no refusal."""

    status: int = 200
    about: str = ""  # empty: the route's summary
    media_types: tuple[str, ...] = (JSON,)  # JSON and events are described by the route's answers
    headers: tuple[str, ...] = ()  # besides x-request-id
    is_of_job: bool = False  # its headers say how the job waits
    events: tuple[str, ...] = ()  # the names that a stream's have; none: they have ids


class SdkProgram(msgspec.Struct, frozen=True):
    """A program with a vendor's own SDK that makes a job."""

    language: str
    label: str
    source: str  # its model is SHOWN_MODEL


class ShownJob(msgspec.Struct, frozen=True):
    """The job that the description of the API shows each verb's answer with, new and done."""

    new: Job
    done: Job
    call: Call
    link: str
    leave: UploadLeave
    too_long_s: int  # a duration that no model has

    @property
    def new_view(self) -> JobView:
        return JobView(self.call, url=None, progress=0.0)

    @property
    def done_view(self) -> JobView:
        return JobView(self.call, self.link, progress=1.0)


class Verb(msgspec.Struct, Generic[Port_contra], frozen=True, eq=False):
    """What a route does, in whatever dialect that has what its port asks for."""

    name: str
    port: type[Port_contra]
    errors: Kinds = ()  # that it can answer, besides those of every call
    responses: tuple[Response, ...] = (Response(),)
    parameters: tuple[Parameter, ...] = ()  # that it reads by itself, whatever the dialect
    # An example of its answer, and the refusal of it that a newcomer meets first.
    shown: Callable[[Port_contra, ShownJob], msgspec.Struct] | None = None
    refused: Callable[[Port_contra, ShownJob], UnstillError] | None = None
    # About one job: where that is there, it is no call that a limit on calls counts.
    is_of_job: bool = False
    unsupported: str = ""  # why it is never done, and what to do instead


class Route(msgspec.Struct, Generic[Port_contra], frozen=True):
    """One route: how it is matched, what it does, and how it is described."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str  # `{name}` is one segment, `{name:path}` the rest
    verb: Verb[Port_contra]
    summary: str
    answers: tuple[type, ...]  # any of them; empty: a file's bytes, a page, or nothing
    parameters: tuple[Parameter, ...] = ()  # besides the verb's
    body: Schema | None = None  # JSON has it
    shown_bodies: Mapping[str, Any] = {}  # examples, by what they show; a create call's cards have
    form: Schema | None = None  # a form has it, multipart or urlencoded; neither: no body is read
    most_body_bytes: int | None = None  # where that is small; None: what a server takes at most
    job_id_at: str = ""  # JSON pointer to the new job's id in the answer of a submit
    errors: Kinds = ()  # besides the verb's
    programs: tuple[SdkProgram, ...] = ()  # that make a create call
    is_open: bool = False  # asks for no key
    is_admin: bool = False  # for operators alone
    takes_ticket: bool = False  # in place of a key, as `ticket` in its query
    asks_itself: bool = False  # its verb asks who calls: an operator, or somebody at a known place
    # Its clients send it again by themselves: they are told not to where it may have been done.
    is_sent_again: bool = False

    @property
    def reads_body(self) -> bool:
        return self.body is not None or self.form is not None

    @property
    def makes_job(self) -> bool:
        return bool(self.job_id_at)

    def in_place(self, place: Place) -> tuple[Parameter, ...]:
        return tuple(each for each in self.parameters if each.place == place)
