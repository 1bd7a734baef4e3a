"""A job as its owner sees it in unstill's own words, whatever dialect made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from unstill.domain.book import money_of
from unstill.domain.delivery import Delivery, DeliveryState
from unstill.domain.job import Failure, Job, State, Usage, Video
from unstill.domain.money import Charge, PriceBasis, shown_amount
from unstill.domain.moves import JobMove
from unstill.domain.request import Role, Size, VideoRequest
from unstill.domain.stall import Stall
from unstill.progress.estimate import Estimates
from unstill.service.downloads import SignedLink


class OwnFailure(msgspec.Struct, frozen=True):
    """Why a job failed. param: the caller's own name of the field at fault."""

    code: str
    message: str
    param: str | None


class OwnVideo(msgspec.Struct, frozen=True, kw_only=True):
    """The finished video, as measured. until_ms: null where it is kept for ever."""

    width: int
    height: int
    duration_s: float
    frame_rate: float
    size_bytes: int
    has_audio: bool
    until_ms: int | None
    is_removed: bool


class OwnJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job of the caller's owner. Times are Unix milliseconds.

    model: as it was asked for. made_by: the engine in its own words. progress: 0 to 1. duration_s:
    as it was asked for. size: null until the first frame is known. wants_cancel: it is to be
    cancelled as soon as its upstream does so. waiting: what it waits for, if for more than its
    turn. queue_position: 1 for the next one; null once it has begun. unheard: the pieces of the
    prompt that had no effect, as far as its engine knows.
    """

    id: str
    model: str
    engine: str
    made_by: str
    state: State
    prompt: str
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    progress: float
    duration_s: int
    seed: int
    size: Size | None
    wants_cancel: bool
    error: OwnFailure | None
    waiting: Stall | None
    queue_position: int | None
    expected_end_ms: int | None
    video: OwnVideo | None
    unheard: tuple[str, ...]


class OwnJobs(msgspec.Struct, frozen=True):
    """A page; `next` is null at the end. A page may be short and yet have a next one."""

    data: list[OwnJob]
    next: str | None


class JobCharge(msgspec.Struct, frozen=True):
    """What its owner is charged with for the job, in the house currency, as plain decimals.

    reserved: for as long as it is not known what it comes to. price: null before its end.
    """

    basis: PriceBasis
    currency: str
    reserved: str
    price: str | None


class OwnDelivery(msgspec.Struct, frozen=True):
    """The webhook that is owed for a job's end, or was."""

    state: DeliveryState
    tries: int


class OwnJobDetails(OwnJob, frozen=True, kw_only=True):
    """A job's whole life, as its owner may know it. Times likewise.

    request: what was asked for; of a picture its address or its hash, never its bytes. moves: each
    state that it came into, in order. money: null where the settings have none. link: to the video,
    for whoever has it, until `link_until_ms`. pictures: those that it was given and that are still
    kept.
    """

    dialect: str
    request_id: str
    request: VideoRequest
    moves: Sequence[JobMove]
    attempt: int
    usage: Usage | None
    money: JobCharge | None
    link: str | None
    link_until_ms: int | None
    pictures: Sequence[Role]
    delivery: OwnDelivery | None


def own_details_told(
    fields: dict[str, Any],
    job: Job,
    *,
    moves: Sequence[JobMove],
    charges: Sequence[Charge],
    link: SignedLink | None,
    base_url: str,
    pictures: Sequence[Role],
    delivery: Delivery | None,
) -> OwnJobDetails:
    """`fields` are those of `own_fields`; `base_url` begins the link."""
    return OwnJobDetails(
        **fields,
        dialect=job.dialect,
        request_id=job.request_id,
        request=job.request,
        moves=moves,
        attempt=job.attempt,
        usage=job.usage,
        money=job_charge_told(charges),
        link=None if link is None else base_url + link.path,
        link_until_ms=None if link is None else link.until_ms,
        pictures=pictures,
        delivery=None if delivery is None else OwnDelivery(delivery.state, delivery.tries),
    )


def job_charge_told(entries: Sequence[Charge]) -> JobCharge | None:
    """What a job's entries in the book say, without what it has cost the operator."""
    money = money_of(entries)
    if money is None:
        return None
    price = None if money.price is None else shown_amount(money.price)
    return JobCharge(money.basis, money.currency, shown_amount(money.reserved), price)


def own_job_told(
    job: Job, estimates: Estimates, *, made_by: str, video_until_ms: int | None
) -> OwnJob:
    """`made_by` as the service says it, `video_until_ms` as the downloads do."""
    return OwnJob(**own_fields(job, estimates, made_by=made_by, video_until_ms=video_until_ms))


def own_fields(
    job: Job, estimates: Estimates, *, made_by: str, video_until_ms: int | None
) -> dict[str, Any]:
    """What any answer says of the job."""
    estimate, request = estimates.estimate(job), job.request
    return {
        "id": job.id,
        "model": job.model,
        "engine": job.engine,
        "made_by": made_by,
        "state": job.state,
        "prompt": request.prompt,
        "created_ms": job.created_ms,
        "started_ms": job.started_ms,
        "ended_ms": job.ended_ms,
        "progress": estimates.progress(job),
        "duration_s": request.duration_s,
        "seed": request.seed,
        "size": job.size,
        "wants_cancel": job.wants_cancel,
        "error": None if job.failure is None else _failure_told(job.failure),
        "waiting": estimates.stall(job),
        "queue_position": estimate.queue_position,
        "expected_end_ms": estimate.expected_end_ms,
        "video": None if job.video is None else video_told(job.video, video_until_ms),
        "unheard": job.unheard,
    }


def _failure_told(failure: Failure) -> OwnFailure:
    return OwnFailure(failure.code, failure.message, failure.param)


def video_told(video: Video, until_ms: int | None) -> OwnVideo:
    return OwnVideo(
        width=video.width,
        height=video.height,
        duration_s=video.duration_s,
        frame_rate=video.frame_rate,
        size_bytes=video.size_bytes,
        has_audio=video.has_audio,
        until_ms=until_ms,
        is_removed=video.removed_ms is not None,
    )
