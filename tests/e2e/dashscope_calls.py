"""A program that uses the dashscope SDK as its documents show; what came of it goes to stdout.

It knows nothing of an emulator: address and key come from the SDK's own environment variables.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from dashscope import Client
from dashscope import VideoSynthesis as Typed
from dashscope.aigc.video_synthesis import AioVideoSynthesis
from dashscope.v2.errors import DashScopeError

VideoSynthesis: Any = Typed  # its types lack what its documents show
MEDIA = "wan2.7-i2v"
SMALL: Any = {"resolution": "720P"}


def frame(url: str) -> list[dict[str, str]]:
    return [{"type": "first_frame", "url": url}]


def seen(response: Any) -> dict[str, Any]:
    """What matters of a response of the older generation."""
    return {
        "status": response.status_code,
        "code": response.code,
        "output": dict(response.output or {}),
        "usage": dict(response.usage or {}),
    }


def older(photo: str, picture: str) -> dict[str, Any]:
    begun = VideoSynthesis.async_call(
        model="wan2.6-i2v-flash", prompt="a cat", img_url=picture, audio=False
    )
    cancelled = VideoSynthesis.cancel(begun)
    both = {"first_frame_url": picture, "last_frame_url": picture}
    keyframes = VideoSynthesis.async_call(
        model="wan2.2-kf2v-flash", prompt="a cat", **both, **SMALL
    )
    local = VideoSynthesis.async_call(model=MEDIA, prompt="local", media=frame(photo), **SMALL)
    refused = VideoSynthesis.async_call(model=MEDIA, media=frame(picture), size="1280*720")
    called = VideoSynthesis.call(
        model=MEDIA, prompt="a cat", media=frame(picture), duration=2, **SMALL
    )
    return {
        "called": seen(called),
        "cancelled": seen(cancelled),
        "after_cancel": seen(VideoSynthesis.fetch(begun)),
        "too_late": seen(VideoSynthesis.cancel(called.output.task_id)),
        "keyframes": seen(VideoSynthesis.wait(keyframes)),
        "local": seen(VideoSynthesis.wait(local)),
        "refused": seen(refused),
        "listed": seen(VideoSynthesis.list(status="SUCCEEDED", page_size=100)),
        "unknown": seen(VideoSynthesis.fetch("no-such-task")),
    }


async def older_asynchronous(picture: str) -> dict[str, Any]:
    begun = await AioVideoSynthesis.async_call(
        model=MEDIA, prompt="aio", media=frame(picture), **SMALL
    )
    waited = await AioVideoSynthesis.wait(begun)
    return {
        "called": seen(waited),
        "too_late": seen(await AioVideoSynthesis.cancel(begun)),
        "listed": seen(await AioVideoSynthesis.list(page_size=100)),
    }


def newer(photo: str, picture: str) -> dict[str, Any]:
    videos: Any = Client().videos
    waiting = videos.jobs.create(model=MEDIA, prompt="a cat", image_url=picture)
    videos.jobs.cancel(waiting.task_id)
    older_model = videos.jobs.create(model="wan2.2-i2v-flash", prompt="a cat", image_url=picture)
    made = videos.generate(model=MEDIA, prompt="a cat", image_url=photo, duration=2)
    return {
        "made": {"status": made.status, "url": made.video_url, "usage": made.usage.model_dump()},
        "older_model": videos.jobs.wait(older_model).status,
        "cancelled": videos.jobs.fetch(waiting.task_id).status,
        "listed": [job.task_id for job in videos.jobs.list(page_size=100).tasks],
        "made_id": made.task_id,
        "refused": refusal(lambda: videos.generate(model=MEDIA, image_url=picture, duration=99)),
    }


def refusal(call: Callable[[], object]) -> list[str]:
    try:
        call()
    except DashScopeError as error:
        return [type(error).__name__, str(error.code)]
    return []


def main() -> None:
    generation, photo, picture = sys.argv[1:]
    match generation:
        case "older":
            result = older(photo, picture)
        case "older_asynchronous":
            result = asyncio.run(older_asynchronous(picture))
        case _:
            result = newer(photo, picture)
    sys.stdout.write(json.dumps(result, default=str))


if __name__ == "__main__":
    main()
