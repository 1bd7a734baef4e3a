"""Unstill's own routes: models, health, signed links, the description of the API."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from unstill import __version__
from unstill.dialects.openai_errors import Error, enveloped
from unstill.dialects.parameters import UUID_SCHEMA
from unstill.dialects.port import Described
from unstill.dialects.route import JSON, Parameter, Response, Route, Verb
from unstill.dialects.verbs import FILE_ERRORS, MEDIA_TYPES, in_parts
from unstill.domain.access_errors import (
    AdminOnly,
    BadSignature,
    ModelNotAllowed,
    TooManyCallbacks,
)
from unstill.domain.errors import (
    BadField,
    BadLink,
    BodyTooLarge,
    NoSuchModel,
    NoSuchRoute,
    Overloaded,
    StorageFailed,
    UnstillError,
)
from unstill.server import (
    account_info,
    caller_tickets,
    console_files,
    own_job_routes,
    quotes,
    usage_report,
)
from unstill.server.account_info import AccountInfo
from unstill.server.caller_tickets import CallerTicket
from unstill.server.model_info import ModelInfo, ModelList
from unstill.server.usage_report import UsageReport

PAGE_TYPE = "text/html"
METRICS_TYPE = "text/plain"


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    status: Literal["ok", "stopping", "failing"]
    version: str
    reason: str = ""  # says why it fails
    held: int = 0  # jobs that wait for `unstill jobs release`


class EngineStall(msgspec.Struct, frozen=True):
    """Trouble of an engine on somebody else's server, which its jobs wait out."""

    engine: str
    holds_up: Literal["submits", "polls"]
    code: str
    message: str
    since: int  # Unix seconds


Unready = Literal["disk", "files", "store", "stopping"]


class Ready(msgspec.Struct, frozen=True):
    """Whether the server takes new jobs, and what holds up those that it has.

    reasons: why it takes none: its disk is full, its job store or the bucket of its files is away,
    it is about to end.
    """

    status: Literal["ready", "held_up", "not_ready", "stopping"]
    reasons: list[Unready]
    engines: list[EngineStall]  # empty for a caller without a key, where keys are needed
    jobs_held_up: int  # by what is wrong with them alone


class OwnRoutes:
    """The routes that belong to no vendor; errors in OpenAI's envelope."""

    name = "house"
    refusal = Error

    def __init__(self) -> None:
        self.routes = _ROUTES

    def error(self, error: UnstillError, request_id: str) -> Error:  # noqa: ARG002  - port's shape
        return enveloped(error)

    def error_status(self, kind: type[UnstillError]) -> int:
        return kind.status

    def error_code(self, kind: type[UnstillError]) -> str:
        return kind.code


_STALL = EngineStall(
    "gpu1",
    "polls",
    "connection_failed",
    "the upstream could not be connected to",
    1_795_850_000,
)
_STOPPING = Response(503, "The server is about to end, or cannot store")


def _kept(*media_types: str) -> tuple[Response, ...]:
    """The answers about a file that a browser keeps."""
    headers = ("etag", "cache-control")
    known = Response(304, "The caller has it already", (), headers)
    return Response(200, "", media_types, headers), known


MODELS = Verb("models", Described, errors=(StorageFailed,))
MODEL = Verb("model", Described, errors=(NoSuchModel, ModelNotAllowed, StorageFailed))
USAGE = Verb(
    "usage",
    Described,
    errors=(BadField, Overloaded, StorageFailed),
    shown=lambda _, __: usage_report.SHOWN,
)
ACCOUNT = Verb(
    "account",
    Described,
    errors=(StorageFailed,),
    shown=lambda _, __: account_info.SHOWN,
)
TICKET = Verb(
    "ticket",
    Described,
    responses=(Response(headers=("cache-control",)),),
    shown=lambda _, __: caller_tickets.SHOWN,
)
CALLBACK = Verb(
    "callback",
    Described,
    errors=(NoSuchRoute, TooManyCallbacks, BodyTooLarge, Overloaded, BadSignature),
    responses=(Response(204, "It is heeded, as a hint", ()),),
)
HEALTH = Verb(
    "health",
    Described,
    responses=(Response(), _STOPPING),
    shown=lambda _, __: Health("ok", __version__),
)
READY = Verb(
    "ready",
    Described,
    responses=(Response(), Response(503, "The server takes no new jobs")),
    shown=lambda _, __: Ready("held_up", [], [_STALL], 0),
)
METRICS = Verb(
    "metrics",
    Described,
    errors=(AdminOnly,),
    responses=(Response(media_types=(METRICS_TYPE,)),),
)
LINK = Verb(
    "link",
    Described,
    errors=(*FILE_ERRORS, BadLink),
    responses=in_parts(MEDIA_TYPES[".mp4"]),
)
OPENAPI = Verb("openapi", Described, responses=(Response(media_types=(JSON,)),))
DOCS = Verb("docs", Described, responses=(Response(media_types=(PAGE_TYPE,)),))
CONSOLE = Verb("console", Described, responses=_kept(PAGE_TYPE))
CONSOLE_FILE = Verb(
    "console_file",
    Described,
    errors=(NoSuchRoute,),
    responses=_kept(*dict.fromkeys(console_files.MEDIA_TYPES.values())),
)

_MODEL = Parameter("path", "model", "A model's id or alias.", is_model=True)
_LINKED = (
    Parameter("path", "job_id", "The id of the video.", UUID_SCHEMA),
    Parameter(
        "path",
        "variant",
        "The mp4, a WebP of its middle, or a JPEG with frames from all over it.",
        {"type": "string", "enum": ["video"]},  # a signed link is to no picture
    ),
    Parameter(
        "query",
        "expires",
        "Until when the link holds, in Unix seconds.",
        {"type": "integer"},
        is_needed=True,
    ),
    Parameter("query", "signature", "Of the link.", is_needed=True),
)
_CALLED_BACK = (
    Parameter("path", "engine", "The operator's name of the engine."),
    Parameter("path", "job_id", "The id of the job.", UUID_SCHEMA),
)
_CONSOLE_FILE_NAMED = (
    Parameter("path", "version", "Of all files of the page, which has it."),
    Parameter("path", "path", "Of the file in the page's folder."),
)


def _models(prefix: str = "") -> tuple[Route[Any], ...]:
    path = f"{prefix}/v1/models"
    return (
        Route("GET", path, MODELS, "List the models and what they take", (ModelList,)),
        Route("GET", path + "/{model:path}", MODEL, "Show one model", (ModelInfo,), (_MODEL,)),
    )


_ROUTES: tuple[Route[OwnRoutes], ...] = (
    *_models(),
    *_models("/openai"),  # where OpenAI's Azure client asks for them
    Route(
        "GET",
        "/v1/usage",
        USAGE,
        "Sum up what your own jobs were charged",
        (UsageReport,),
        usage_report.PARAMETERS,
    ),
    Route("GET", "/v1/account", ACCOUNT, "Tell who calls, and what it may", (AccountInfo,)),
    *own_job_routes.ROUTES,
    quotes.ROUTE,
    Route("POST", "/v1/tickets", TICKET, "Get a ticket in place of your key", (CallerTicket,)),
    Route(
        "POST",
        "/v1/callbacks/{engine}/{job_id}",
        CALLBACK,
        "Take a signed hint from an engine's upstream that a job has news",
        (),
        _CALLED_BACK,
        is_open=True,
    ),
    Route("GET", "/health", HEALTH, "Say whether the server is well", (Health,), is_open=True),
    Route("GET", "/ready", READY, "Say whether new jobs are taken", (Ready,), is_open=True),
    Route("GET", "/metrics", METRICS, "Tell Prometheus its figures", (), asks_itself=True),
    Route(
        "GET",
        "/files/{job_id}/{variant}.mp4",
        LINK,
        "Download a video by its signed link",
        (),
        _LINKED,
        is_open=True,
    ),
    Route("GET", "/openapi.json", OPENAPI, "Describe this API", (), is_open=True),
    Route("GET", "/", CONSOLE, "Show the console, a page for browsers", (), is_open=True),
    Route(
        "GET",
        "/console/{version}/{path:path}",
        CONSOLE_FILE,
        "Send a file of the console's page",
        (),
        _CONSOLE_FILE_NAMED,
        is_open=True,
    ),
    Route("GET", "/docs", DOCS, "Describe this API as a page", (), is_open=True),
)
