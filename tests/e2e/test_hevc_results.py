"""What Seedance 2.5 makes at 1080P comes home as it is: H.265 with 10 bits, sound in mono."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import av
import pytest
from PIL import Image

from support.emulator_process import Emulator
from support.kind_rows import CHELSEA_URL
from support.requests import SEEDANCE25
from support.servers import Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator("ark", job_s=0.3) as emulating:
        yield emulating


@pytest.fixture(scope="module")
def server(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    config = "".join((ONLY_UPSTREAMS, engine("ours", emulator), model(SEEDANCE25, "ours")))
    serving = Serving(tmp_path_factory.mktemp("hevc"), config=config)
    yield serving
    serving.end()


@pytest.mark.parametrize("has_sound", [True, False])
def test_ten_bits_of_h265_come_home_with_and_without_their_sound(
    has_sound: bool,  # noqa: FBT001  - a parameter of the test
    server: Serving,
    emulator: Emulator,
) -> None:
    emulator.next("fetch", "wrong_length")  # three seconds longer
    body = {
        "model": SEEDANCE25,
        "prompt": "push in",
        "resolution": "1080p",
        "seconds": "4",
        "generate_audio": has_sound,
        "input_reference": {"image_url": CHELSEA_URL},
    }
    job_id = server.http.post("/v1/videos", json=body).json()["id"]
    status = server.wait(job_id)
    content = f"/v1/videos/{job_id}/content"
    video = server.http.get(content).content
    last = server.http.get(content, params={"variant": "last_frame"}).content

    assert status["output"]["task_status"] == "Success", status
    assert status["usage"]["duration"] == 7
    with av.open(BytesIO(video), "r") as container:
        pictures = container.streams.video[0]
        assert (pictures.codec_context.name, pictures.pix_fmt) == ("hevc", "yuv420p10le")
        assert [each.layout.name for each in container.streams.audio] == ["mono"] * has_sound
    with Image.open(BytesIO(last)) as image:
        assert image.size == (64, 64)
