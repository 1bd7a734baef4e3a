"""An example of each JSON answer in the description of the API.

They are what the dialects themselves make of one job, so that none can show what no server answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.dialects.call import Call, UploadLeave
from unstill.dialects.port import Described
from unstill.dialects.route import Route, ShownJob
from unstill.domain.errors import BadKey, UnstillError
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
_LEAVE = UploadLeave(
    policy="eyJrZXkiOiJ1cGxvYWRzLyJ9",
    signature="cVZ0m1S9",
    upload_dir="uploads/5f0c1d",
    upload_host=_HOST,
    life_s=300,
    most_bytes=20 * 1024**2,
)
_WORDS: Mapping[Vocabulary, str] = {
    "unified": "in the words of the unified document",
    "openai": "in OpenAI's words",
}


def examples(dialect: Described, route: Route[Any]) -> dict[str, Any]:
    """What the route answers with success, by what it shows; none where it is no JSON."""
    verb = route.verb
    if verb.shown is None:
        return {}
    found: dict[str, Any] = {}
    for words, about in _WORDS.items():
        answer = verb.shown(dialect, _shown_job(route, words))
        found[about] = {"value": msgspec.to_builtins(answer)}
    shown = list(found.values())
    # Most dialects have one set of words only.
    return {"answer": shown[0]} if shown[0] == shown[-1] else found


def refusal_examples(
    dialect: Described, route: Route[Any], kinds: Sequence[type[UnstillError]]
) -> dict[str, Any]:
    """Those of the refusals with one status that a newcomer meets first."""
    met: list[UnstillError] = [BadKey("no API key: send it as Authorization: Bearer <key>")]
    if route.verb.refused is not None:
        met.append(route.verb.refused(dialect, _shown_job(route, "unified")))
    return {
        error.code: {"value": msgspec.to_builtins(dialect.error(error, _REQUEST_ID))}
        for error in met
        if type(error) in kinds
    }


def _shown_job(route: Route[Any], words: Vocabulary) -> ShownJob:
    named = {each.name: _ID for each in route.in_place("path") if each.is_job_id}
    return ShownJob(
        new=msgspec.structs.replace(_NEW, words=words),
        done=msgspec.structs.replace(_DONE, words=words),
        call=Call(_REQUEST_ID, named, {}, {}),
        link=_LINK,
        leave=_LEAVE,
        too_long_s=20,
    )
