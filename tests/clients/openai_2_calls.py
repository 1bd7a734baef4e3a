"""A program that uses `client.videos` of the OpenAI SDK before its release 3, verb by verb."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path
from typing import Any

import openai

from clients.steps import step, told

POLL_MS = 100
SMALL: Any = {"prompt": "slow push in", "extra_body": {"size": "256x320"}}
KEYED: Any = {"extra_headers": {"Idempotency-Key": "openai-2"}}


class Program:
    """The calls of one client, at one server."""

    def __init__(self, server: str, photo: Path, picture: str, folder: Path) -> None:
        self._at: Any = {"base_url": server, "api_key": "sk-one", "max_retries": 0}
        self._photo = photo
        self._picture = picture
        self._folder = folder
        self._videos = openai.OpenAI(**self._at).videos

    def run(self) -> None:
        told("release", got=openai.__version__)
        self._pictures()
        self._verbs()
        self._refusals()
        self._repeats()
        asyncio.run(self._asynchronous())

    def _made(self, **fields: Any) -> dict[str, Any]:
        made = self._videos.create_and_poll(**SMALL | fields, poll_interval_ms=POLL_MS)
        return made.model_dump()

    def _pictures(self) -> None:
        photo = self._photo.read_bytes()
        address = {"input_reference": {"image_url": self._picture}, "size": "256x320"}
        with self._photo.open("rb") as file:
            step("file", lambda: self._made(model="sora-2", input_reference=file))
        step("path", lambda: self._made(input_reference=self._photo))
        step("bytes", lambda: self._made(input_reference=photo))
        step("stream", lambda: self._made(input_reference=io.BytesIO(photo)))
        step("named", lambda: self._made(input_reference=("a.jpg", photo, "image/jpeg")))
        step("address", lambda: self._made(extra_body=address))

    def _verbs(self) -> None:
        """All but create, on a video of its own."""
        videos = self._videos
        made = videos.create(**SMALL, input_reference=self._photo)
        saved = self._folder / "video.mp4"
        step("created", made.model_dump)
        step("polled", lambda: videos.poll(made.id, poll_interval_ms=POLL_MS).model_dump())
        step("retrieved", lambda: videos.retrieve(made.id).model_dump())
        step("listed", lambda: [video.id for video in videos.list(limit=2)])
        step("content", lambda: videos.download_content(made.id).write_to_file(saved))
        step("streamed", lambda: self._streamed(made.id))
        step("remix", lambda: videos.remix(made.id, prompt="slower").id)
        step("deleted", lambda: videos.delete(made.id).model_dump())
        step("gone", lambda: videos.retrieve(made.id).id)

    def _streamed(self, video_id: str) -> int:
        """The video's length in bytes, read piece by piece."""
        with self._videos.with_streaming_response.download_content(video_id) as answer:
            return sum(map(len, answer.iter_bytes()))

    def _refusals(self) -> None:
        photo = self._photo.read_bytes()
        lost = {"input_reference": {"image_url": f"{self._picture}.lost"}}
        failed = step("failed", lambda: self._made(extra_body=lost))
        step("content of failed", lambda: self._videos.download_content(failed["id"]).read())
        step("no picture", lambda: self._videos.create(prompt="push in"))
        wrong = {"seconds": "5"}
        step("wrong length", lambda: self._made(input_reference=photo, extra_body=wrong))
        stranger = openai.OpenAI(**self._at | {"api_key": "sk-wrong"}).videos
        step("wrong key", lambda: stranger.list().data)
        nowhere = openai.OpenAI(**self._at | {"base_url": "http://127.0.0.1:9/v1"}).videos
        step("no server", lambda: nowhere.list().data)

    def _repeats(self) -> None:
        fields = SMALL | KEYED | {"input_reference": self._photo}
        step("once", lambda: self._videos.create(**fields).id)
        step("twice", lambda: self._videos.create(**fields).id)
        step("reused key", lambda: self._videos.create(**fields | {"prompt": "pan left"}).id)

    async def _asynchronous(self) -> None:
        async with openai.AsyncOpenAI(**self._at) as client:
            made = await client.videos.create_and_poll(
                **SMALL, input_reference=self._photo, poll_interval_ms=POLL_MS
            )
            content = await client.videos.download_content(made.id)
            listed = [video.id async for video in client.videos.list(limit=2)]
        told(
            "asynchronous",
            got={
                "status": made.status,
                "head": content.content[4:8].decode(),
                "is_newest": listed[0] == made.id,
            },
        )


def main() -> None:
    server, photo, picture, folder = sys.argv[1:]
    Program(server, Path(photo), picture, Path(folder)).run()


if __name__ == "__main__":
    main()
