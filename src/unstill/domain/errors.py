"""The error tree, in four families by who must act.

UnstillError
├── CallerError                the caller changes the request
│   ├── BadField               a known field with a wrong type or value
│   │   ├── MissingField
│   │   ├── UnknownModel
│   │   │   └── NoSuchModel    it is asked for by its place
│   │   └── BadImage           a first or last frame that cannot be used
│   ├── BadBody                not JSON, not a form, cut short, too deep
│   │   ├── BodyTooLarge
│   │   └── UnsupportedBody    a content type that no route takes
│   ├── BadKey                 no API key, or one that is not good, or not from there
│   ├── AdminOnly              an API key that is good, for what operators alone may ask
│   ├── NoSuchKey              an operator names a key that is not there
│   ├── KeyEnded               an operator replaces a key that is good no more
│   ├── NotInDoubt             an operator resolves a job of which all is known
│   ├── ResolvedOtherwise      an operator has said another word of it before
│   ├── ModelNotAllowed        a model that the API key is not for
│   ├── BadLink                a signed link that is forged or over
│   ├── KeyReused              an Idempotency-Key sent before with another request
│   ├── BadPolicy              an upload policy that is forged, over, or for another file
│   ├── OverLimit              an owner's limit is reached for now; says when to try again
│   ├── OverBytes              what an owner may store is stored
│   ├── SynchronousCall        a create call that would wait for the video
│   ├── ForeignHost            a server without keys, called by a name that is not its own
│   ├── ForeignOrigin          a server without keys, told to do something by another's page
│   ├── NoSuchRoute, WrongMethod
│   ├── NoSuchJob              unknown, deleted, or somebody else's
│   │   └── JobDeleted         the one that a create call's Idempotency-Key made
│   ├── TooLateToCancel        the job goes on, or has ended
│   ├── Unsupported            a verb of a documented API that makes no sense here
│   ├── NotReady               the video is asked for before it is there
│   ├── NoVideo                the video is asked for and never will be there
│   │   └── VideoRemoved       it was, for as long as this server keeps videos
│   ├── NoPicture              a job's own picture that is not there
│   │   └── PictureRemoved     it was, for as long as this server keeps pictures
│   └── BadRange               bytes outside the file
├── UpstreamError              somebody else's server refused or failed
│   ├── TicketTaken            its ticket for a job is that of another one
│   └── FetchFailed            a caller's address gave no picture; says why
├── OperatorError              a setting or this machine: says what mends it
│   ├── BadSetting
│   ├── DataFolderBusy
│   └── StoreRefused           the job store is not the one that the data folder had
└── OwnError                   us
    ├── StorageFull
    ├── StorageFailed
    ├── Overloaded
    ├── ShuttingDown
    └── EngineDied             a child process ended without a last word

Every error carries `code`, a short stable word, and `status`, the HTTP status that the border
answers with; a dialect that documents another word or status for it shows that. What a caller may
not do by key, limit or address, and what an operator may not (AdminOnly, NoSuchKey, KeyEnded,
NotInDoubt, ResolvedOtherwise, ModelNotAllowed, OverLimit, OverBytes, ForeignHost, ForeignOrigin) is
in access_errors.py; what may be wrong with a job's files (NotReady to BadRange) in file_errors.py.
"""

from __future__ import annotations

import re
from typing import ClassVar


class UnstillError(Exception):
    """The root: `str(error)` is a sentence for a person, `code` a word for a program."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


# --- the caller --------------------------------------------------------------------------------


class CallerError(UnstillError):
    code = "invalid_request"
    status = 400


class BadField(CallerError):
    """A known field with a wrong type or value; `param` is the caller's own name for it.

    `got` is what was sent, `found` what is wrong in it, in our words; with `found` alone, what was
    sent is not to be shown. `meant` is an allowed value that is near it.
    """

    code = "invalid_parameter"

    def __init__(
        self,
        param: str,
        allowed: str,
        got: object = None,
        *,
        found: str = "",
        meant: str | None = None,
    ) -> None:
        told = shown(got) if not found else f"{shown(got)} ({found})" if got is not None else found
        near = f"; did you mean {meant}?" if meant is not None else ""
        super().__init__(f"{param} must be {allowed}, got {told}{near}")
        self.param = param
        self.allowed = allowed
        self.got = got
        self.found = found


class MissingField(BadField):
    code = "missing_parameter"

    def __init__(self, param: str, allowed: str = "given") -> None:
        UnstillError.__init__(self, f"{param} is required: {allowed}")
        self.param = param
        self.allowed = allowed
        self.got = None
        self.found = ""


class UnknownModel(BadField):
    code = "model_not_found"

    def __init__(self, param: str, got: object, allowed: str, meant: str | None = None) -> None:
        super().__init__(param, allowed, got, meant=meant)


class NoSuchModel(UnknownModel):
    """An unknown one where no call is to be made with it: there is nothing at its place."""

    status = 404

    def __init__(self, unknown: UnknownModel) -> None:
        UnstillError.__init__(self, unknown.message)
        self.param, self.allowed = unknown.param, unknown.allowed
        self.got, self.found = unknown.got, unknown.found


class BadImage(BadField):
    """A first or last frame that cannot be used, found at create or when it was fetched."""

    code = "invalid_image"

    def __init__(self, param: str, reason: str) -> None:
        UnstillError.__init__(self, f"{param}: {reason}")
        self.param = param
        self.allowed = reason
        self.got = None
        self.found = ""


class BadBody(CallerError):
    code = "invalid_body"


class BodyTooLarge(BadBody):
    code = "body_too_large"
    status = 413

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the request body is larger than {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


class UnsupportedBody(BadBody):
    code = "unsupported_content_type"
    status = 415


class BadKey(CallerError):
    code = "invalid_api_key"
    status = 401


class BadLink(CallerError):
    code = "invalid_link"
    status = 403


class KeyReused(CallerError):
    """Not 409, which OpenAI's SDKs send again."""

    code = "idempotency_key_reused"
    status = 422
    param = "Idempotency-Key"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the Idempotency-Key {shown(key)} was sent with other fields before: "
            "send those, or a new key"
        )
        self.key = key


class BadPolicy(CallerError):
    code = "invalid_policy"
    status = 403


class SynchronousCall(CallerError):
    code = "synchronous_call"
    status = 403


class NoSuchRoute(CallerError):
    code = "not_found"
    status = 404


class WrongMethod(CallerError):
    code = "method_not_allowed"
    status = 405

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class NoSuchJob(CallerError):
    code = "task_not_found"
    status = 404

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no task {shown(job_id)}")
        self.job_id = job_id


class JobDeleted(NoSuchJob):
    def __init__(self, job_id: str) -> None:
        CallerError.__init__(
            self,
            f"the Idempotency-Key made task {shown(job_id)}, which was deleted: send a new key",
        )
        self.job_id = job_id


class TooLateToCancel(CallerError):
    code = "too_late_to_cancel"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"task {shown(job_id)} cannot be cancelled any more")
        self.job_id = job_id


class Unsupported(CallerError):
    """Not 404, which says that the video is not there, and nothing that an SDK sends again."""

    code = "unsupported"


# --- the upstream ------------------------------------------------------------------------------


class UpstreamError(UnstillError):
    code = "upstream_error"
    status = 502


class TicketTaken(UpstreamError):
    def __init__(self, ticket: str) -> None:
        super().__init__(f"it answered with the id of another task, {shown(ticket)}")
        self.ticket = ticket


class FetchFailed(UpstreamError):
    """A caller's address was refused or did not give its bytes; `reason` is for them.

    `is_passing`: the trouble of a moment, which the next try may not meet.
    """

    code = "fetch_failed"
    status = 400

    def __init__(
        self, reason: str, *, is_passing: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_passing = is_passing
        self.retry_after_s = retry_after_s  # as the address asked for


# --- the operator ------------------------------------------------------------------------------


class OperatorError(UnstillError):
    code = "misconfigured"
    status = 503


class BadSetting(OperatorError):
    """A setting that stops the start; names it and what mends it."""

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(f"{setting}: {reason}")
        self.setting = setting
        self.reason = reason


class DataFolderBusy(OperatorError):
    """Another server holds the data folder's lock."""


class StoreRefused(OperatorError):
    """The job store is lost, older than its folder, or another folder's."""


# --- us ----------------------------------------------------------------------------------------


class OwnError(UnstillError):
    pass


class StorageFull(OwnError):
    code = "storage_full"
    status = 507


class StorageFailed(OwnError):
    code = "storage_failed"
    status = 503


class Overloaded(OwnError):
    code = "overloaded"
    status = 503


class ShuttingDown(OwnError):
    code = "shutting_down"
    status = 503


class EngineDied(OwnError):
    """A child process ended without a result; `last_words` is the end of what it printed.

    Only their last line is in the message, without paths: a trace is for the log.
    """

    code = "engine_died"

    def __init__(self, what: str, last_words: str) -> None:
        said = ", and said nothing"
        if lines := last_words.strip().splitlines():
            last_line = re.sub(r"(/[^\s/:]+)+", lambda path: path[0].rpartition("/")[2], lines[-1])
            said = f": {shown(last_line, most=200)}"
        super().__init__(f"{what} ended without a result{said}")
        self.last_words = last_words


def shown(value: object, most: int = 80) -> str:
    """`value` as a caller wrote it, cut to `most` characters: image bytes never fill a message."""
    match value:
        case str():
            text = repr(value[: most + 1])
        case bytes() | bytearray() | memoryview():
            return f"{len(value)} bytes"
        case list():
            return "a list"
        case dict():
            return "an object"
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case _:
            text = repr(value)
    return text if len(text) <= most + 2 else text[:most] + "…"
