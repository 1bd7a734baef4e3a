"""The videos dialect: the unified /v1/videos document, and OpenAI's protocol.

Both are served at the same routes. Which state words a job is told in: a call by an official
OpenAI SDK gets OpenAI's; else the job's own create call decides, a form, or JSON with a picture as
OpenAI has it, OpenAI's, JSON with `input_reference.content` (the unified document's way) the
unified ones. docs/decisions/002-words.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

from unstill.dialects import picture_schemas, pictures
from unstill.dialects.apis.videos import seeds, unsupported
from unstill.dialects.apis.videos.answers import (
    OPENAI_WORDS,
    UNIFIED_WORDS,
    OpenAIVideo,
    UnifiedVideo,
    VideoDeleted,
    VideoEvent,
    VideoList,
    event,
    openai,
    unified,
)
from unstill.dialects.apis.videos.parameters import (
    ID,
    LIMIT,
    ORDERS,
    PAGING,
    USUAL_LIMIT,
    USUAL_ORDER,
    VARIANT,
    VARIANTS,
    VIDEO_ID,
)
from unstill.dialects.apis.videos.sdk_programs import PROGRAMS
from unstill.dialects.body_fields import (
    ASPECT_RATIOS,
    REGION,
    WEBHOOK_URL,
    body_of,
    given_model,
    given_webhook,
    read_fields,
)
from unstill.dialects.body_schemas import Wires, form_schema, wired_schema
from unstill.dialects.call import Call, JobView
from unstill.dialects.misplaced_fields import known_with_pictures, unread
from unstill.dialects.openai_errors import Error, enveloped
from unstill.dialects.parameters import WAIT
from unstill.dialects.port import Paging
from unstill.dialects.route import Route
from unstill.dialects.verbs import CONTENT, DELETE, EVENTS, LIST_BY_CURSOR, STATUS, SUBMIT
from unstill.domain.errors import BadField, UnstillError
from unstill.domain.job import Job, Variant, Vocabulary
from unstill.domain.request import CreateCall, GivenValue, says_nothing
from unstill.models.card import Card
from unstill.models.catalogue import CARDS, default_at, named_by_none

Form = Literal["auto", "unified", "openai"]  # the setting `videos_states`

_FIELDS = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "size": "size",
    **ASPECT_RATIOS,
    **REGION,
    "resolution": "resolution",
    "seconds": "duration",
    "duration": "duration",
    "generate_audio": "generate_audio",
    "audio": "generate_audio",
    "seed": "seed",
    "watermark": "watermark",
    "prompt_extend": "prompt_extend",
}
_NAMES = {
    "first_frame": "input_reference",
    "duration": "seconds",
    "last_frame": "last_frame_url",
    **{
        canonical: wire
        for wire, canonical in _FIELDS.items()
        if wire not in {"seconds", "duration", "audio"}
    },
}


class Videos:
    """OpenAI's and the unified videos API over the job store."""

    name = "videos"
    shows_link = False
    refusal = Error

    def __init__(
        self, *, prefix: str = "", states: Form = "auto", cards: Sequence[Card] = CARDS
    ) -> None:
        """`prefix` before /v1: OpenAI's Azure clients ask at /openai/v1, always in OpenAI words."""
        self._states = states
        self.routes = _routes(prefix, has_default=states == "openai")
        self._own = named_by_none(_NAMES, cards)
        self.form_names = _NAMES | self._own
        self._fields = _fields(cards)
        self._known = known_with_pictures(*self._fields, "model", WEBHOOK_URL)
        self._default_model = default_at(self.name, cards)

    def parse(self, call: Call) -> CreateCall:
        body = body_of(call)
        if not says_nothing(body.get("content")):
            # The unified document: top-level content is not supported.
            raise BadField("content", "absent: use input_reference.content", body["content"])
        if not says_nothing(body.get("remix_video_id")):
            # The unified document's remix. Ignored, it would make another video than was asked for.
            allowed = "absent: no model here changes a video; send a picture as input_reference"
            raise BadField("remix_video_id", allowed, body["remix_video_id"])
        model = given_model(body, self._default_model if self._is_openais(call) else None)
        found = pictures.pictures_in(body, "")
        left = unread(("", self._known.left_of(body)), own=self._own)
        return CreateCall(
            model=model,
            fields=seeds.freely(read_fields(body, self._fields, "")),
            frames=found.frames,
            names=self.form_names,
            unfilled=found.empty,
            dialect=self.name,
            unknown=(*left.unknown, *found.left_out),
            strays=left.strays,
            webhook_url=given_webhook(body),
        )

    def words(self, call: Call) -> Vocabulary:
        if self._is_openais(call) or pictures.are_openais(body_of(call)):
            return "openai"
        return "unified"

    def _is_openais(self, call: Call) -> bool:
        """Whether a create call shows, its fields aside, that it is made after OpenAI's API."""
        return self._states == "openai" or call.is_form or "x-stainless-lang" in call.headers

    def job_id(self, call: Call) -> str:
        return call.path["video_id"]

    def paging(self, call: Call) -> Paging:
        """OpenAI, GET /videos: limit 0 to 100, after an id, order asc or desc."""
        limit = LIMIT.read(GivenValue("limit", call.query.get("limit", str(USUAL_LIMIT))))
        order = call.query.get("order", USUAL_ORDER)
        if order not in ORDERS:
            raise BadField("order", " or ".join(ORDERS), order)
        after = call.query.get("after") or None
        if after is not None and not ID.fullmatch(after):
            # Any text has a place among the ids: a reader would be given the first page for ever.
            raise BadField("after", "the id of a video", after)
        return Paging(limit, after, newest_first=order == "desc")

    def variant(self, call: Call) -> Variant:
        given = call.query.get("variant", "video")
        if given not in VARIANTS:
            raise BadField("variant", "video, thumbnail, spritesheet or last_frame", given)
        return VARIANTS[given]

    def state_word(self, job: Job, call: Call) -> str:
        words = OPENAI_WORDS if self._words_for(job, call) == "openai" else UNIFIED_WORDS
        return words[job.state]

    def _words_for(self, job: Job, call: Call) -> Vocabulary:
        match self._states:
            case "openai":
                return "openai"
            case "unified":
                return "unified"
            case "auto":
                # An OpenAI SDK stops polling at the first state word it does not know.
                return "openai" if "x-stainless-lang" in call.headers else job.words

    def takes_advice(self, job: Job, call: Call) -> bool:
        """Whether the caller's SDK reads `openai-poll-after-ms`."""
        return "x-stainless-lang" in call.headers or self._words_for(job, call) == "openai"

    def submitted(self, job: Job, view: JobView) -> OpenAIVideo | UnifiedVideo:
        return self.status(job, view)

    def status(self, job: Job, view: JobView) -> OpenAIVideo | UnifiedVideo:
        if self._words_for(job, view.call) == "openai":
            return openai(job, view)
        return unified(job, view)

    def event(
        self, job: Job, view: JobView, *, queue_position: int | None, expected_ms: int | None
    ) -> VideoEvent:
        """expected_ms: when it is likely to end, in Unix milliseconds."""
        return event(
            job,
            view,
            status=self.state_word(job, view.call),
            queue_position=queue_position,
            expected_ms=expected_ms,
        )

    def deleted(self, job: Job) -> VideoDeleted:
        return VideoDeleted(job.id)

    def listed(self, page: Sequence[tuple[Job, JobView]], *, has_more: bool) -> VideoList:
        videos = [self.status(job, view) for job, view in page]
        first_id = videos[0].id if videos else None
        last_id = videos[-1].id if videos else None
        return VideoList(videos, first_id, last_id, has_more)

    def error(self, error: UnstillError, request_id: str) -> Error:  # noqa: ARG002  - port's shape
        return enveloped(error)

    def error_status(self, kind: type[UnstillError]) -> int:
        return kind.status

    def error_code(self, kind: type[UnstillError]) -> str:
        return kind.code


def _fields(cards: Sequence[Card]) -> dict[str, str]:
    return _FIELDS | named_by_none(_NAMES, cards)


def _body_schema(cards: Sequence[Card], *, has_default: bool) -> dict[str, Any]:
    default = default_at(Videos.name, cards) if has_default else None
    wires = tuple(_fields(cards).items())
    return {"oneOf": [_card_schema(card, wires, default) for card in cards]}


def _card_schema(card: Card, wires: Wires, default_model: str | None) -> dict[str, Any]:
    schema = wired_schema(seeds.described(card), wires)
    picture_schemas.describe(schema)
    for name in ("content", "remix_video_id"):
        schema["properties"][name] = {"type": "null", "description": "See input_reference."}
    if default_model in card.names:
        schema["required"].remove("model")
    return schema


def _body_form(cards: Sequence[Card]) -> dict[str, Any]:
    default, wires = default_at(Videos.name, cards), tuple(_fields(cards).items())
    return {
        "oneOf": [
            form_schema(
                seeds.described(card), wires, pictures="{}", has_default=default in card.names
            )
            for card in cards
        ]
    }


def _routes(prefix: str, *, has_default: bool) -> tuple[Route[Videos], ...]:
    """`has_default`: a body in JSON need not name a model."""
    one = f"{prefix}/v1/videos/{{video_id}}"
    return (
        # First, so that no word of theirs is taken for a video's id.
        *unsupported.routes(f"{prefix}/v1/videos"),
        Route(
            "POST",
            f"{prefix}/v1/videos",
            SUBMIT,
            "Make a video from a picture",
            answers=(OpenAIVideo, UnifiedVideo),
            body=partial(_body_schema, has_default=has_default),
            form=_body_form,
            job_id_at="/id",
            programs=PROGRAMS,
        ),
        Route(
            "GET",
            f"{prefix}/v1/videos",
            LIST_BY_CURSOR,
            "List your videos, newest first",
            answers=(VideoList,),
            parameters=PAGING,
        ),
        Route(
            "GET",
            one,
            STATUS,
            "Ask how a video is doing",
            answers=(OpenAIVideo, UnifiedVideo),
            parameters=(VIDEO_ID, WAIT),
        ),
        Route(
            "GET",
            f"{one}/events",
            EVENTS,
            "Follow a video as server-sent events, to its end",
            answers=(VideoEvent,),
            parameters=(VIDEO_ID,),
            takes_ticket=True,
        ),
        Route(
            "DELETE",
            one,
            DELETE,
            "Stop and delete a video",
            answers=(VideoDeleted,),
            parameters=(VIDEO_ID,),
        ),
        Route(
            "GET",
            f"{one}/content",
            CONTENT,
            "Download the finished video, or a picture of it",
            answers=(),
            parameters=(VIDEO_ID, VARIANT),
            takes_ticket=True,
        ),
    )
