"""How upstreams write: the words of a task's state, and where an answer keeps what. Data.

No two gateways agree, and some pass on what their own vendor wrote. Each table has what their
documents, their code and reports of their users show; an operator adds to them for a server of his
own, `[engines.NAME.words]`. Names of fields are compared without case, `_` and `-`; words of a
state without case, blanks, `_` and `-`. A word that is in no table is never an end.

Sources: the documents of OpenAI, ope.ai, Modelverse, DashScope, Ark, MiniMax, Kling, OpenRouter,
Runware, xAI and Replicate, and new-api's code; reports ArcReel#241, #1505, #1888 and new-api#1997,
#2532, #5117, #7194; all read 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, get_args

import msgspec

from unstill.domain.errors import BadSetting, shown

State = Literal["waiting", "running", "succeeded", "failed", "cancelled", "expired"]
STATES: tuple[State, ...] = get_args(State)
Place = Literal["status", "id", "link", "reason"]
PLACES: tuple[Place, ...] = get_args(Place)

_STATE_WORDS: Mapping[State, str] = {
    "waiting": """
        queued queue queueing queuing in_queue enqueued pending submitted not_start not_started
        waiting wait created accepted scheduled suspended initializing preparing received throttled
        init initial initialized unstarted to_do todo assigned validating not_ready standby
        排队 排队中 等待 等待中 待处理 已提交 未开始 已创建
    """,
    "running": """
        running in_progress in_process processing progress progressing generating rendering working
        active started starting executing uploading downloading finalizing dispatched retrying
        cancelling canceling doing ongoing encoding transcoding loading booting warming_up saving
        post_processing pre_processing
        处理中 生成中 进行中 运行中 执行中 渲染中
    """,
    "succeeded": """
        succeeded succeed success successful successfully completed complete done finished finish
        all_done all_success
        成功 已成功 已完成 完成 生成成功 生成完成 处理成功 处理完成 执行成功 任务成功 任务完成
    """,
    "failed": """
        failed fail failure error errored rejected reject aborted abort timeout timed_out time_out
        exception denied blocked unsuccessful declined nsfw crashed killed terminated
        internal_error system_error generation_failed partial_failed moderated content_moderated
        request_moderated moderation_failed moderation_blocked content_filtered flagged
        失败 已失败 生成失败 处理失败 执行失败 任务失败 错误 异常 超时 已拒绝 审核失败 审核不通过
    """,
    "cancelled": "cancelled canceled cancel deleted revoked 已取消 取消",
    "expired": "expired expire 已过期 过期",
}
# Also said of a call as a whole: they count as a task's own only beside what is the task's.
_ENVELOPE_WORDS = """
    success successful succeed succeeded complete completed done 成功
    error errored fail failed failure rejected denied blocked timeout timed_out time_out exception
    aborted abort declined accepted received created submitted 失败 错误 超时
"""
_PLACE = re.compile(r"[^\s.]+(?:\.[^\s.]+)*")
_GAPS = re.compile(r"[\s_-]+")
_EDGES = re.compile(r"^\W+|\W+$")
# Google's and Novita's style: TASK_STATUS_SUCCEED, JOB_STATE_RUNNING.
_PREFIX = re.compile(r"(?:[a-z]+_)*(?:status|state)_(?=.)")

STATUS_NAMES = (
    "status",
    "task_status",
    "state",
    "task_state",
    "job_status",
    "video_status",
    "job_state",
    "run_status",
    "generation_status",
    "status.state",
    "status.status",
    "status.name",
    "status.value",
)
PROGRESS_NAMES = (
    "progress",
    "progress_percent",
    "progress_percentage",
    "percent",
    "percentage",
    "task_progress",
)
ID_NAMES = (
    "id",
    "task_id",
    "video_id",
    "job_id",
    "generation_id",
    "prediction_id",
    "task_uuid",
    "uuid",
    "task_ids.0",
    "video_ids.0",
    "ids.0",
)
# What only a wrapper of a whole call has.
ENVELOPE_NAMES = ("code", "success", "errno", "ret_code", "base_resp", "request_id", "trace_id")
# A text here may be nothing but the id: new-api's `data`, midjourney-proxy's `result`.
BARE_ID_PLACES = ("data", "result", "output", "data.0", "response", "task", "job")
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
    "jobs",
    "videos",
    "prediction",
    "generation",
    "result_json",  # kie.ai: JSON in a text
    "resp_data",  # Jimeng: the same
)
# `*`: each item of a list, since some begin with a cover or a last frame.
LINK_PLACES = (
    "video_url",
    "video_url.url",
    "video_urls.*",
    "video_urls.*.url",
    "video_urls",
    "video.url",
    "video.video_url",
    "video.uri",
    "video.download_url",
    "video",
    "video_uri",
    "video_link",
    "video_download_url",
    "mp4_url",
    "url",
    "url.url",
    "urls.*",
    "urls.*.url",
    "urls.video",
    "result_url",
    "output_url",
    "output_urls.*",
    "download_url",
    "download_urls.*",
    "file_url",
    "media_url",
    "media_urls.*",
    "result_urls.*",
    "result_urls.*.url",
    "content.video_url",
    "content.video_url.url",
    "content.*.video_url.url",
    "content.*.url",
    "content.url",
    "content",
    "video_result.*.url",  # Zhipu
    "creations.*.url",  # Vidu
    "generated.*",  # Freepik
    "generated_videos.*.video.uri",  # Google
    "generated_samples.*.video.uri",
    "file.url",
    "file.download_url",
    "file",
    "files.*.url",
    "files.*",
    "videos.*.url",
    "videos.*.video_url",
    "videos.*.download_url",
    "videos.*",
    "outputs.*.url",
    "outputs.*.video_url",
    "outputs.*",
    "outputs.video",
    "output.*.url",
    "output.*.video_url",
    "output.*",
    "output",
    "result.*.url",
    "result.*",
    "result",
    "results.*.url",
    "results.*.video_url",
    "results.*",
    "data.*.url",
    "data.*.video_url",
    "data.*",
    "data",
    "task_result.videos.*.url",
    "works.*.resource.resource",
    "metadata.url",
    "metadata.video_url",
    "metadata.output.video_url",
    "unsigned_urls.*",
    "signed_url",
    "public_url",
    "cdn_url",
    "play_url",
    "oss_url",
    "uri",
    "link",
    "src",
    "href",
    "assets.video",
    "assets.*.url",
    "artifacts.*.url",
    "media.*.url",
    "media.url",
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
    "fail_msg",  # kie.ai
    "fail_message",
    "error_message",
    "error_msg",
    "err_msg",
    "error_detail",
    "error_description",
    "error_reason",
    "error_info",
    "err_message",
    "errmsg",
    "failure.message",
    "failure.reason",
    "failure",
    "last_error.message",
    "last_error",
    "incomplete_details.reason",
    "base_resp.status_msg",
    "reason",
    "reject_reason",
    "moderation_reason",
    "status.message",
    "status.reason",
    "detail.message",
    "detail.error",
    "detail",
    "details",
    "message",
    "msg",
)
CODE_PLACES = (
    "error.metadata.error_type",  # OpenRouter, whose `code` is the HTTP status
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
    "fail_code",
    "detail.code",
    "base_resp.status_code",
    "code",
    "error_type",
    "detail.0.type",  # FastAPI's; fal's has its kinds of refusals there
)
# What an answer says where nothing is wrong; 10000 is Jimeng's.
_FINE = """
    0 00 000 0000 00000 000000 200 201 202 10000 ok okay success succeed successful none null nil
    false n/a no_error 成功 操作成功 请求成功
"""
FINE = frozenset({"", *_FINE.split()})


class WordTables(msgspec.Struct, frozen=True):
    """The tables as one engine reads by them; an operator's own come first."""

    states: Mapping[str, State]
    status: tuple[str, ...] = STATUS_NAMES
    id: tuple[str, ...] = ID_NAMES
    link: tuple[str, ...] = LINK_PLACES
    reason: tuple[str, ...] = REASON_PLACES

    def state(self, word: object) -> State | None:
        """What a word of a state means; None for one that is not known."""
        return next(
            (state for each in _spellings(word) if (state := self.states.get(each)) is not None),
            None,
        )


def folded_word(word: object) -> str:
    """A state's word as the tables have it; some servers count their states."""
    return next(_spellings(word), "")


def _spellings(word: object) -> Iterator[str]:
    """A word without case, blanks and marks, then also without what its enum puts before it."""
    if isinstance(word, bool) or not isinstance(word, str | int):
        return
    text = _EDGES.sub("", str(word)).casefold()
    yield _GAPS.sub("", text)
    text = text.rpartition(".")[2]  # Python's `str` of one: JobStatus.COMPLETED
    yield _GAPS.sub("", text)
    yield _GAPS.sub("", _PREFIX.sub("", _GAPS.sub("_", text), count=1))


ENVELOPE_WORDS = frozenset(map(folded_word, _ENVELOPE_WORDS.split()))
BUILT_IN = WordTables(
    {folded_word(word): state for state, said in _STATE_WORDS.items() for word in said.split()}
)


class OwnWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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


def with_own(own: OwnWords) -> WordTables:
    """The tables with an operator's own words and places before them."""
    states = {folded_word(word): state for state in STATES for word in getattr(own, state)}
    return WordTables(
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
