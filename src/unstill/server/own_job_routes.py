"""The routes of an owner's own jobs in unstill's words, and what each answers."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from unstill.dialects.call import Call
from unstill.dialects.port import Described
from unstill.dialects.route import Parameter, Response, Route, ShownJob, Verb
from unstill.dialects.verbs import EVENTS_TYPE, in_parts
from unstill.domain.errors import BadBody, BadField, NoSuchJob, Overloaded, StorageFailed
from unstill.domain.file_errors import BadRange, NoPicture, PictureRemoved
from unstill.domain.money import PriceBasis
from unstill.domain.moves import moves_of
from unstill.domain.request import Role
from unstill.models.field_kinds import Whole
from unstill.server import job_filters, own_events
from unstill.server.own_events import GoneJob, Nothing
from unstill.server.own_jobs import JobCharge, OwnJob, OwnJobDetails, OwnJobs, video_told
from unstill.server.picture_file import HARMLESS, PICTURE_TYPES, UNKNOWN_TYPE
from unstill.store.ports.job_lists import Among

LIMIT = Whole(least=1, most=500)

FILTERS = (
    job_filters.STATE,
    job_filters.MODEL,
    job_filters.ENGINE,
    job_filters.PROMPT,
    job_filters.SINCE,
    job_filters.UNTIL,
    job_filters.limit_up_to(LIMIT),
    job_filters.AFTER,
)


class OwnWanted(msgspec.Struct, frozen=True):
    """A page of an owner's jobs as it is asked for."""

    among: Among
    limit: int
    after: str | None


def own_wanted_in(call: Call) -> OwnWanted:
    """Raises BadField."""
    query = call.query
    return OwnWanted(
        Among(
            states=job_filters.states_in(query),
            model=job_filters.name_in(query, "model"),
            engine=job_filters.name_in(query, "engine"),
            prompt=job_filters.name_in(query, "prompt", job_filters.MOST_PROMPT_CHARS),
            since_ms=job_filters.time_in(query, "since_ms"),
            until_ms=job_filters.time_in(query, "until_ms"),
        ),
        limit=job_filters.limit_in(query, LIMIT),
        after=job_filters.after_in(query),
    )


def role_in(call: Call) -> Role:
    """Raises BadField."""
    given = call.path["role"]
    role = next((each for each in get_args(Role) if each == given), None)
    if role is None:
        raise BadField("role", " or ".join(get_args(Role)), given)
    found: Role = role
    return found


def _fields_of(shown: ShownJob) -> dict[str, Any]:
    job = shown.done
    return {
        "id": job.id,
        "model": job.model,
        "engine": job.engine,
        "made_by": job.engine,
        "state": job.state,
        "prompt": job.request.prompt,
        "created_ms": job.created_ms,
        "started_ms": job.started_ms,
        "ended_ms": job.ended_ms,
        "progress": 1.0,
        "duration_s": job.request.duration_s,
        "seed": job.request.seed,
        "size": job.size,
        "wants_cancel": False,
        "error": None,
        "waiting": None,
        "queue_position": None,
        "expected_end_ms": None,
        "video": None if job.video is None else video_told(job.video, None),
        "unheard": job.unheard,
    }


def _details_of(shown: ShownJob) -> OwnJobDetails:
    job = shown.done
    return OwnJobDetails(
        **_fields_of(shown),
        dialect=job.dialect,
        request_id=shown.call.request_id,
        request=job.request,
        moves=moves_of(job),
        attempt=job.attempt,
        usage=job.usage,
        money=JobCharge(PriceBasis.PRICE, "EUR", "0", "0.45"),
        link=shown.link,
        link_until_ms=1_795_258_800_000,
        pictures=["first"],
        delivery=None,
    )


def _picture_answers() -> tuple[Response, ...]:
    """Those about a file, but for being led elsewhere."""
    whole, part, known, _ = in_parts(*PICTURE_TYPES.values(), UNKNOWN_TYPE)
    return (_harmless(whole), _harmless(part), known)


def _harmless(response: Response) -> Response:
    return msgspec.structs.replace(response, headers=(*response.headers, *HARMLESS))


OWN_JOBS = Verb(
    "own_jobs",
    Described,
    errors=(BadField, Overloaded, StorageFailed),
    shown=lambda _, shown: OwnJobs([OwnJob(**_fields_of(shown))], None),
)
OWN_JOB = Verb(
    "own_job",
    Described,
    is_of_job=True,
    errors=(NoSuchJob, StorageFailed),
    shown=lambda _, shown: _details_of(shown),
    refused=lambda _, shown: NoSuchJob(shown.done.id),
)
OWN_PICTURE = Verb(
    "own_picture",
    Described,
    is_of_job=True,
    errors=(
        NoSuchJob,
        BadField,
        NoPicture,
        PictureRemoved,
        BadRange,
        BadBody,  # a Range
        Overloaded,
        StorageFailed,
    ),
    responses=_picture_answers(),
    refused=lambda _, shown: NoSuchJob(shown.done.id),
)

_ROLE = Parameter(
    "path", "role", "Which of its pictures.", {"type": "string", "enum": list(get_args(Role))}
)

OWN_EVENTS = Verb(
    "own_events",
    Described,
    responses=(
        Response(200, "Events", (EVENTS_TYPE,), ("cache-control",), events=own_events.NAMES),
    ),
)

ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        "/v1/jobs",
        OWN_JOBS,
        "List your own jobs, whatever dialect made them, newest first",
        (OwnJobs,),
        FILTERS,
    ),
    Route(
        "GET",
        "/v1/events",
        OWN_EVENTS,
        "Follow all your own jobs",
        (OwnJob, GoneJob, Nothing),
        takes_ticket=True,
    ),
    Route(
        "GET",
        "/v1/jobs/{job_id}",
        OWN_JOB,
        "Tell the whole life of a job of your own",
        (OwnJobDetails,),
        (job_filters.JOB_ID,),
    ),
    Route(
        "GET",
        "/v1/jobs/{job_id}/pictures/{role}",
        OWN_PICTURE,
        "Show a picture that a job of your own was given",
        (),
        (job_filters.JOB_ID, _ROLE),
        takes_ticket=True,
    ),
)
