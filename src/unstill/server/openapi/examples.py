"""An example of each JSON answer in the description of the API.

They are what the dialects themselves make of one job, so that none can show what no server answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from unstill import __version__
from unstill.dialects.apis.dashscope.dialect import OBJECTS, DashScope
from unstill.dialects.apis.dashscope.list_query import wanted_of
from unstill.dialects.apis.own_routes import EngineStall, Health, Ready
from unstill.dialects.apis.videos.dialect import Videos
from unstill.dialects.port import Call, Described, Dialect, JobView, Route
from unstill.domain.errors import BadField, BadKey, NoSuchJob, UnstillError
from unstill.domain.job import Job, State, Usage, Video, Vocabulary
from unstill.domain.owner import EVERYONE
from unstill.domain.request import Frame, Size, VideoRequest
from unstill.models.catalogue import USUAL

_HOST = "http://127.0.0.1:8000"
_ID = "01a1f87e-d82e-7c04-b50f-3fd6008dc4ba"
_REQUEST_ID = "b0294dd39bbdf4241e152093daf6bcdb"
_LINK = f"{_HOST}/files/{_ID}/video.mp4?expires=1795258800&signature=7Q_4Q4tzp_qdGItbLGXAFLlkXfJKCf"
_MADE_MS = 1_795_170_423_000
_NEW = Job(
    id=_ID,
    owner=EVERYONE,
    dialect="tasks",
    words="unified",
    model=USUAL.id,
    request=VideoRequest(
        model=USUAL.id,
        prompt="slow push in",
        first_frame=Frame("first", "first_frame_url", url="https://example.com/cat.jpg"),
        duration_s=5,
        frame_rate=30,
        seed=7,
        size=Size(1280, 720),
    ),
    engine="camera",
    created_ms=_MADE_MS,
    size=Size(1280, 720),
)
_DONE = msgspec.structs.replace(
    _NEW,
    state=State.SUCCEEDED,
    attempt=1,
    started_ms=_MADE_MS + 1000,
    ended_ms=_MADE_MS + 9000,
    usage=Usage(duration_s=5, tier_height=720),
    video=Video(
        file_name="video-1.mp4",
        width=1280,
        height=720,
        duration_s=5.0,
        frame_rate=30.0,
        frame_count=150,
        size_bytes=2_900_000,
        has_audio=False,
    ),
)
_WORDS: Mapping[Vocabulary, str] = {
    "unified": "in the words of the unified document",
    "openai": "in OpenAI's words",
}


def examples(dialect: Described, route: Route) -> dict[str, Any]:
    """What the route answers with success, by what it shows; none where it is no JSON."""
    found: dict[str, Any] = {}
    for words, about in _WORDS.items():
        answer = _answer(cast("Dialect", dialect), route, words)
        if answer is not None:
            found[about] = {"value": msgspec.to_builtins(answer)}
    shown = list(found.values())
    # Most dialects have one set of words only.
    return {"answer": shown[0]} if shown and shown[0] == shown[-1] else found


def refusal_examples(
    dialect: Described, route: Route, kinds: Sequence[type[UnstillError]]
) -> dict[str, Any]:
    """Those of the refusals with one status that a newcomer meets first."""
    met: list[UnstillError] = [BadKey("no API key: send it as Authorization: Bearer <key>")]
    if route.verb == "submit":
        duration = cast("Dialect", dialect).form_names["duration"]
        met.append(BadField(duration, "a whole number from 2 to 15", 20))
    elif route.verb in ("status", "events", "delete", "content"):
        met.append(NoSuchJob(_ID))
    return {
        error.code: {"value": msgspec.to_builtins(dialect.error(error, _REQUEST_ID))}
        for error in met
        if type(error) in kinds
    }


def _answer(dialect: Dialect, route: Route, words: Vocabulary) -> msgspec.Struct | None:
    view = _view(route)
    new, done = (msgspec.structs.replace(job, words=words) for job in (_NEW, _DONE))
    match route.verb:
        case "submit":
            return dialect.submitted(new, view)
        case "status" | "query":
            return dialect.status(done, view)
        case "health":
            return Health("ok", __version__)
        case "ready":
            why = "the upstream could not be connected to"
            stall = EngineStall("gpu1", "polls", "connection_failed", why, 1_795_850_000)
            return Ready("held_up", [stall], 0)
        case _ if isinstance(dialect, Videos):
            return _of_videos(dialect, route, done, view)
        case _ if isinstance(dialect, DashScope):
            return _of_dashscope(dialect, route, view.call)
        case _:
            return None


def _of_videos(dialect: Videos, route: Route, done: Job, view: JobView) -> msgspec.Struct | None:
    match route.verb:
        case "list":
            return dialect.listed([dialect.status(done, view)], has_more=False)
        case "delete":
            return dialect.deleted(done)
        case _:
            return None


def _of_dashscope(dialect: DashScope, route: Route, call: Call) -> msgspec.Struct | None:
    match route.verb:
        case "numbered":
            return dialect.list_by_offset(call, wanted_of({}), [_DONE], total=1)
        case "cancel":
            return dialect.cancelled(call)
        case "policy":
            return dialect.policy(
                call,
                policy="eyJrZXkiOiJ1cGxvYWRzLyJ9",
                signature="cVZ0m1S9",
                upload_dir="uploads/5f0c1d",
                upload_host=_HOST + OBJECTS,
                life_s=300,
                most_bytes=20 * 1024**2,
            )
        case _:
            return None


def _view(route: Route) -> JobView:
    call = Call(_REQUEST_ID, {"video_id": _ID, "task_id": _ID}, {}, {})
    if route.verb == "submit":
        return JobView(call, url=None, progress=0.0)
    return JobView(call, _LINK, progress=1.0)
