"""Jobs of all owners as operators see them: a line in a list, and the whole life of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.dialects.call import Call
from unstill.dialects.route import Parameter
from unstill.domain.attempts import Attempt
from unstill.domain.continuation import JobLinks
from unstill.domain.delivery import Delivery, DeliveryState, EventType
from unstill.domain.errors import BadField
from unstill.domain.job import Failure, Job, State, Usage, Video
from unstill.domain.money import Charge
from unstill.domain.moves import JobMove
from unstill.domain.owner import NAME, owner_named
from unstill.domain.request import Size, VideoRequest
from unstill.domain.resolution import Resolution
from unstill.domain.stall import Stall
from unstill.models.card import Card
from unstill.models.field_kinds import Whole
from unstill.progress.estimate import Estimates
from unstill.server import job_filters
from unstill.server.admin.doubts import AdminResolution, resolution_told
from unstill.server.admin.money import AdminMoney, money_told
from unstill.store.ports.held_jobs import Released
from unstill.store.ports.job_lists import Among

LIMIT = Whole(least=1, most=100)
MOST_RELEASED = 1_000  # ids in one call
RELEASE_FIELDS = ("job_ids",)
SHOWN_RELEASE: dict[str, Any] = {"job_ids": ["01a1f87e-d82e-7c04-b50f-3fd6008dc4ba"]}

FILTERS = (
    Parameter(
        "query",
        "owner",
        "Only this owner's.",
        {"type": "string", "pattern": f"^{NAME.pattern}$"},
    ),
    job_filters.STATE,
    job_filters.MODEL,
    job_filters.ENGINE,
    job_filters.limit_up_to(LIMIT),
    job_filters.AFTER,
)


class AdminJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job without what was asked for. Times are Unix milliseconds.

    error: the code of its failure. waiting: the code of what holds it up. is_held: it waits for an
    operator's word. progress: 0 to 1. key_id: of the key that made it, "" for one from the
    environment, and without one.
    """

    id: str
    owner: str
    key_id: str
    model: str
    engine: str
    dialect: str
    state: State
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    progress: float
    error: str | None
    waiting: str | None
    is_held: bool


class AdminJobs(msgspec.Struct, frozen=True):
    """A page; `next` is null at the end. A page may be short and yet have a next one."""

    data: list[AdminJob]
    next: str | None


class AdminDelivery(msgspec.Struct, frozen=True):
    """The event that is owed for a job's end, or was, without its address."""

    receiver: str
    type: EventType
    state: DeliveryState
    tries: int
    created_ms: int
    due_ms: int
    until_ms: int
    ended_ms: int | None
    last_error: str | None


class AdminJobDetails(AdminJob, frozen=True, kw_only=True):
    """The whole life of a job, also of one that its owner has deleted. Times likewise.

    request: what was asked for; of a picture its address or its hash, never its bytes.
    moves: each state that it came into, in order.
    attempts: the calls that may have cost, oldest first. money: null where the settings have none.
    resolution: what an operator has said of a call in doubt. continued_by: the job that goes on
    from that call. continues: the job from whose call this one does.
    """

    request: VideoRequest
    request_id: str
    size: Size | None
    moves: Sequence[JobMove]
    attempt: int
    deaths: int
    due_ms: int
    deadline_ms: int
    ticket: str | None
    upstream_model: str | None
    made_by: str
    upstream_usage: dict[str, int | float]
    usage: Usage | None
    money: AdminMoney | None
    video: Video | None
    failure: Failure | None
    stall: Stall | None
    queue_position: int | None
    expected_end_ms: int | None
    wants_cancel: bool
    is_deleted: bool
    attempts: list[Attempt]
    resolution: AdminResolution | None
    continues: str | None
    continued_by: str | None
    delivery: AdminDelivery | None


class AdminJobDone(msgspec.Struct, frozen=True):
    """What became of an operator's word about a job."""

    id: str
    state: State
    is_deleted: bool


class AdminHeldJobs(msgspec.Struct, frozen=True):
    """Jobs that wait for an operator's word, oldest first."""

    data: list[str]


class AdminReleased(msgspec.Struct, frozen=True):
    """released: are held no more. sent: an engine may have them, and they are not sent again."""

    released: list[str]
    sent: dict[str, str]
    not_held: list[str]


def job_told(job: Job, estimates: Estimates, *, is_held: bool) -> AdminJob:
    return AdminJob(**_fields(job, estimates, is_held=is_held))


def _fields(job: Job, estimates: Estimates, *, is_held: bool) -> dict[str, Any]:
    stall = estimates.stall(job)
    return {
        "id": job.id,
        "owner": job.owner,
        "key_id": job.key_id,
        "model": job.model,
        "engine": job.engine,
        "dialect": job.dialect,
        "state": job.state,
        "created_ms": job.created_ms,
        "started_ms": job.started_ms,
        "ended_ms": job.ended_ms,
        "progress": estimates.progress(job),
        "error": None if job.failure is None else job.failure.code,
        "waiting": None if stall is None else stall.code,
        "is_held": is_held and not job.state.is_final,
    }


def details_told(
    job: Job,
    estimates: Estimates,
    *,
    is_held: bool,
    made_by: str,
    moves: Sequence[JobMove],
    attempts: Sequence[Attempt],
    resolution: Resolution | None,
    links: JobLinks,
    delivery: Delivery | None,
    charges: Sequence[Charge],
) -> AdminJobDetails:
    estimate = estimates.estimate(job)
    return AdminJobDetails(
        **_fields(job, estimates, is_held=is_held),
        request=job.request,
        request_id=job.request_id,
        size=job.size,
        moves=moves,
        attempt=job.attempt,
        deaths=job.deaths,
        due_ms=job.due_ms,
        deadline_ms=job.deadline_ms,
        ticket=job.ticket,
        upstream_model=job.upstream_model,
        made_by=made_by,
        upstream_usage={} if job.result is None else job.result.usage,
        usage=job.usage,
        money=money_told(charges),
        video=job.video,
        failure=job.failure,
        stall=estimates.stall(job),
        queue_position=estimate.queue_position,
        expected_end_ms=estimate.expected_end_ms,
        wants_cancel=job.wants_cancel,
        is_deleted=job.is_hidden,
        attempts=list(attempts),
        resolution=None if resolution is None else resolution_told(resolution),
        continues=links.continues,
        continued_by=links.continued_by,
        delivery=None if delivery is None else delivery_told(delivery),
    )


def delivery_told(delivery: Delivery) -> AdminDelivery:
    return AdminDelivery(
        receiver=delivery.receiver,
        type=delivery.type,
        state=delivery.state,
        tries=delivery.tries,
        created_ms=delivery.created_ms,
        due_ms=delivery.due_ms,
        until_ms=delivery.until_ms,
        ended_ms=delivery.ended_ms,
        last_error=delivery.last_error,
    )


def released_told(asked: Sequence[str], found: Released) -> AdminReleased:
    known = {*found.job_ids, *found.sent}
    missing = [job_id for job_id in asked if job_id not in known]
    return AdminReleased(list(found.job_ids), dict(found.sent), missing)


# --- what is asked for ---------------------------------------------------------------------------


class Wanted(msgspec.Struct, frozen=True):
    """A page of jobs as it is asked for."""

    among: Among
    limit: int
    after: str | None


def wanted_in(call: Call) -> Wanted:
    """Raises BadField."""
    query = call.query
    owner = query.get("owner")
    return Wanted(
        Among(
            owner=None if owner is None else owner_named("owner", owner),
            states=job_filters.states_in(query),
            model=job_filters.name_in(query, "model"),
            engine=job_filters.name_in(query, "engine"),
        ),
        limit=job_filters.limit_in(query, LIMIT),
        after=job_filters.after_in(query),
    )


def ids_in(body: Mapping[str, Any]) -> list[str]:
    """The jobs that a release names; none: all that are held. Raises BadField."""
    ids = body.get("job_ids")
    if ids is None:
        return []
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids) or not ids:
        raise BadField("job_ids", "a list of ids, or left out for all", ids)
    if len(ids) > MOST_RELEASED:
        raise BadField("job_ids", f"at most {MOST_RELEASED} ids", found=f"{len(ids)}")
    return list(dict.fromkeys(ids))


def release_schema(cards: Sequence[Card]) -> dict[str, Any]:
    del cards
    ids = {
        "description": "Left out: all that are held.",
        "type": ["array", "null"],
        "items": {"type": "string"},
        "minItems": 1,
        "maxItems": MOST_RELEASED,
    }
    return {"type": "object", "properties": {"job_ids": ids}, "additionalProperties": False}
