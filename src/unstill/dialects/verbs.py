"""The verbs of jobs: what each asks of a dialect, and what can come of it.

Most are in some dialects only. The verbs of the server's own routes are in server/own_routes.py.
"""

from __future__ import annotations

import msgspec

from unstill.dialects.parameters import IDEMPOTENCY_KEY, LAST_EVENT_ID
from unstill.dialects.port import (
    Cancels,
    Deletes,
    Described,
    Dialect,
    KnowsUnknown,
    ListsByCursor,
    ListsByOffset,
    ServesContent,
    Streams,
    TakesUploads,
)
from unstill.dialects.route import Kinds, Response, ShownJob, Verb
from unstill.domain.access_errors import ModelNotAllowed, OverBudget, OverBytes, OverLimit
from unstill.domain.errors import (
    BadBody,
    BadField,
    BadImage,
    BadPolicy,
    BadSetting,
    EngineDied,
    JobDeleted,
    KeyReused,
    MissingField,
    NoSuchJob,
    Overloaded,
    ShuttingDown,
    StorageFailed,
    StorageFull,
    TooLateToCancel,
    UnknownModel,
    Unsupported,
    UpstreamError,
)
from unstill.domain.file_errors import BadRange, NotReady, NoVideo, VideoRemoved
from unstill.media.errors import BadVideo

EVENTS_TYPE = "text/event-stream"
MEDIA_TYPES = {  # by file name
    ".mp4": "video/mp4",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}

# BadBody: of a Range
FILE_ERRORS: Kinds = (NoSuchJob, NoVideo, VideoRemoved, BadRange, BadBody, StorageFailed)

_OF_JOB = Response(is_of_job=True)


def in_parts(*media_types: str) -> tuple[Response, ...]:
    """The answers about a file: whole, a part, nothing where the caller has it, or where it is."""
    known = ("etag", "last-modified", "cache-control")
    whole = (*known, "accept-ranges", "content-disposition")
    return (
        Response(200, "", media_types, whole),
        Response(206, "The part of the file asked for", media_types, (*whole, "content-range")),
        Response(304, "The caller has the file already", (), known),
        Response(
            307, "Where the file is, for some minutes", (), ("location", "cache-control")
        ),  # with `file_delivery = "redirect"`
    )


def unsupported(name: str, why: str) -> Verb[Described]:
    """A verb that some documents have, and that is never done here.

    It is served nevertheless: a 404 would tell an SDK that the job is not there.
    """
    return Verb(name, Described, errors=(Unsupported,), responses=(), unsupported=why)


def _no_such_job(_dialect: Dialect, shown: ShownJob) -> NoSuchJob:
    return NoSuchJob(shown.done.id)


def _policy(dialect: TakesUploads, shown: ShownJob) -> msgspec.Struct:
    host = shown.leave.upload_host + dialect.upload_path
    return dialect.policy(shown.call, msgspec.structs.replace(shown.leave, upload_host=host))


SUBMIT = Verb(
    "submit",
    Dialect,
    errors=(
        BadField,
        MissingField,
        BadImage,
        UnknownModel,
        ModelNotAllowed,
        KeyReused,
        JobDeleted,
        OverLimit,
        OverBytes,
        OverBudget,
        BadSetting,  # no engine for the model
        StorageFull,
        StorageFailed,
        ShuttingDown,
    ),
    responses=(Response(headers=("x-unstill-ignored",), is_of_job=True),),
    parameters=(IDEMPOTENCY_KEY,),
    shown=lambda dialect, shown: dialect.submitted(shown.new, shown.new_view),
    refused=lambda dialect, shown: BadField(
        dialect.form_names.get("duration", "duration"),
        "a whole number from 2 to 15",
        shown.too_long_s,
    ),
)
STATUS = Verb(
    "status",
    Dialect,
    is_of_job=True,
    errors=(BadField, NoSuchJob, StorageFailed),
    responses=(_OF_JOB,),
    shown=lambda dialect, shown: dialect.status(shown.done, shown.done_view),
    refused=_no_such_job,
)
STATUS_OF_ANY = Verb(  # also of what was never there
    "query",
    KnowsUnknown,
    is_of_job=True,
    errors=(BadField, StorageFailed),
    responses=(_OF_JOB,),
    shown=lambda dialect, shown: dialect.status(shown.done, shown.done_view),
)
EVENTS = Verb(
    "events",
    Streams,
    is_of_job=True,
    errors=(NoSuchJob, StorageFailed),
    responses=(
        Response(200, "Events", (EVENTS_TYPE,), ("x-unstill-engine", "cache-control")),
        Response(
            204,
            "The caller has the final event already",
            (),
            ("x-unstill-engine", "cache-control"),
        ),
    ),
    parameters=(LAST_EVENT_ID,),
    refused=_no_such_job,
)
LIST_BY_CURSOR = Verb(
    "list",
    ListsByCursor,
    errors=(BadField, StorageFailed, Overloaded),
    shown=lambda dialect, shown: dialect.listed([(shown.done, shown.done_view)], has_more=False),
)
LIST_BY_OFFSET = Verb(
    "numbered",
    ListsByOffset,
    errors=(BadField, StorageFailed, Overloaded),
    shown=lambda dialect, shown: dialect.list_by_offset(
        shown.call, dialect.wanted(shown.call), [shown.done], total=1
    ),
)
CANCEL = Verb(
    "cancel",
    Cancels,
    is_of_job=True,
    errors=(NoSuchJob, TooLateToCancel, StorageFull, StorageFailed, UpstreamError),
    shown=lambda dialect, shown: dialect.cancelled(shown.call),
)
DELETE = Verb(
    "delete",
    Deletes,
    is_of_job=True,
    errors=(NoSuchJob, StorageFull, StorageFailed),
    shown=lambda dialect, shown: dialect.deleted(shown.done),
    refused=_no_such_job,
)
CONTENT = Verb(
    "content",
    ServesContent,
    is_of_job=True,
    # The last four of drawing a picture of the video.
    errors=(*FILE_ERRORS, NotReady, BadField, BadVideo, EngineDied, ShuttingDown, StorageFull),
    responses=in_parts(*MEDIA_TYPES.values()),
    refused=_no_such_job,
)
UPLOAD_POLICY = Verb(
    "policy",
    TakesUploads,
    errors=(BadField, UnknownModel, ModelNotAllowed),
    shown=_policy,
)
UPLOAD = Verb(
    "upload",
    TakesUploads,
    errors=(BadPolicy, BadField, MissingField, OverBytes, StorageFull, StorageFailed),
    responses=(Response(media_types=()),),
)
