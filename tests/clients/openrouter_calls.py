"""A program that uses OpenRouter's client: models, generate, look, content, and what is refused."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from openrouter import (  # type: ignore[import-not-found]  # is in `.venv-clients`
    OpenRouter,
    errors,
)

from clients.steps import told

PICTURE = "https://example.com/cat.jpg"
ORDER: Any = {
    "model": "alibaba/wan-2.7",
    "prompt": "a cat",
    "duration": 5,
    "resolution": "720p",
    "seed": 7,
    "generate_audio": False,
    "frame_images": [
        {"type": "image_url", "image_url": {"url": PICTURE}, "frame_type": "first_frame"}
    ],
}


def refused(name: str, call: Callable[[], Any]) -> None:
    """The error that a call ends with."""
    try:
        told(name, got=str(call()))
    except errors.OpenRouterError as error:
        kind = type(error).__name__
        told(name, error={"kind": kind, "status": error.status_code, "message": str(error)})


def run(server: str, key: str) -> None:
    with OpenRouter(api_key=key, server_url=server) as client:
        videos = client.video_generation
        listed = videos.list_videos_models().data
        told("models", got={each.id: each.supported_durations for each in listed})
        job = videos.generate(**ORDER)
        told("generated", got=job.model_dump())
        while (found := videos.get_generation(job_id=job.id)).status not in {"completed", "failed"}:
            time.sleep(0.1)
        told("found", got=found.model_dump())
        told("video", got=len(videos.get_video_content(job_id=job.id).read()))
        refused("too long", lambda: videos.generate(**ORDER | {"duration": 11}))
        refused("no job", lambda: videos.get_generation(job_id="gen-vid-0"))
    with OpenRouter(api_key="sk-wrong", server_url=server) as stranger:
        refused("wrong key", lambda: stranger.video_generation.generate(**ORDER))


if __name__ == "__main__":
    run(*sys.argv[1:])
