"""Calls by hand to each kind of upstream: a good submit, a poll, a download."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import uuid4

import httpx2

from support.emulator_process import Emulator
from support.servers import PHOTOS
from unstill.upstreams.replies import at

PICTURE = "https://example.com/cat.png"
CHELSEA = (PHOTOS / "chelsea.jpg").read_bytes()
CHELSEA_URL = f"data:image/jpeg;base64,{b64encode(CHELSEA).decode()}"
ASYNC = {"x-dashscope-async": "enable"}
SYNTHESIS = "/api/v1/services/aigc/video-generation/video-synthesis"
KEYFRAMES = "/api/v1/services/aigc/image2video/video-synthesis"
COMFY_REQUESTS = "/v2/models/wan/wan2.7-i2v/requests"
MINIMAX_TASKS = "/v2/video_generation"
KLING_30 = "/image-to-video/kling-3.0"
ARK_TASKS = "/api/v3/contents/generations/tasks"
LIGHTX2V_TASKS = "/v1/tasks/video/"
VLLM_MODEL = "Wan-AI/Wan2.2-I2V-A14B-Diffusers"

Submit = Callable[[Emulator, str], httpx2.Response]


def submit_dashscope(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = wan27(input={"prompt": prompt, "media": [{"type": "first_frame", "url": PICTURE}]})
    return emulator.http.post(SYNTHESIS, json=body, headers=ASYNC)


def submit_modelverse(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = {
        "model": "Wan-AI/Wan2.2-I2V",
        "input": {"first_frame_url": PICTURE, "prompt": prompt},
        "parameters": {"resolution": "720P", "duration": 5},
    }
    return emulator.http.post("/v1/tasks/submit", json=body)


def submit_fal(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = {"image_url": PICTURE, "prompt": prompt, "duration": 5, "resolution": "720p"}
    return emulator.http.post("/fal-ai/wan/v2.7/image-to-video", json=body)


def submit_ark(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(ARK_TASKS, json=seedance(prompt))


def submit_runware(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post("/v1", json=[runware(positivePrompt=prompt)])


def submit_openrouter(emulator: Emulator, prompt: str) -> httpx2.Response:
    frame = {"type": "image_url", "image_url": {"url": PICTURE}, "frame_type": "first_frame"}
    body = {"model": "alibaba/wan-2.7", "prompt": prompt, "frame_images": [frame], "duration": 5}
    return emulator.http.post("/api/v1/videos", json=body)


def submit_minimax(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(MINIMAX_TASKS, json=h3(prompt))


def submit_kling(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(KLING_30, json=kling(prompt))


def submit_comfyui(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post("/prompt", json=comfyui(prompt))


def comfyui(prompt: str = "a cat", **changes: Any) -> dict[str, Any]:
    """A graph without a picture: one would have to be uploaded first."""
    nodes = {
        "1": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt}},
        "2": {"class_type": "WanImageToVideo", "inputs": {"positive": ["1", 0], "length": 81}},
        "3": {"class_type": "SaveVideo", "inputs": {"video": ["2", 0]}},
    }
    return {"prompt": nodes, "prompt_id": str(uuid4())} | changes


def submit_lightx2v(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(LIGHTX2V_TASKS, json=lightx2v(prompt=prompt))


def submit_comfy(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = wan27(input={"prompt": prompt, "media": [{"type": "first_frame", "url": PICTURE}]})
    return emulator.http.post(COMFY_REQUESTS, json=body)


def submit_openai(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(
        "/v1/videos",
        json={"model": "sora-2", "prompt": prompt, "input_reference": {"image_url": PICTURE}},
    )


def submit_unified(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post("/v1/videos", json=unified(prompt=prompt))


def submit_sglang(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = {"prompt": prompt, "input_reference": PICTURE, "seconds": 5}
    return emulator.http.post("/v1/videos", json=body)


def submit_vllm_omni(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(
        "/v1/videos",
        data={"prompt": prompt, "seconds": "5"},
        files={"input_reference": ("a.jpg", CHELSEA, "image/jpeg")},
    )


class ByHand(NamedTuple):
    """How a kind is called without an engine, and where its answers have what."""

    submit: Submit
    done: str  # the word for it
    poll: str = "/v1/videos/{id}"
    id_at: str = "id"
    word_at: str = "status"
    failed: str = "failed"  # the word for that
    link_at: str = ""  # in an answer; empty: the file is at `content`
    result: str = ""  # which answer has the link; empty: that to a poll
    poll_task: str = ""  # by a body with a task of this type, and not by an address
    content: str = "/v1/videos/{id}/content"  # the file, where no answer has a link
    is_signed: bool = True  # the link that an answer has needs no key
    # The word, with a 200, for a task that is not known; "": it has none. None: a 404.
    lost_word: str | None = None


BY_HAND: Mapping[str, ByHand] = {
    "dashscope": ByHand(
        submit_dashscope,
        "SUCCEEDED",
        poll="/api/v1/tasks/{id}",
        id_at="output.task_id",
        word_at="output.task_status",
        failed="FAILED",
        link_at="output.video_url",
        lost_word="UNKNOWN",
    ),
    "modelverse": ByHand(
        submit_modelverse,
        "Success",
        poll="/v1/tasks/status?task_id={id}",
        id_at="output.task_id",
        word_at="output.task_status",
        failed="Failure",
        link_at="output.urls.0",
    ),
    "fal": ByHand(
        submit_fal,
        "COMPLETED",
        poll="/fal-ai/wan/requests/{id}/status",
        id_at="request_id",
        failed="COMPLETED",  # with an error beside it
        link_at="video.url",
        result="/fal-ai/wan/requests/{id}",
    ),
    "ark": ByHand(submit_ark, "succeeded", poll=f"{ARK_TASKS}/{{id}}", link_at="content.video_url"),
    "runware": ByHand(
        submit_runware,
        "success",
        poll="/v1",
        id_at="data.0.taskUUID",
        word_at="data.0.status",
        failed="",  # it is among the errors
        link_at="data.0.videoURL",
        poll_task="getResponse",
        lost_word="",
    ),
    "openrouter": ByHand(
        submit_openrouter,
        "completed",
        poll="/api/v1/videos/{id}",
        link_at="unsigned_urls.0",
        is_signed=False,
    ),
    "minimax": ByHand(
        submit_minimax,
        "succeeded",
        poll="/v2/query/video_generation/{id}",
        id_at="task_id",
        word_at="task.status",
        link_at="task.content.url",
    ),
    "kling": ByHand(
        submit_kling,
        "succeeded",
        poll="/tasks?task_ids={id}",
        id_at="data.id",
        word_at="data.0.status",
        link_at="data.0.outputs.0.url",
        lost_word="",
    ),
    "lightx2v": ByHand(
        submit_lightx2v,
        "completed",
        poll="/v1/tasks/{id}/status",
        id_at="task_id",
        content="/v1/tasks/{id}/result",
    ),
    "comfy": ByHand(
        submit_comfy,
        "COMPLETED",
        poll=f"{COMFY_REQUESTS}/{{id}}/status",
        id_at="request_id",
        failed="COMPLETED",  # with the kind of its error beside it
        link_at="output.video_url",
        result=f"{COMFY_REQUESTS}/{{id}}",
    ),
    "comfyui": ByHand(
        submit_comfyui,
        "success",
        poll="/history/{id}",
        id_at="prompt_id",
        word_at="*.status.status_str",
        failed="error",
        content="/view?filename={id}_00001_.mp4&subfolder=&type=output",
        lost_word="",
    ),
    "openai": ByHand(submit_openai, "completed"),
    "unified": ByHand(submit_unified, "SUCCESS", failed="FAILURE"),
    "sglang": ByHand(submit_sglang, "completed"),
    "vllm-omni": ByHand(submit_vllm_omni, "completed"),
}
SUBMITS: Mapping[str, Submit] = {kind: each.submit for kind, each in BY_HAND.items()}
DONE: Mapping[str, str] = {kind: each.done for kind, each in BY_HAND.items()}


def runware(**changes: Any) -> dict[str, Any]:
    task: dict[str, Any] = {
        "taskType": "videoInference",
        "taskUUID": str(uuid4()),
        "model": "alibaba:wan@2.7",
        "deliveryMethod": "async",
        "duration": 5,
        "includeCost": True,
        "inputs": {"frameImages": [{"image": PICTURE, "frame": "first"}]},
    }
    return task | changes


def lightx2v(**changes: Any) -> dict[str, Any]:
    body = {
        "task_id": str(uuid4()),
        "prompt": "a cat",
        "image_path": PICTURE,
        "target_video_length": 81,
        "target_shape": [720, 1280],
    }
    return body | changes


def wan27(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": "wan2.7-i2v",
        "input": {"prompt": "a cat", "media": [{"type": "first_frame", "url": PICTURE}]},
        "parameters": {"resolution": "720P", "duration": 5},
    }
    return body | changes


def seedance(prompt: str = "a cat", **changes: Any) -> dict[str, Any]:
    picture = {"type": "image_url", "image_url": {"url": PICTURE}, "role": "first_frame"}
    body: dict[str, Any] = {
        "model": "doubao-seedance-2-0-260128",
        "content": [{"type": "text", "text": prompt}, picture],
    }
    return body | changes


def h3(prompt: str = "a cat", **changes: Any) -> dict[str, Any]:
    picture = {"type": "image_url", "image_url": {"url": PICTURE}, "role": "first_frame"}
    body: dict[str, Any] = {
        "model": "MiniMax-H3",
        "content": [{"type": "text", "text": prompt}, picture],
        "resolution": "768P",
        "duration": 5,
    }
    return body | changes


def kling(prompt: str = "a cat", **changes: Any) -> dict[str, Any]:
    contents = [{"type": "prompt", "text": prompt}, {"type": "first_frame", "url": PICTURE}]
    return {"contents": contents, "settings": {"multi_shot": False}} | changes


def unified(**changes: Any) -> dict[str, Any]:
    picture = {"type": "image_url", "image_url": {"url": PICTURE}}
    body: dict[str, Any] = {
        "model": "wan2.7-i2v",
        "prompt": "a cat",
        "size": "1280x720",
        "seconds": "5",
        "input_reference": {"content": [picture]},
    }
    return body | changes


def submitted(emulator: Emulator, prompt: str = "a cat") -> str:
    """The id of a new job."""
    answer = SUBMITS[emulator.kind](emulator, prompt)
    assert answer.is_success, answer.text
    return str(at(answer.json(), BY_HAND[emulator.kind].id_at))


def polled(emulator: Emulator, job_id: str) -> httpx2.Response:
    by_hand = BY_HAND[emulator.kind]
    if by_hand.poll_task:
        task = {"taskType": by_hand.poll_task, "taskUUID": job_id}
        return emulator.http.post(by_hand.poll, json=[task])
    return emulator.http.get(by_hand.poll.format(id=job_id))


def is_unknown(emulator: Emulator, answer: httpx2.Response) -> bool:
    """Whether an answer to a poll says that there is no such job."""
    lost_word = BY_HAND[emulator.kind].lost_word
    if lost_word is None:
        return answer.status_code == 404
    return answer.status_code == 200 and word(answer) == lost_word


def word(answer: httpx2.Response) -> str:
    """The state in an answer to a poll, of whatever kind; "" where it has none."""
    told = answer.json()
    # `*`: the only thing there is, whatever its name.
    inner = next(iter(told.values()), None)
    found = (
        at(inner, each.word_at[2:]) if each.word_at.startswith("*.") else at(told, each.word_at)
        for each in BY_HAND.values()
    )
    return next((text for text in found if isinstance(text, str)), "")


def link_to(emulator: Emulator, job_id: str) -> str:
    """Where the video of a finished job lies."""
    kind = BY_HAND[emulator.kind]
    if not kind.link_at:
        return f"{emulator.url}{kind.content.format(id=job_id)}"
    by_poll = not kind.result
    answer = (
        polled(emulator, job_id) if by_poll else emulator.http.get(kind.result.format(id=job_id))
    )
    return str(at(answer.json(), kind.link_at))


def result_text(emulator: Emulator, job_id: str) -> str:
    """What a job has come to, of a kind that tells it in another answer than that to a poll."""
    kind = BY_HAND[emulator.kind]
    return emulator.http.get(kind.result.format(id=job_id)).text if kind.result else ""


def fetched(emulator: Emulator, job_id: str) -> httpx2.Response:
    link = link_to(emulator, job_id)
    kind = BY_HAND[emulator.kind]
    has_own_key = bool(kind.link_at) and kind.is_signed
    return httpx2.get(link) if has_own_key else emulator.http.get(link)
