"""A program that uses LiteLLM as its documents show, in its plain and its asynchronous form."""

from __future__ import annotations

import asyncio
import io
import sys
import time
from pathlib import Path
from typing import Any

import litellm  # type: ignore[import-not-found]  # needs an older openai than the one here
from litellm import decode_video_id_with_provider
from litellm.types.videos.utils import (  # type: ignore[import-not-found]
    encode_video_id_with_provider as encoded,
)

from clients.steps import step, told

PROMPT = "slow push in"
SMALL = {"prompt": PROMPT, "size": "320x256", "seconds": "2"}
LOOK_AGAIN_S = 0.1
UNENDED = frozenset({"queued", "in_progress"})

litellm.suppress_debug_info = True
# LiteLLM checks the addresses of hosted_vllm itself; this machine's own are allowed on request.
litellm.user_url_allowed_hosts = ["127.0.0.1"]


class Program:
    """The calls of one provider of LiteLLM."""

    def __init__(self, provider: str, server: str, photo: Path, picture: str, folder: Path) -> None:
        self._model = f"{provider}/wan2.7-i2v"
        self._provider = provider
        self._where = {"api_base": server, "api_key": "sk-one"}
        self._photo = photo
        self._picture = picture
        self._folder = folder

    def run(self) -> None:
        self._pictures()
        self._endings()
        self._refusals()
        self._lists()
        self._repeats()
        asyncio.run(self._asynchronous())

    def _make(self, **fields: Any) -> Any:
        return litellm.video_generation(**({"model": self._model} | SMALL | fields | self._where))

    def _status(self, video_id: str) -> Any:
        return litellm.video_status(video_id=video_id, **self._where)

    def _finished(self, **fields: Any) -> dict[str, Any]:
        """The video at its end, the states on the way, and its own id at the server."""
        video = self._make(**fields)
        states = [(video.status, video.progress)]
        while states[-1][0] in UNENDED:
            time.sleep(LOOK_AGAIN_S)
            video = self._status(video.id)
            states.append((video.status, video.progress))
        own_id = decode_video_id_with_provider(video.id)["video_id"]
        return dict(video) | {"states": states, "own_id": own_id}

    def _pictures(self) -> None:
        photo = self._photo.read_bytes()
        with self._photo.open("rb") as file:
            made = step("file", lambda: self._finished(input_reference=file, seed=7))
        saved = self._folder / f"{self._provider}.mp4"
        step(
            "content",
            lambda: saved.write_bytes(litellm.video_content(video_id=made["id"], **self._where)),
        )
        step("bytes", lambda: self._finished(input_reference=photo))
        step("stream", lambda: self._finished(input_reference=io.BytesIO(photo)))
        step("address", lambda: self._finished(input_reference=self._picture))
        step("reference", lambda: self._finished(image_reference={"image_url": self._picture}))
        step("extra", lambda: self._finished(extra_body={"image_url": self._picture, "seed": 7}))

    def _endings(self) -> None:
        lost = {"image_url": f"{self._picture}.lost"}
        failed = step("failed", lambda: self._finished(image_reference=lost))
        step(
            "content of failed",
            lambda: litellm.video_content(video_id=failed["id"], **self._where),
        )
        slow = self._make(input_reference=self._photo.read_bytes(), size="1280x720", seconds="5")
        step("content early", lambda: litellm.video_content(video_id=slow.id, **self._where))

    def _refusals(self) -> None:
        photo = {"input_reference": self._photo.read_bytes()}
        video_id = self._make(**photo).id
        step("wrong length", lambda: self._make(seconds="99", **photo))
        step("unknown model", lambda: self._make(model=f"{self._provider}/none", **photo))
        step("no picture", self._make)
        step("unknown video", lambda: self._status(encoded("video-of-nobody", self._provider)))
        step(
            "remix",
            lambda: litellm.video_remix(video_id=video_id, prompt=PROMPT, **self._where),
        )
        self._where["api_key"] = "sk-wrong"
        step("wrong key", lambda: self._make(**photo))
        self._where["api_key"] = "sk-one"

    def _lists(self) -> None:
        def pages() -> list[Any]:
            after, found = None, []
            while True:
                page = litellm.video_list(
                    limit=3, after=after, custom_llm_provider=self._provider, **self._where
                )
                found.append([row["id"] for row in page["data"]])
                after = page["last_id"]
                if not page["has_more"]:
                    return found

        step("pages", pages)

    def _repeats(self) -> None:
        again = {"extra_headers": {"Idempotency-Key": f"{self._provider}-1"}}
        photo = {"input_reference": self._photo.read_bytes()}
        step("once", lambda: self._make(**photo, **again).id)
        step("twice", lambda: self._make(**photo, **again).id)
        step("reused key", lambda: self._make(**photo, **again, seconds="3"))

    async def _asynchronous(self) -> None:
        made = await litellm.avideo_generation(
            model=self._model, input_reference=self._photo.read_bytes(), **SMALL, **self._where
        )
        while True:
            video = await litellm.avideo_status(video_id=made.id, **self._where)
            if video.status not in UNENDED:
                break
            await asyncio.sleep(LOOK_AGAIN_S)
        content = await litellm.avideo_content(video_id=made.id, **self._where)
        told("asynchronous", got={"status": video.status, "head": content[4:8].decode()})


def main() -> None:
    provider, server, photo, picture, folder = sys.argv[1:]
    Program(provider, server, Path(photo), picture, Path(folder)).run()


if __name__ == "__main__":
    main()
