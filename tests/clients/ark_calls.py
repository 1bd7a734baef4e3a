"""A program that makes videos with Volcengine's official Ark SDK, as its documents show."""

from __future__ import annotations

import sys
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from volcenginesdkarkruntime import Ark  # type: ignore[import-not-found]  # needs an older httpx
from volcenginesdkarkruntime._exceptions import (  # type: ignore[import-not-found]
    ArkAPIStatusError,
)

from clients.steps import told

MODEL = "doubao-seedance-2-0-260128"
LOOK_AGAIN_S = 0.1
UNENDED = frozenset({"queued", "running"})


class Program:
    """The calls of one client."""

    def __init__(self, base_url: str, api_key: str, photo: Path) -> None:
        self._tasks = Ark(base_url=base_url, api_key=api_key).content_generation.tasks
        self._photo = f"data:image/jpeg;base64,{b64encode(photo.read_bytes()).decode()}"

    def run(self) -> None:
        made = self._make(duration=4, resolution="720p", ratio="adaptive", watermark=False)
        queued = self._make(duration=5)
        self._tasks.delete(queued)
        told("cancelled", got=self._tasks.get(task_id=queued).status)
        told("ended", got=self._ended(made))
        listed = self._tasks.list(page_num=1, page_size=10, task_ids=[made, queued])
        told("listed", got=[(each.id == made, each.status) for each in listed.items])
        self._refused("too long", lambda: self._make(duration=99))
        self._refused("nobody's", lambda: self._tasks.get(task_id="cgt-20261128101112-zzzzz"))
        self._refused("cancelled twice", lambda: self._tasks.delete(queued))

    def _make(self, **fields: Any) -> str:
        frames = [
            {"type": "image_url", "image_url": {"url": self._photo}, "role": role}
            for role in ("first_frame", "last_frame")
        ]
        text = {"type": "text", "text": "the cat turns its head"}
        task = self._tasks.create(model=MODEL, content=[text, *frames], **fields)
        return str(task.id)

    def _ended(self, task_id: str) -> dict[str, Any]:
        while (task := self._tasks.get(task_id=task_id)).status in UNENDED:
            time.sleep(LOOK_AGAIN_S)
        return {
            "status": task.status,
            "url": task.content.video_url,
            "tokens": task.usage.completion_tokens,
            "resolution": task.resolution,
            "duration": task.duration,
        }

    def _refused(self, name: str, call: Callable[[], Any]) -> None:
        try:
            told(name, got=call())
        except ArkAPIStatusError as error:
            told(name, error={"status": error.status_code, "code": error.code})


if __name__ == "__main__":
    Program(sys.argv[1], sys.argv[2], Path(sys.argv[3])).run()
