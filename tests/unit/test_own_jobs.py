"""A job in unstill's own words."""

from __future__ import annotations

import msgspec

from support.jobs import a_job
from unstill.domain.job import Failure, Job, State, Video
from unstill.domain.moves import JobMove, moves_of
from unstill.domain.request import Size
from unstill.progress.board import Board
from unstill.progress.estimate import Estimates
from unstill.progress.queue import Forecast
from unstill.progress.stalls import Stalls
from unstill.server.own_jobs import own_job_told

NOW_MS = 1_763_600_000_000
VIDEO = Video("1.mp4", 320, 240, 2.0, 16.0, 32, 4096, has_audio=False)


def told(
    job: Job, stalls: Stalls | None = None, *, until_ms: int | None = None
) -> dict[str, object]:
    forecast = Forecast({"camera": 1})
    forecast.changed(job)
    estimates = Estimates(
        board=Board(),
        stalls=stalls or Stalls(lambda: NOW_MS),
        forecast=forecast,
        upstream_engines=(),
        clock_ms=lambda: NOW_MS,
    )
    found: dict[str, object] = msgspec.to_builtins(
        own_job_told(job, estimates, made_by="Camera", video_until_ms=until_ms)
    )
    return found


def test_a_new_job_tells_its_place_and_nothing_that_is_still_to_come() -> None:
    job = a_job(created_ms=NOW_MS)

    assert told(job) == {
        "id": job.id,
        "model": job.model,
        "engine": "camera",
        "made_by": "Camera",
        "state": "queued",
        "prompt": job.request.prompt,
        "created_ms": NOW_MS,
        "started_ms": None,
        "ended_ms": None,
        "progress": 0.0,
        "duration_s": job.request.duration_s,
        "seed": job.request.seed,
        "size": None,
        "wants_cancel": False,
        "error": None,
        "waiting": None,
        "queue_position": 1,
        "expected_end_ms": None,
        "video": None,
        "unheard": (),
    }


def test_a_job_that_waits_says_what_for() -> None:
    job, stalls = a_job(state=State.READY), Stalls(lambda: NOW_MS)
    stalls.engine("camera", "submits", "busy", "it is busy")

    waiting = {"code": "busy", "message": "it is busy", "since_ms": NOW_MS}
    assert told(job, stalls)["waiting"] == waiting


def test_a_failure_names_its_field_or_says_that_there_is_none() -> None:
    named = a_job(state=State.FAILED, failure=Failure("invalid_image", "too small", "image"))
    plain = a_job(state=State.FAILED, failure=Failure("engine_died", "it died"))

    assert told(named)["error"] == {
        "code": "invalid_image",
        "message": "too small",
        "param": "image",
    }
    assert told(plain)["error"] == {"code": "engine_died", "message": "it died", "param": None}


def test_a_video_says_until_when_it_is_kept_and_that_it_is_removed() -> None:
    done = a_job(state=State.SUCCEEDED, video=VIDEO, size=Size(320, 240), ended_ms=NOW_MS)
    expired = msgspec.structs.replace(VIDEO, removed_ms=NOW_MS + 1)

    measured = {
        "width": 320,
        "height": 240,
        "duration_s": 2.0,
        "frame_rate": 16.0,
        "size_bytes": 4096,
        "has_audio": False,
    }
    assert told(done)["video"] == measured | {"until_ms": None, "is_removed": False}
    assert told(msgspec.structs.replace(done, video=expired), until_ms=NOW_MS)["video"] == (
        measured | {"until_ms": NOW_MS, "is_removed": True}
    )


def test_what_was_not_noted_of_a_jobs_moves_is_told_by_its_times() -> None:
    times = {"created_ms": NOW_MS, "started_ms": NOW_MS + 20, "ended_ms": NOW_MS + 50}
    job = a_job(state=State.SUCCEEDED, **times)
    ends = [JobMove(State.QUEUED, NOW_MS), JobMove(State.SUCCEEDED, NOW_MS + 50)]
    begun, saving = JobMove(State.RUNNING, NOW_MS + 20), JobMove(State.SAVING, NOW_MS + 40)

    assert moves_of(job) == [ends[0], begun, ends[1]]
    assert moves_of(job, [saving, ends[1]]) == [ends[0], begun, saving, ends[1]]
    assert moves_of(job, [begun, saving]) == [ends[0], begun, saving, ends[1]]
