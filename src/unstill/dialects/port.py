"""What every dialect has, and what some have: a port for each thing that a dialect may do.

A dialect is pure: it turns a call into a `CreateCall` and a job into an answer. It knows no clock,
no network and no setting that is not handed to it. Which port a route asks for, its verb says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

import msgspec

from unstill.dialects.call import Call, JobView, UploadLeave
from unstill.dialects.route import Route
from unstill.domain.errors import UnstillError
from unstill.domain.job import Job, State, Variant, Vocabulary
from unstill.domain.request import CreateCall, GivenValue

Able = TypeVar("Able")


class Described(Protocol):
    """Any set of routes with an error envelope of its own."""

    name: str

    @property
    def routes(self) -> tuple[Route[Any], ...]: ...

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
        """Where a JSON body has each field's plain value, if it has it; a dot makes an object."""

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


class KnowsUnknown(Dialect, Protocol):
    """It has a status even for jobs that are not there."""

    def unknown(self, call: Call) -> msgspec.Struct: ...


class GivesAdvice(Dialect, Protocol):
    """Its answers may say when it is worth while to ask again."""

    def takes_advice(self, job: Job, call: Call) -> bool:
        """Whether the caller reads `openai-poll-after-ms`."""


class Streams(Dialect, Protocol):
    """It tells of a job as it moves."""

    def event(
        self, job: Job, view: JobView, *, queue_position: int | None, expected_ms: int | None
    ) -> msgspec.Struct:
        """expected_ms: when it is likely to end, in Unix milliseconds."""


class Cancels(Dialect, Protocol):
    """It stops a job, which stays to be asked for."""

    def cancelled(self, call: Call) -> msgspec.Struct: ...


class Deletes(Dialect, Protocol):
    """It stops a job, and nobody finds it any more."""

    def deleted(self, job: Job) -> msgspec.Struct: ...


class ServesContent(Dialect, Protocol):
    """It has a video's bytes, and pictures of it."""

    def variant(self, call: Call) -> Variant:
        """Raises BadField."""


class Paging(msgspec.Struct, frozen=True):
    """What a list by cursor asks for."""

    limit: int
    after: str | None
    newest_first: bool


class ListsByCursor(Dialect, Protocol):
    """It lists an owner's jobs, from one on."""

    def paging(self, call: Call) -> Paging:
        """Raises BadField."""

    def listed(self, page: Sequence[tuple[Job, JobView]], *, has_more: bool) -> msgspec.Struct: ...


class ListFilter(msgspec.Struct, frozen=True):
    """What a list by offset asks for; `states` and `model` None: any."""

    page_no: int
    page_size: int
    job_id: str | None
    window_ms: tuple[int, int] | None  # first and last moment; None: the last day
    model: str | None
    states: frozenset[State] | None

    def takes(self, job: Job) -> bool:
        """Whether a job that is named fits what else is asked for; a window counts where given."""
        since_ms, until_ms = self.window_ms or (0, job.created_ms)
        return (
            since_ms <= job.created_ms <= until_ms
            and (self.states is None or job.state in self.states)
            and (self.model is None or job.model == self.model)
        )


class ListsByOffset(Dialect, Protocol):
    """It lists an owner's jobs by numbered pages, and counts them."""

    def wanted(self, call: Call) -> ListFilter:
        """Raises BadField."""

    def list_by_offset(
        self, call: Call, wanted: ListFilter, jobs: Sequence[Job], *, total: int
    ) -> msgspec.Struct: ...


class UploadForm(msgspec.Struct, frozen=True):
    """One file and what was signed for it."""

    policy: str
    signature: str
    key: str
    data: bytes


class TakesUploads(Dialect, Protocol):
    """Its pictures may be sent ahead of their requests."""

    upload_prefix: str  # begins the address of an uploaded file in a create call
    upload_path: str  # where a file is sent to

    def policy_model(self, call: Call) -> GivenValue:
        """The model that a policy is asked for; raises BadField."""

    def policy(self, call: Call, leave: UploadLeave) -> msgspec.Struct: ...

    def upload_leave(self, form: Mapping[str, Any]) -> tuple[str, str, str]:
        """Policy, signature and key of an upload's form, before its file; raises MissingField."""

    def upload_form(self, call: Call) -> UploadForm:
        """The whole form; raises BadField or BadBody."""


def able(dialects: Iterable[Described], port: type[Able]) -> dict[Described, Able]:
    """Those of the dialects that have what the port asks for, as such."""
    return {each: cast("Able", each) for each in dialects if not _lacking(each, port)}


def check(dialect: Described) -> None:
    """Raises TypeError where a route promises what its dialect does not have."""
    for route in dialect.routes:
        where = f"{type(dialect).__name__}, {route.method} {route.path}"
        port = route.verb.port
        if lacking := _lacking(dialect, port):
            needs = f"the verb {route.verb.name!r} needs a dialect that is {port.__name__}"
            raise TypeError(f"{where}: {needs}, and it lacks {', '.join(lacking)}")
        named = re.findall(r"\{(\w+)", route.path)
        if named != [each.name for each in route.in_place("path")]:
            raise TypeError(f"{where}: its parameters in the path must be {named}, in this order")


def _lacking(dialect: Described, port: type) -> list[str]:
    return sorted({name for name in _members(port) if not hasattr(dialect, name)})


def _members(port: type) -> Iterator[str]:
    for each in port.__mro__:
        for name in (*vars(each), *getattr(each, "__annotations__", ())):
            if not name.startswith("_"):
                yield name
