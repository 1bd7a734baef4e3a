"""How upstreams write: the words of a task's state, and where an answer keeps what. Data.

No two gateways agree, and some pass on what their own vendor wrote. Each table has what their
documents, their code and reports of their users show; an operator adds to them for a server of his
own, `[engines.NAME.words]`. Names of fields are compared without case, `_` and `-`; words of a
state without case, with `-` and blanks as `_`. A word that is in no table is never an end.

Sources: the documents of OpenAI, ope.ai, Modelverse, DashScope, Ark, MiniMax, Kling, OpenRouter,
Runware, xAI and Replicate, and new-api's code; reports ArcReel#241, #1505, #1888 and new-api#1997,
#2532, #5117, #7194; all read 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from unstill.errors import BadSetting, shown

State = Literal["waiting", "running", "succeeded", "failed", "cancelled", "expired"]
STATES: tuple[State, ...] = get_args(State)
Place = Literal["status", "id", "link", "reason"]
PLACES: tuple[Place, ...] = get_args(Place)

_STATE_WORDS: Mapping[State, str] = {
    "waiting": """
        queued queue queueing queuing in_queue enqueued pending submitted not_start not_started
        waiting wait created accepted scheduled suspended initializing preparing received throttled
        排队中 等待中 待处理 已提交
    """,
    "running": """
        running in_progress inprogress processing progress progressing generating rendering working
        active started starting executing uploading downloading finalizing dispatched retrying
        cancelling canceling 处理中 生成中 进行中 运行中
    """,
    "succeeded": """
        succeeded succeed success successful completed complete done finished finish
        成功 已完成 完成
    """,
    "failed": """
        failed fail failure error errored rejected aborted abort timeout timed_out time_out
        exception denied blocked unsuccessful declined nsfw 失败 错误 超时
    """,
    "cancelled": "cancelled canceled cancel deleted revoked 已取消",
    "expired": "expired 已过期",
}
# Also said of a call as a whole: they count as a task's own only beside what is the task's.
_ENVELOPE_WORDS = """
    success successful succeed succeeded complete completed done 成功
    error errored fail failed failure rejected denied blocked timeout timed_out time_out exception
    aborted abort declined accepted received created submitted 失败 错误 超时
"""
ENVELOPE_WORDS = frozenset(_ENVELOPE_WORDS.split())
_PLACE = re.compile(r"[^\s.]+(?:\.[^\s.]+)*")
# Google's and Novita's style: TASK_STATUS_SUCCEED, JOB_STATE_RUNNING.
_PREFIX = re.compile(r"(?:[a-z]+_)*(?:status|state)_(?=.)")

STATUS_NAMES = ("status", "task_status", "state", "task_state", "job_status", "video_status")
ID_NAMES = (
    "id",
    "task_id",
    "video_id",
    "job_id",
    "generation_id",
    "prediction_id",
    "task_uuid",
    "uuid",
)
# `request_id` is none: at most vendors it is the call's. xAI's and fal's operators name it.
# Objects (or lists of one) that only wrap what an answer is about.
WRAPPERS = (
    "data",
    "output",
    "result",
    "response",
    "task",
    "job",
    "video",
    "body",
    "payload",
    "item",
    "items",
    "tasks",
    "results",
)
LINK_PLACES = (
    "video_url",
    "video_url.url",
    "video.url",
    "video.video_url",
    "video.uri",
    "url",
    "urls.0",
    "video_urls.0",
    "result_url",
    "output_url",
    "download_url",
    "file_url",
    "media_url",
    "result_urls.0",
    "content.video_url",
    "content.video_url.url",
    "content.0.video_url.url",
    "content.url",
    "video_result.0.url",  # Zhipu
    "creations.0.url",  # Vidu
    "generated_videos.0.video.uri",  # Google
    "file.url",
    "videos.0.url",
    "videos.0.video_url",
    "videos.0",
    "outputs.0.url",
    "outputs.0",
    "output.0.url",
    "output.0",
    "output",
    "result",
    "results.0.url",
    "results.0.video_url",
    "results.0",
    "task_result.videos.0.url",
    "metadata.url",
    "metadata.video_url",
    "unsigned_urls.0",
    "assets.video",
    "fail_reason",  # new-api has kept a finished task's link there
)
REASON_PLACES = (
    "error.message",
    "error.error.message",
    "error.msg",
    "error.reason",
    "error.detail",
    "error.0.message",
    "error.0",
    "error",
    "errors.0.message",
    "errors.0.detail",
    "errors.0",
    "task_status_msg",
    "status_msg",
    "status_message",
    "failure_reason",
    "fail_reason",
    "failed_reason",
    "error_message",
    "error_msg",
    "err_msg",
    "error_detail",
    "error_description",
    "error_reason",
    "failure.message",
    "failure.reason",
    "failure",
    "last_error.message",
    "last_error",
    "incomplete_details.reason",
    "base_resp.status_msg",
    "reason",
    "detail.message",
    "detail.error",
    "detail",
    "details",
    "message",
    "msg",
)
CODE_PLACES = (
    "error.code",
    "error.error.code",
    "error.0.code",
    "errors.0.code",
    "error.type",
    "error.error.type",
    "error.status",
    "error_code",
    "err_code",
    "failure_code",
    "detail.code",
    "base_resp.status_code",
    "code",
    "error_type",
)
# What an answer says where nothing is wrong.
FINE = frozenset({"", "0", "200", "201", "202", "ok", "success", "succeed", "none", "null", "成功"})


class Words(msgspec.Struct, frozen=True):
    """The tables as one engine reads by them; an operator's own come first."""

    states: Mapping[str, State]
    status: tuple[str, ...] = STATUS_NAMES
    id: tuple[str, ...] = ID_NAMES
    link: tuple[str, ...] = LINK_PLACES
    reason: tuple[str, ...] = REASON_PLACES

    def state(self, word: object) -> State | None:
        """What a word of a state means; None for one that is not known."""
        folded = folded_word(word)
        return self.states.get(folded) or self.states.get(_PREFIX.sub("", folded, count=1))


def folded_word(word: object) -> str:
    """A state's word as the tables have it; some servers count their states."""
    if isinstance(word, bool) or not isinstance(word, str | int):
        return ""
    return re.sub(r"[\s-]+", "_", str(word).strip()).casefold()


BUILT_IN = Words({word: state for state, words in _STATE_WORDS.items() for word in words.split()})


class OwnWords(msgspec.Struct, frozen=True):
    """`[engines.NAME.words]`: how a server of the operator's own writes, before all tables."""

    waiting: tuple[str, ...] = ()  # states, as the server says them
    running: tuple[str, ...] = ()
    succeeded: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    status: tuple[str, ...] = ()  # places: names, joined by dots where they lie in objects
    id: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    reason: tuple[str, ...] = ()


def with_own(own: OwnWords) -> Words:
    """The tables with an operator's own words and places before them."""
    states = {folded_word(word): state for state in STATES for word in getattr(own, state)}
    return Words(
        states={**BUILT_IN.states, **states},
        status=(*own.status, *STATUS_NAMES),
        id=(*own.id, *ID_NAMES),
        link=(*own.link, *LINK_PLACES),
        reason=(*own.reason, *REASON_PLACES),
    )


def check_own(own: OwnWords, where: str) -> None:
    """Raises BadSetting for what could never be found, or would mean two things."""
    meant: dict[str, State] = {}
    for state in STATES:
        for word in getattr(own, state):
            if not (folded := folded_word(word)):
                raise BadSetting(f"{where}.{state}", "must be words, got an empty one")
            if meant.setdefault(folded, state) != state:
                reason = f"{shown(word)} is in {meant[folded]} too: a word has one meaning"
                raise BadSetting(f"{where}.{state}", reason)
    for place in PLACES:
        for name in getattr(own, place):
            if not _PLACE.fullmatch(name):
                allowed = "names as the server writes them, joined by dots: data.task.id"
                raise BadSetting(f"{where}.{place}", f"must be {allowed}, got {shown(name)}")
