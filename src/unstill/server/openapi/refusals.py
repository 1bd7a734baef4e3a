"""Which errors each verb can answer: the one place from which the API's refusals are described."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from unstill.dialects.apis.videos.unsupported import LACKING
from unstill.dialects.port import Described, Route, Verb
from unstill.domain.errors import (
    BadBody,
    BadField,
    BadImage,
    BadKey,
    BadLink,
    BadPolicy,
    BadRange,
    BadSetting,
    BodyTooLarge,
    EngineDied,
    ForeignHost,
    ForeignOrigin,
    JobDeleted,
    KeyReused,
    MissingField,
    NoSuchJob,
    NotReady,
    NoVideo,
    Overloaded,
    OwnError,
    ShuttingDown,
    StorageFailed,
    StorageFull,
    SynchronousCall,
    TooLateToCancel,
    UnknownModel,
    UnstillError,
    Unsupported,
    UnsupportedBody,
    UpstreamError,
)
from unstill.media.errors import BadVideo

Kinds = tuple[type[UnstillError], ...]

_OF_BODIES: Kinds = (BadBody, BodyTooLarge, UnsupportedBody, Overloaded)
_OF_FILES: Kinds = (NoSuchJob, NoVideo, BadRange, BadBody, StorageFailed)  # BadBody: of a Range
OF_VERBS: Mapping[Verb, Kinds] = {
    "submit": (
        BadField,
        MissingField,
        BadImage,
        UnknownModel,
        KeyReused,
        JobDeleted,
        BadSetting,  # no engine for the model
        StorageFull,
        StorageFailed,
        ShuttingDown,
    ),
    "status": (BadField, NoSuchJob, StorageFailed),
    "query": (BadField, StorageFailed),
    "events": (NoSuchJob, StorageFailed),
    "list": (BadField, StorageFailed, Overloaded),
    "numbered": (BadField, StorageFailed, Overloaded),
    "cancel": (NoSuchJob, TooLateToCancel, StorageFull, StorageFailed, UpstreamError),
    "delete": (NoSuchJob, StorageFull, StorageFailed),
    # The last four of drawing a picture of the video.
    "content": (*_OF_FILES, NotReady, BadField, BadVideo, EngineDied, ShuttingDown, StorageFull),
    "link": (*_OF_FILES, BadLink),
    **dict.fromkeys(LACKING, (Unsupported,)),
    "policy": (BadField, UnknownModel),
    "upload": (BadPolicy, BadField, MissingField, StorageFull, StorageFailed),
    "models": (StorageFailed,),
    "model": (UnknownModel, StorageFailed),
    "health": (),
    "ready": (),
    "openapi": (),
    "docs": (),
    "home": (),
}


def refusals(dialect: Described, route: Route) -> dict[int, list[type[UnstillError]]]:
    """The errors that a route can answer, by the status that its dialect documents for each."""
    by_status: dict[int, list[type[UnstillError]]] = {}
    for kind in _kinds(route):
        by_status.setdefault(dialect.error_status(kind), []).append(kind)
    return dict(sorted(by_status.items()))


def _kinds(route: Route) -> Iterator[type[UnstillError]]:
    yield from OF_VERBS[route.verb]
    if route.needed:
        yield MissingField
    if route.reads_body:
        yield from _OF_BODIES
    if route.switches:
        yield SynchronousCall
    if not route.is_open:
        yield BadKey
    # Only servers without keys say these.
    yield ForeignHost
    if route.method != "GET":
        yield ForeignOrigin
    yield OwnError
