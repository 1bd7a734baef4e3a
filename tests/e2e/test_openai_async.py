"""The asynchronous client of OpenAI's SDK does all that the other one does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support.openai_clients import async_sdk, openai
from support.servers import PHOTOS, PictureHost, Serving

POLL_MS = 100
ASTRONAUT = PHOTOS / "astronaut.jpg"
SMALL = {"size": "256x320"}


async def test_every_verb_of_the_asynchronous_client_works(server: Serving, tmp_path: Path) -> None:
    async with async_sdk(server.url) as client:
        created = await client.videos.create(
            prompt="push in", input_reference=ASTRONAUT, extra_body=SMALL
        )
        video = await client.videos.poll(created.id, poll_interval_ms=POLL_MS)
        content = await client.videos.download_content(video.id)
        content.write_to_file(tmp_path / "video.mp4")
        streaming = client.videos.with_streaming_response
        async with streaming.download_content(video.id) as answer:
            await answer.stream_to_file(tmp_path / "streamed.mp4")
        raw = await client.videos.with_raw_response.retrieve(video.id)
        newest = await anext(aiter(client.videos.list(limit=1)))
        deleted = await client.videos.delete(video.id)
        with pytest.raises(openai.NotFoundError) as refused:
            await client.videos.retrieve(video.id)

    assert (created.status, created.progress) == ("queued", 0)
    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    assert raw.parse() == video
    assert raw.headers["x-request-id"] == raw.request_id
    assert newest.id == video.id
    assert (deleted.id, deleted.deleted) == (video.id, True)
    assert refused.value.code == "task_not_found"
    assert (tmp_path / "video.mp4").read_bytes()[4:8] == b"ftyp"
    assert (tmp_path / "video.mp4").read_bytes() == (tmp_path / "streamed.mp4").read_bytes()


async def test_videos_made_at_one_time_by_one_client_all_come(
    server: Serving, pictures: PictureHost
) -> None:
    async with async_sdk(server.url) as client:
        videos = await asyncio.gather(
            *(
                client.videos.create_and_poll(
                    model="wan2.7-i2v",
                    prompt=f"push in, number {n}",
                    extra_body={
                        "input_reference": {"image_url": f"{pictures.url}/chelsea.jpg"},
                        "size": "320x256",
                        "seconds": "2",
                    },
                    poll_interval_ms=POLL_MS,
                )
                for n in range(4)
            )
        )

    assert [video.status for video in videos] == ["completed"] * 4
    assert [video.prompt for video in videos] == [f"push in, number {n}" for n in range(4)]
    assert len({video.id for video in videos}) == 4
