"""The routes of an owner's own jobs in unstill's words, and what each answers."""

from __future__ import annotations

from typing import Any

import msgspec

from unstill.dialects.call import Call
from unstill.dialects.port import Described
from unstill.dialects.route import Response, Route, ShownJob, Verb
from unstill.dialects.verbs import EVENTS_TYPE
from unstill.domain.errors import BadField, Overloaded, StorageFailed
from unstill.models.field_kinds import Whole
from unstill.server import job_filters, own_events
from unstill.server.own_events import GoneJob, Nothing
from unstill.server.own_jobs import OwnJob, OwnJobs, video_told
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
    }


OWN_JOBS = Verb(
    "own_jobs",
    Described,
    errors=(BadField, Overloaded, StorageFailed),
    shown=lambda _, shown: OwnJobs([OwnJob(**_fields_of(shown))], None),
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
    ),
)
