"""The videos dialect: the unified /v1/videos of wan2.7-i2v's document, and OpenAI's protocol.

Both are served at the same routes. Which state words a job is told in: a call by an official
OpenAI SDK gets OpenAI's; else the job's own create call decides, a form, or JSON with a picture as
OpenAI has it, OpenAI's, JSON with `input_reference.content` (the unified document's way) the
unified ones. docs/decisions/002-words.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, get_args

import msgspec

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
from unstill.dialects.body_schemas import form_schema, wired_schema
from unstill.dialects.misplaced_fields import known_with_pictures, unread
from unstill.dialects.openai_errors import Error, enveloped
from unstill.dialects.port import (
    ASPECT_RATIOS,
    WEBHOOK_URL,
    Call,
    Example,
    JobView,
    Route,
    body_of,
    given_model,
    given_webhook,
    read_fields,
)
from unstill.domain.errors import BadField, UnstillError
from unstill.domain.job import Job, Variant, Vocabulary
from unstill.domain.request import CreateCall, GivenValue, says_nothing
from unstill.models.card import Card, Whole

Form = Literal["auto", "unified", "openai"]  # the setting `videos_states`

_FIELDS = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "size": "size",
    **ASPECT_RATIOS,
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
_KNOWN = known_with_pictures(*_FIELDS, "model", WEBHOOK_URL)
_DEFAULT_MODEL = "sora-2"  # OpenAI, POST /videos, model; the unified document asks for one
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# OpenAI, GET /videos, limit and order.
LIMIT, USUAL_LIMIT = Whole(least=0, most=100), 20
ORDERS, USUAL_ORDER = ("asc", "desc"), "desc"
_VARIANTS: dict[str, Variant] = {variant: variant for variant in get_args(Variant)}


class Paging(msgspec.Struct, frozen=True):
    """What a list call asks for."""

    limit: int
    after: str | None
    newest_first: bool


class Videos:
    """OpenAI's and the unified videos API over the job store."""

    name = "videos"
    shows_link = False
    form_names = _NAMES
    refusal = Error

    def __init__(self, *, prefix: str = "", states: Form = "auto") -> None:
        """`prefix` before /v1: OpenAI's Azure clients ask at /openai/v1, always in OpenAI words."""
        self._states = states
        self.routes = _routes(prefix, _DEFAULT_MODEL if states == "openai" else None)

    def parse(self, call: Call) -> CreateCall:
        body = body_of(call)
        if not says_nothing(body.get("content")):
            # The unified document: top-level content is not supported.
            raise BadField("content", "absent: use input_reference.content", body["content"])
        if not says_nothing(body.get("remix_video_id")):
            # The unified document's remix. Ignored, it would make another video than was asked for.
            allowed = "absent: no model here changes a video; send a picture as input_reference"
            raise BadField("remix_video_id", allowed, body["remix_video_id"])
        model = given_model(body, _DEFAULT_MODEL if self._is_openais(call) else None)
        found = pictures.pictures_in(body, "")
        left = unread(("", _KNOWN.left_of(body)))
        return CreateCall(
            model=model,
            fields=seeds.freely(read_fields(body, _FIELDS, "")),
            frames=found.frames,
            names=_NAMES,
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
        if given not in _VARIANTS:
            raise BadField("variant", "video, thumbnail or spritesheet", given)
        return _VARIANTS[given]

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

    def listed(self, videos: list[OpenAIVideo | UnifiedVideo], *, has_more: bool) -> VideoList:
        first_id = videos[0].id if videos else None
        last_id = videos[-1].id if videos else None
        return VideoList(videos, first_id, last_id, has_more)

    def error(self, error: UnstillError, request_id: str) -> Error:  # noqa: ARG002  - port's shape
        return enveloped(error)

    def error_status(self, kind: type[UnstillError]) -> int:
        return kind.status

    def error_code(self, kind: type[UnstillError]) -> str:
        return kind.code


def _body_schema(cards: Sequence[Card], *, default_model: str | None) -> dict[str, Any]:
    return {"oneOf": [_card_schema(card, default_model) for card in cards]}


def _card_schema(card: Card, default_model: str | None) -> dict[str, Any]:
    schema = wired_schema(seeds.described(card), tuple(_FIELDS.items()))
    picture_schemas.describe(schema)
    for name in ("content", "remix_video_id"):
        schema["properties"][name] = {"type": "null", "description": "See input_reference."}
    if default_model in card.aliases:
        schema["required"].remove("model")
    return schema


def _body_form(cards: Sequence[Card]) -> dict[str, Any]:
    return {"oneOf": [_card_form(card) for card in cards]}


def _card_form(card: Card) -> dict[str, Any]:
    has_default = _DEFAULT_MODEL in card.aliases
    described = seeds.described(card)
    return form_schema(described, tuple(_FIELDS.items()), pictures="{}", has_default=has_default)


_EXAMPLES: tuple[Example, ...] = (
    (
        "wan2.7-i2v",
        {
            "model": "wan2.7-i2v",
            "prompt": "让画面中的角色向前走两步,镜头轻微推进,电影感光影。",
            "size": "1280x720",
            "seconds": "5",
            "generate_audio": False,
            "input_reference": {
                "content": [
                    {
                        "type": "image_url",
                        "role": "first_frame",
                        "image_url": {"url": "https://example.com/first-frame.png"},
                    }
                ]
            },
        },
    ),
    (
        "sora-2",
        {
            "model": "sora-2",
            "prompt": "The image is coming to life",
            "size": "720x1280",
            "seconds": "4",
            "input_reference": {"image_url": "https://example.com/portrait.jpg"},
        },
    ),
)


def _routes(prefix: str, default_model: str | None) -> tuple[Route, ...]:
    """`default_model`: of a body in JSON that names none; None: it has to."""
    one = f"{prefix}/v1/videos/{{video_id}}"
    return (
        # First, so that no word of theirs is taken for a video's id.
        *unsupported.routes(f"{prefix}/v1/videos"),
        Route(
            "POST",
            f"{prefix}/v1/videos",
            "submit",
            "Make a video from a picture",
            answers=(OpenAIVideo, UnifiedVideo),
            body=partial(_body_schema, default_model=default_model),
            form=_body_form,
            job_id_at="/id",
            examples=_EXAMPLES,
        ),
        Route(
            "GET",
            f"{prefix}/v1/videos",
            "list",
            "List your videos, newest first",
            answers=(VideoList,),
            query=("limit", "after", "order"),
        ),
        Route(
            "GET",
            one,
            "status",
            "Ask how a video is doing",
            answers=(OpenAIVideo, UnifiedVideo),
            query=("wait",),
        ),
        Route(
            "GET",
            f"{one}/events",
            "events",
            "Follow a video as server-sent events, to its end",
            answers=(VideoEvent,),
        ),
        Route("DELETE", one, "delete", "Stop and delete a video", answers=(VideoDeleted,)),
        Route(
            "GET",
            f"{one}/content",
            "content",
            "Download the finished video, or a picture of it",
            answers=(),
            query=("variant",),
        ),
    )
