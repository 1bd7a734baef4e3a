"""What an upstream's answer says of a task, as gateways really write it."""

from typing import Any

import pytest

from unstill.upstreams.port import Done, Failed, Running, Verdict, Waiting
from unstill.upstreams.replies import Odd
from unstill.upstreams.task_answers import verdict_in
from unstill.upstreams.vocabulary import BUILT_IN, STATES, OwnWords, with_own

LINK = "https://files.example/v.mp4?sig=1"


def job(status: object, **fields: object) -> dict[str, Any]:
    return {"id": "t-1", "object": "video", "status": status, **fields}


# --- states ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    [
        "succeed",
        "Succeeded",
        "SUCCESS",
        "completed",
        "COMPLETE",
        "done",
        "finished",
        "TASK_STATUS_SUCCEED",
        "JOB_STATE_SUCCEEDED",
        "成功",
    ],
)
def test_every_word_of_a_good_end_is_one(word: str) -> None:
    assert verdict_in(job(word)) == Done()


@pytest.mark.parametrize(
    "word",
    [
        "fail",
        "failed",
        "FAILURE",
        "error",
        "rejected",
        "timeout",
        "Timed Out",
        "TASK_STATUS_FAILED",
    ],
)
def test_every_word_of_a_bad_end_is_one(word: str) -> None:
    assert verdict_in(job(word, error={"message": "no"})) == Failed("failed", "no")


@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        ("JobStatus.COMPLETED", Done()),
        ("VIDEO_GENERATION_STATUS_SUCCESSFUL", Done()),
        ("✅ Completed!", Done()),
        ("  Done. ", Done()),
        ("生成成功", Done()),
        ("InQueue", Waiting()),
        ("notStarted", Waiting()),
        ("In-Process", Running()),
        ("生成中", Running()),
        ("TimedOut", Failed("failed", "no")),
        ("Content Moderated", Failed("failed", "no")),
        ("审核不通过", Failed("failed", "no")),
        ({"state": "SUCCEEDED"}, Done()),
        ({"name": "failed", "code": 3}, Failed("failed", "no")),
    ],
)
def test_a_word_is_known_however_its_language_writes_it(word: object, verdict: Verdict) -> None:
    reason = {"error": {"message": "no"}} if isinstance(verdict, Failed) else {}

    assert verdict_in(job(word, **reason)) == verdict


def test_the_reason_beside_an_unknown_word_is_told() -> None:
    with pytest.raises(Odd, match="'moderation': a face was found"):
        verdict_in(job("moderation", error={"message": "a face was found"}))


@pytest.mark.parametrize("word", ["cancelled", "canceled", "CANCELED", "deleted"])
def test_a_cancelled_task_has_failed(word: str) -> None:
    assert isinstance(verdict_in(job(word)), Failed)


@pytest.mark.parametrize(
    "word",
    [
        "running",
        "in_progress",
        "in-progress",
        "In Progress",
        "InProgress",
        "processing",
        "RENDERING",
    ],
)
def test_every_word_of_work_goes_on(word: str) -> None:
    assert verdict_in(job(word)) == Running()


@pytest.mark.parametrize(
    "word", ["queued", "IN_QUEUE", "pending", "submitted", "NOT_START", "created", "waiting"]
)
def test_every_word_of_waiting_waits(word: str) -> None:
    assert verdict_in(job(word)) == Waiting()


@pytest.mark.parametrize("word", ["blessed", "unknown", "ready", "200", "ok", "fertig"])
def test_an_unknown_word_is_never_an_end_even_beside_a_link(word: str) -> None:
    with pytest.raises(Odd, match="the unknown state"):
        verdict_in(job(word, url=LINK))


def test_an_unknown_word_is_told_without_what_a_terminal_would_obey() -> None:
    with pytest.raises(Odd) as odd:
        verdict_in(job("\x1b[2Jbless\u202eed" + "x" * 500))

    assert odd.value.message.isprintable()
    assert len(odd.value.message) < 100


def test_no_word_means_two_things() -> None:
    assert set(BUILT_IN.states.values()) == set(STATES)


# --- what wraps it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"task_id": "t-1", "status": "SUCCESS", "progress": "100%", "fail_reason": ""}, Done()),
        (
            {
                "code": 0,
                "message": "success",
                "data": {"task_id": "t-1", "task_status": "processing"},
            },
            Running(),
        ),
        (
            {
                "code": "success",
                "data": {"task_id": "t-1", "status": "SUCCESS", "data": {"status": "queued"}},
            },
            Done(),
        ),
        ({"status": "success", "data": {"id": "t-1", "status": "processing"}}, Running()),
        ({"status": "success", "data": {"state": "queued"}}, Waiting()),
        (
            {"status": "ok", "result": {"job_status": "failed", "reason": "no"}},
            Failed("failed", "no"),
        ),
        ({"output": {"task_status": "SUCCEEDED", "video_url": LINK}}, Done(LINK)),
        (
            {"data": [{"id": "t-0", "status": "failed"}, {"id": "t-1", "status": "running"}]},
            Running(),
        ),
        ([{"id": "t-1", "status": "running"}], Running()),
        ({"task": {"id": "t-1", "status": "succeeded", "content": {"url": LINK}}}, Done(LINK)),
        ({"status": "running", "progress": 40}, Running(0.4)),
        ({"id": "t-1", "status": "in_progress", "progress": "40%"}, Running(0.4)),
        ({"status": "success", "video_url": LINK}, Done(LINK)),
    ],
)
def test_a_state_is_found_through_what_wraps_it(body: Any, verdict: Verdict) -> None:
    fields = body[0] if isinstance(body, list) else body

    assert verdict_in(fields, ticket="t-1") == verdict


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": 0, "message": "success"},
        {"status": "success", "message": "ok"},
        {"status": "success", "data": None},
        {"status": "success", "data": {"task_id": "t-1"}},  # the call has succeeded, not the task
        {"status": "error", "message": "too many requests"},
        {"status": "failed", "message": "database is down"},
        {"code": "task_not_exist", "message": "no such task"},
        {"id": "t-1", "error": {"message": "try later"}},
        {"status": 404, "title": "Not Found"},
        {"status": True, "data": {}},
    ],
)
def test_an_answer_about_the_call_says_nothing_of_the_task(body: dict[str, Any]) -> None:
    assert verdict_in(body, ticket="t-1") is None


def test_an_error_answer_is_believed_only_with_the_tasks_id() -> None:
    assert verdict_in({"status": "failed", "task_status": "failed"}, is_ok=False) is None
    assert verdict_in(job("failed", error="oom"), is_ok=False) == Failed("failed", "oom")


# --- links -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"video_url": LINK},
        {"videoUrl": LINK},
        {"url": LINK},
        {"video": {"url": LINK}},
        {"video": {"video_url": LINK}},
        {"output": {"video_url": LINK}},
        {"output": LINK},
        {"output": [LINK]},
        {"data": {"video_url": LINK}},
        {"data": [{"url": LINK}]},
        {"urls": [LINK]},
        {"results": [{"url": LINK}]},
        {"result": LINK},
        {"result_url": LINK},
        {"content": {"video_url": LINK}},
        {"metadata": {"url": LINK}},
        {"unsigned_urls": [LINK]},
        {"videos": [{"url": LINK}]},
        {"task_result": {"videos": [{"url": LINK, "duration": "5"}]}},
        {"fail_reason": LINK},
        {"video_url": {"url": LINK}},
        {"content": [{"type": "video_url", "video_url": {"url": LINK}}]},
        {"video_result": [{"url": LINK, "cover_image_url": "https://x/c.png"}]},
        {"creations": [{"url": LINK, "cover_url": "https://x/c.jpg"}]},
        {"response": {"generated_videos": [{"video": {"uri": LINK}}]}},
        {"response": {"resultUrls": [LINK]}},
        {"cover_url": "https://x/c.jpg", "url": "https://x/thumb.jpg?x=1", "video_url": LINK},
    ],
)
def test_a_finished_video_is_found_under_every_name(fields: dict[str, Any]) -> None:
    assert verdict_in(job("completed", **fields)) == Done(LINK)


@pytest.mark.parametrize(
    "fields",
    [
        {"url": ""},
        {"url": None},
        {"url": "ftp://x/v.mp4"},
        {"url": "file:///data/v.mp4"},
        {"url": "done"},
        {"output": "cdn.example/v.mp4"},  # only a name that says so makes that a link
        {"outputs": ["https://x/cover.jpg", "https://x/last.png?x=1"]},
        {"url": "data:video/mp4;base64,AAAA"},
        {"url": "not a link"},
        {"url": "https://x/picture.png"},
        {"urls": {"get": LINK}},
        {"polling_url": LINK},
        {"file_path": "/data/v.mp4"},
        {"input": {"url": LINK}},
    ],
)
def test_what_is_no_link_to_a_video_is_none(fields: dict[str, Any]) -> None:
    assert verdict_in(job("completed", **fields)) == Done()


@pytest.mark.parametrize(
    "link", ["/files/v.mp4", "//cdn.example/v.mp4", "files/v.mp4", "cdn.example:8080/v.mp4?sig=1"]
)
def test_a_link_without_host_or_scheme_is_one(link: str) -> None:
    assert verdict_in(job("completed", url=link)) == Done(link)


@pytest.mark.parametrize(
    "fields",
    [
        {"video_urls": [LINK]},
        {"video_urls": [{"url": LINK}]},
        {"data": {"video_urls": ["https://x/cover.png", LINK]}},
        {"outputs": ["https://x/cover.jpg", LINK]},
        {"output": {"video": LINK}},
        {"video": LINK},
        {"results": [{"url": "https://x/c.webp"}, {"url": LINK}]},
        {"data": {"state": "success", "resultJson": f'{{"resultUrls":["{LINK}"]}}'}},
        {"data": {"resp_data": f'{{"urls":["{LINK}"]}}'}},
        {"mp4_url": LINK},
        {"generated": [LINK]},
        {"files": [{"url": LINK}]},
    ],
)
def test_the_video_is_found_among_pictures_in_lists_and_in_texts(fields: dict[str, Any]) -> None:
    assert verdict_in(job("completed", **fields)) == Done(LINK)


def test_an_end_beside_an_error_and_without_a_video_is_a_failure() -> None:
    error = {"error": {"code": "content_policy_violation", "message": "a face"}}

    assert verdict_in(job("COMPLETED", **error)) == Failed("content_policy_violation", "a face")
    assert verdict_in(job("COMPLETED", **error, video_url=LINK)) == Done(LINK)
    assert verdict_in(job("completed", error=None)) == Done()


# --- figures -----------------------------------------------------------------------------------


def test_a_length_counts_in_a_usage_alone_since_beside_it_servers_repeat_what_was_asked() -> None:
    assert verdict_in(job("completed", seconds="5", duration=5)) == Done()
    assert verdict_in(job("completed", usage={"duration": 8}, seconds="5")) == Done(
        None, {"duration": 8}
    )


@pytest.mark.parametrize("word", ["failed", "cancelled", "expired"])
def test_what_an_end_without_a_video_has_used_is_read_too(word: str) -> None:
    used, plain = verdict_in(job(word, usage={"duration": 4})), verdict_in(job(word))

    assert isinstance(used, Failed)
    assert isinstance(plain, Failed)
    assert (used.usage, plain.usage) == ({"duration": 4}, {})


@pytest.mark.parametrize(
    ("fields", "share"),
    [
        ({"progress": 40}, 0.4),
        ({"progress": "40 %"}, 0.4),
        ({"progress": 0.42}, 0.42),  # Runway counts from 0 to 1
        ({"progress": "0.5%"}, 0.005),
        ({"percentage": "40"}, 0.4),
    ],
)
def test_progress_is_read_in_every_unit(fields: dict[str, Any], share: float) -> None:
    assert verdict_in(job("running", **fields)) == Running(share)


@pytest.mark.parametrize("progress", [0, 100, "0%", "100%", "soon", True, None, -3, 250])
def test_the_ends_of_progress_say_nothing(progress: object) -> None:
    assert verdict_in(job("running", progress=progress)) == Running()


# --- an operator's own words -------------------------------------------------------------------


def test_an_operators_own_words_and_places_come_first() -> None:
    words = with_own(
        OwnWords(
            succeeded=("klar", "3", "true"),
            running=("completed", "false"),  # there it only means that the upload is
            status=("zustand.wort", "fertig"),
            id=("ticket.nr",),
            link=("ergebnis.datei",),
            reason=("grund",),
        )
    )
    body = {"ticket": {"nr": "t-1"}, "zustand": {"wort": "KLAR"}, "ergebnis": {"datei": LINK}}

    assert verdict_in(body, words) == Done(LINK)
    assert verdict_in(job("completed"), words) == Running()
    assert verdict_in(job(3), words) == Done()
    assert verdict_in({"id": "t-1", "fertig": True}, words) == Done()
    assert verdict_in({"id": "t-1", "fertig": False}, words) == Running()
    assert verdict_in(job("failed", grund="zu dunkel", message="x"), words) == Failed(
        "failed", "zu dunkel"
    )
