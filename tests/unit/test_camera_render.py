"""Whole renders, small: the file, its picture and its sound."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from support.requests import a_request
from unstill.domain.errors import BadImage
from unstill.domain.request import Frame, Size
from unstill.engines.camera.ambience import ambience
from unstill.engines.camera.framing import frame_middle
from unstill.engines.camera.render import render
from unstill.engines.camera.subject import find_subject
from unstill.engines.camera.task import Rendered, RenderTask
from unstill.media.decode import open_frame
from unstill.media.video_writer import VideoWriter

PHOTOS = Path(__file__).parents[2] / "photos"
SMALL = Size(256, 144)
Pixels = NDArray[np.uint8]


def task(
    out: Path,
    prompt: str = "push in",
    *,
    size: Size = SMALL,
    duration_s: int = 1,
    frame_rate: int = 24,
    seed: int = 1,
    last: Path | None = None,
    first: Path = PHOTOS / "chelsea.jpg",
    watermark: bool = False,
    generate_audio: bool = False,
    job_id: str = "job-1",
) -> RenderTask:
    request = a_request(
        prompt=prompt,
        last_frame=Frame("last", "last_image") if last else None,
        duration_s=duration_s,
        frame_rate=frame_rate,
        seed=seed,
        watermark=watermark,
        generate_audio=generate_audio,
    )
    frames = {"first": str(first)} | ({"last": str(last)} if last else {})
    return msgspec.convert(
        {
            "job_id": job_id,
            "request": msgspec.to_builtins(request),
            "size": msgspec.to_builtins(size),
            "frames": frames,
            "out": str(out),
        },
        RenderTask,
    )


def rendered(wanted: RenderTask) -> Path:
    render(wanted, lambda _: None)
    return Path(wanted.out)


def frames_of(video: Path) -> list[Pixels]:
    with av.open(video) as container:
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for frame in container.decode(video=0)
        ]


def packets_of(video: Path) -> list[bytes]:
    with av.open(video) as container:
        return [bytes(packet) for packet in container.demux()]


def difference(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def fitted(photo: Path, size: Size = SMALL) -> Pixels:
    """The photo scaled and cropped around its subject by another library."""
    pixels = open_frame(photo)
    subject = find_subject(pixels)
    assert subject is not None
    middle = frame_middle(subject, Size(pixels.shape[1], pixels.shape[0]), size)
    with Image.open(photo) as image:
        scale = max(size.width / image.width, size.height / image.height)
        wide, high = size.width / scale, size.height / scale
        left = max(0.0, image.width * middle[0] - wide / 2)
        top = max(0.0, image.height * middle[1] - high / 2)
        box = (left, top, left + wide, top + high)
        scaled = image.convert("RGB").resize(
            (size.width, size.height), Image.Resampling.BOX, box=box
        )
    return np.asarray(scaled)


@pytest.mark.parametrize(("frame_rate", "duration_s"), [(24, 1), (30, 2), (16, 1)])
def test_a_video_has_exactly_its_frames_rate_and_size(
    tmp_path: Path, frame_rate: int, duration_s: int
) -> None:
    wanted = task(
        tmp_path / "v.part", size=Size(258, 146), frame_rate=frame_rate, duration_s=duration_s
    )

    with av.open(rendered(wanted)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == frame_rate
        assert (stream.width, stream.height) == (258, 146)
        assert sum(1 for _ in container.decode(video=0)) == frame_rate * duration_s
        assert container.duration == duration_s * av.time_base


def test_the_stream_is_tagged_and_ready_for_browsers(tmp_path: Path) -> None:
    video = rendered(task(tmp_path / "v.part"))

    head = video.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")
    with av.open(video) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        colours = context.color_primaries, context.color_trc, context.colorspace
        assert (*colours, context.color_range) == (1, 1, 1, 1)  # BT.709, limited: ITU-T H.273


def test_the_file_says_who_made_it_and_that_no_model_did(tmp_path: Path) -> None:
    video = rendered(task(tmp_path / "v.part", job_id="job_4711"))

    with av.open(video) as container:
        words = container.metadata
        assert words["unstill_engine"] == "camera"
        assert words["unstill_model"] == "wan2.7-i2v"
        assert words["unstill_job"] == "job_4711"
        assert "No generative model" in words["comment"]


def test_the_first_frame_of_a_push_is_the_photo(tmp_path: Path) -> None:
    first = frames_of(rendered(task(tmp_path / "v.part", "push in")))[0]

    assert difference(first, fitted(PHOTOS / "chelsea.jpg")) < 6


@pytest.mark.parametrize("name", ["coffee", "chelsea"])
def test_the_last_frame_is_reached(tmp_path: Path, name: str) -> None:
    last = PHOTOS / f"{name}.jpg"
    frames = frames_of(rendered(task(tmp_path / "v.part", "", last=last)))

    assert difference(frames[0], fitted(PHOTOS / "chelsea.jpg")) < 6
    assert difference(frames[-1], fitted(last)) < 6  # two photos differ by some 60


def test_a_sketch_grows_and_is_complete_at_the_end(tmp_path: Path) -> None:
    frames = frames_of(rendered(task(tmp_path / "v.part", "Convert to quick pencil sketch")))

    colour = [float(np.ptp(frame, axis=2).mean()) for frame in frames]
    assert colour[0] > 20
    assert all(later < earlier + 1 for earlier, later in pairwise(colour))
    assert colour[-1] < 4  # the encoder keeps a trace of tint where nothing else changes
    assert frames[-1].mean() > 150  # paper


def test_a_sketch_is_complete_over_a_last_frame_too(tmp_path: Path) -> None:
    over = task(tmp_path / "v.part", "pencil sketch", last=PHOTOS / "coffee.jpg")
    alone = task(tmp_path / "w.part", "pencil sketch", first=PHOTOS / "coffee.jpg")
    last, coffee = frames_of(rendered(over))[-1], frames_of(rendered(alone))[-1]

    assert float(np.ptp(last, axis=2).mean()) < 4  # likewise
    # the camera moved on in one and came back in the other, so they are alike only as wholes
    assert abs(float(last.mean()) - float(coffee.mean())) < 25


def test_a_sketch_in_a_loop_is_taken_back_by_the_end(tmp_path: Path) -> None:
    looped = msgspec.structs.replace(task(tmp_path / "v.part", "pencil sketch"), loop=True)
    first, *between, last = frames_of(rendered(looped))

    colour = [float(np.ptp(frame, axis=2).mean()) for frame in between]
    assert min(colour) < 4
    assert float(np.ptp(last, axis=2).mean()) > 20
    assert difference(first, last) < 4


def test_a_last_frame_is_where_a_loop_ends(tmp_path: Path) -> None:
    last = PHOTOS / "coffee.jpg"
    wanted = msgspec.structs.replace(task(tmp_path / "v.part", "loop", last=last), loop=True)
    frames = frames_of(rendered(wanted))

    assert difference(frames[-1], fitted(last)) < 6


@pytest.mark.parametrize(("prompt", "gain"), [("snow is falling", 0.5), ("heavy rain", 0.5)])
def test_weather_falls_and_changes_from_frame_to_frame(
    tmp_path: Path, prompt: str, gain: float
) -> None:
    dry = frames_of(rendered(task(tmp_path / "a.part", "static shot")))
    wet = frames_of(rendered(task(tmp_path / "b.part", f"{prompt}, static shot")))

    assert difference(wet[0], dry[0]) < 1
    assert difference(wet[-1], dry[-1]) > gain
    assert difference(wet[-1], wet[-4]) > difference(dry[-1], dry[-4]) + gain


def test_a_watermark_is_drawn_in_the_lower_right_only(tmp_path: Path) -> None:
    plain = frames_of(rendered(task(tmp_path / "a.part", "static shot")))[0]
    marked = frames_of(rendered(task(tmp_path / "b.part", "static shot", watermark=True)))[0]

    changed = np.abs(plain.astype(int) - marked).max(axis=2) > 40
    rows, columns = np.nonzero(changed)
    assert rows.min() > SMALL.height * 0.85
    assert columns.min() > SMALL.width * 0.5
    assert marked[rows, columns].max() > 200  # white words on their plate


def test_sound_is_there_when_asked_for_as_long_as_the_picture_and_not_silent(
    tmp_path: Path,
) -> None:
    video = rendered(task(tmp_path / "v.part", generate_audio=True, duration_s=2))

    with av.open(video) as container:
        assert [s.type for s in container.streams] == ["video", "audio"]
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate) == ("aac", 48_000)
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(2, abs=0.001)
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    assert float(sound.std()) > 0.003


def test_no_sound_track_is_written_unasked(tmp_path: Path) -> None:
    with av.open(rendered(task(tmp_path / "v.part"))) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_ambience_ends_to_the_sample_and_does_not_clip() -> None:
    sound = np.concatenate(list(ambience(duration_s=3, seed=1, weather=None)), axis=1)

    assert sound.shape == (2, 3 * 48_000)
    assert float(np.abs(sound).max()) < 1


def test_the_same_scene_gives_the_same_packets_in_another_process(tmp_path: Path) -> None:
    words = {"prompt": "handheld, snow is falling", "watermark": True, "generate_audio": True}
    here = task(tmp_path / "a.part", **words, job_id="one")  # type: ignore[arg-type]
    there = task(tmp_path / "b.part", **words, job_id="two")  # type: ignore[arg-type]

    rendered(here)
    render_elsewhere(there)

    assert packets_of(Path(here.out)) == packets_of(Path(there.out))


def render_elsewhere(wanted: RenderTask) -> None:
    program = (
        "import sys, msgspec\n"
        "from unstill.engines.camera.render import render\n"
        "from unstill.engines.camera.task import RenderTask\n"
        "render(msgspec.json.decode(sys.stdin.buffer.read(), type=RenderTask), lambda _: None)\n"
    )
    line = msgspec.json.encode(wanted)
    subprocess.run([sys.executable, "-c", program], input=line, check=True, timeout=60)


@pytest.mark.parametrize("prompt", ["push in", "pencil sketch", ""])
def test_another_seed_gives_another_video(tmp_path: Path, prompt: str) -> None:
    one = frames_of(rendered(task(tmp_path / "a.part", prompt, duration_s=2, seed=1)))
    other = frames_of(rendered(task(tmp_path / "b.part", prompt, duration_s=2, seed=2)))

    assert max(difference(a, b) for a, b in zip(one, other, strict=True)) > 0.5


def test_progress_grows_with_every_frame_up_to_one(tmp_path: Path) -> None:
    told: list[float] = []

    result = render(task(tmp_path / "v.part"), told.append)

    assert result == Rendered(frame_count=24, moves=("push",), effects=())
    assert len(told) == 24
    assert told == sorted(told)
    assert told[-1] == 1


def test_a_render_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def stop(fraction: float) -> None:
        if fraction > 0.5:
            raise RuntimeError("the server is gone")

    with pytest.raises(RuntimeError, match="gone"):
        render(task(tmp_path / "v.part"), stop)

    assert list(tmp_path.iterdir()) == []


def test_a_file_without_its_last_bytes_is_not_a_video(tmp_path: Path) -> None:
    out = tmp_path / "v.part"
    program = (
        "import os, pathlib\n"
        "from unstill.media.video_writer import VideoWriter\n"
        "from unstill.domain.request import Size\n"
        f"video = VideoWriter(pathlib.Path({str(out)!r}), size=Size(256, 144), frame_rate=24,"
        " metadata={})\n"
        "for _ in range(60): video.write()\n"
        "os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)

    assert b"moov" not in out.read_bytes()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_video(tmp_path: Path) -> None:
    short, long = (peak_bytes(tmp_path, duration_s) for duration_s in (1, 8))

    assert long - short < 12 * 2**20  # 8 s of these frames would be 88 MiB


def peak_bytes(folder: Path, duration_s: int) -> int:
    wanted = task(
        folder / f"{duration_s}.part", size=Size(640, 360), duration_s=duration_s, frame_rate=30
    )
    program = (
        "import resource, sys, msgspec\n"
        "from unstill.engines.camera.render import render\n"
        "from unstill.engines.camera.task import RenderTask\n"
        "render(msgspec.json.decode(sys.stdin.buffer.read(), type=RenderTask), lambda _: None)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    line = msgspec.json.encode(wanted)
    done = subprocess.run(
        [sys.executable, "-c", program], input=line, check=True, timeout=60, capture_output=True
    )
    return int(done.stdout) * 1024  # getrusage(2): kilobytes


def test_a_frame_that_is_no_picture_is_refused_with_the_callers_name(tmp_path: Path) -> None:
    broken = tmp_path / "first-frame"
    broken.write_bytes(b"not a picture")

    with pytest.raises(BadImage) as refusal:
        render(task(tmp_path / "v.part", first=broken), lambda _: None)

    assert refusal.value.param == "input.first_frame_url"


def test_what_is_written_is_what_was_drawn_though_one_frame_serves_for_all(tmp_path: Path) -> None:
    out = tmp_path / "v.part"
    with VideoWriter(out, size=SMALL, frame_rate=24, metadata={}) as video:
        for level in range(24):
            video.picture.y[:] = 40 + 7 * level
            video.picture.u[:] = video.picture.v[:] = 128
            video.write()

    grey = [float(frame.mean()) for frame in frames_of(out)]
    expected = [(24 + 7 * level) * 255 / 219 for level in range(24)]
    assert np.allclose(grey, expected, atol=2)
