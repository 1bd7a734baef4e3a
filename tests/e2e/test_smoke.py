"""From a photo to an mp4, through a real server."""

from __future__ import annotations

from support.servers import PictureHost, Serving


def test_a_photo_behind_a_url_becomes_a_video(server: Serving, pictures: PictureHost) -> None:
    task_id = server.submit(
        {
            "model": "openai/sora-2/image-to-video-pro",
            "input": {"first_frame_url": f"{pictures.url}/chelsea.jpg", "prompt": "push in"},
            "parameters": {"size": "320x256"},
        }
    )
    output = server.wait(task_id)["output"]

    assert output["task_status"] == "Success"
    video = server.http.get(output["urls"][0])
    assert video.content[4:8] == b"ftyp"
