"""The short ways to a frame give the same frames."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import msgspec
import numpy as np
import pytest
from av.video.frame import PictureType

from support.requests import a_request
from support.stills import still
from unstill.domain.request import Role, Size
from unstill.engines.camera import has_spare_core
from unstill.engines.camera.framing import untold
from unstill.engines.camera.kept_photos import made_ready, photos_of
from unstill.engines.camera.path import CameraState
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.prompt import read_prompt
from unstill.engines.camera.render import render
from unstill.engines.camera.scenes import OnePhoto, Shown, blank
from unstill.engines.camera.task import RenderTask
from unstill.engines.camera.warp import (
    CELL_PX,
    KeptPicture,
    Lens,
    PixelFetcher,
    SourceGrid,
    plane_of,
)

PHOTO = Path(__file__).parents[2] / "photos" / "chelsea.jpg"
SIZE = Size(320, 180)
FLAT = np.full((8, 8), 0.5, np.float32)


def task(out: Path, prompt: str, **more: bool) -> RenderTask:
    request = a_request(prompt=prompt, duration_s=1, frame_rate=24, generate_audio=True)
    done = RenderTask("job-1", request, SIZE, {"first": str(PHOTO)}, str(out))
    return msgspec.structs.replace(done, **more)


def packets_of(video: Path) -> list[bytes]:
    with av.open(video) as container:
        return [bytes(packet) for packet in container.demux()]


@pytest.mark.parametrize("prompt", ["push in", "snow is falling, static shot", "pencil sketch"])
def test_a_lone_job_has_the_same_bytes_as_one_among_others(tmp_path: Path, prompt: str) -> None:
    alone, among = tmp_path / "alone.part", tmp_path / "among.part"
    heard: list[float] = []

    render(task(alone, prompt, is_alone=True), heard.append)
    render(task(among, prompt, is_alone=False), lambda _: None)

    assert packets_of(alone) == packets_of(among)
    assert heard == sorted(heard)
    assert (len(heard), heard[-1]) == (24, 1)


@pytest.mark.parametrize("prompt", ["orbit around the cat", "pencil sketch", "snow, static shot"])
def test_a_job_on_a_photo_that_was_kept_has_the_same_bytes(tmp_path: Path, prompt: str) -> None:
    first, again, other = (tmp_path / f"{name}.part" for name in ("first", "again", "other"))
    made_ready.cache_clear()
    render(task(first, prompt), lambda _: None)
    render(task(other, "push in"), lambda _: None)
    render(task(again, prompt), lambda _: None)

    kept = made_ready.cache_info()
    assert (kept.hits, kept.currsize) == (2, 1)
    assert packets_of(first) == packets_of(again)


def test_what_is_kept_is_of_the_same_bytes_and_the_same_frames(tmp_path: Path) -> None:
    copied, changed = tmp_path / "copied.jpg", tmp_path / "changed.jpg"
    copied.write_bytes(PHOTO.read_bytes())
    changed.write_bytes(PHOTO.read_bytes() + b" ")
    job = task(tmp_path / "v.part", "push in")

    def photo(path: Path, size: Size) -> Photo:
        frames: dict[Role, str] = {"first": str(path)}
        return photos_of(msgspec.structs.replace(job, frames=frames, size=size), untold).photos[0]

    first = photo(PHOTO, SIZE)
    assert photo(copied, SIZE) is first
    assert photo(copied, Size(180, 320)) is not first
    assert photo(PHOTO, SIZE) is not first  # one job's are kept, no more
    assert photo(changed, SIZE) is not photo(PHOTO, SIZE)


def test_a_lone_job_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def stop(fraction: float) -> None:
        if fraction > 0.5:
            raise RuntimeError("the server is gone")

    with pytest.raises(RuntimeError, match="gone"):
        render(task(tmp_path / "v.part", "push in", is_alone=True), stop)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("others", "cores", "is_spare"),
    [(0, 1, False), (0, 2, True), (1, 2, False), (1, 4, True), (2, 4, False)],
)
def test_a_job_takes_a_second_core_only_where_no_other_job_needs_it(
    others: int, cores: int, *, is_spare: bool
) -> None:
    assert has_spare_core(others=others, cores=cores) == is_spare


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_compatible_video_has_no_frame_that_waits_for_a_later_one(
    tmp_path: Path, *, is_alone: bool
) -> None:
    plain, compatible = tmp_path / "plain.part", tmp_path / "compatible.part"
    render(task(plain, "push in"), lambda _: None)
    render(task(compatible, "push in", compatible=True, is_alone=is_alone), lambda _: None)

    assert "B" in kinds_of(plain)[1]
    assert kinds_of(compatible) == ("Main", {"I", "P"})


@pytest.mark.parametrize(("compatible", "parts"), [(False, b"0x3:0x3"), (True, b"0x1:0x1")])
def test_the_encoder_looks_neither_for_cuts_nor_for_blocks_that_move_in_parts(
    tmp_path: Path, *, compatible: bool, parts: bytes
) -> None:
    video = tmp_path / "v.part"

    render(task(video, "push in", compatible=compatible), lambda _: None)

    heard = video.read_bytes()  # the encoder writes its settings into each file
    for setting in (b"scenecut=0", b"mbtree=0", b"analyse=" + parts):
        assert b" " + setting + b" " in heard


def kinds_of(video: Path) -> tuple[str | None, set[str]]:
    """The profile, and the kinds of pictures."""
    with av.open(video) as container:
        kinds = {PictureType(frame.pict_type).name for frame in container.decode(video=0)}
        return container.streams.video[0].codec_context.profile, kinds


def test_what_stands_still_is_fetched_twice_and_then_copied() -> None:
    photo = fit_photo(still("chelsea"), SIZE)
    lens, shown, kept = Lens(photo, FLAT), Shown(photo, is_sketched=False), KeptPicture()
    grid, frame = lens.grid(CameraState(zoom=1.1)), blank(SIZE)

    shown.show(grid, None, frame)
    fetched = frame.y.copy()
    found = []
    for _ in range(3):
        found.append(kept.show(lens.grid(CameraState(zoom=1.1)), frame))
        kept.keep(grid, frame)
    frame.y[:] = 0  # what is laid over a frame is not in what is kept

    assert found == [False, False, True]
    assert kept.show(grid, frame)
    assert (frame.y == fetched).all()
    assert not kept.show(lens.grid(CameraState(zoom=1.2)), frame)


def test_a_plane_is_fetched_as_its_map_would_be() -> None:
    photo = fit_photo(still("chelsea"), SIZE)
    lens, planes, frame = Lens(photo, FLAT), photo.planes, blank(SIZE)
    state = CameraState(zoom=1.2, pan=(0.05, -0.02), roll_rad=0.05)

    PixelFetcher(photo).fetch_picture(lens.grid(state), planes, frame)

    begin, end = lens.grid(CameraState()), lens.grid(state)
    bent = SourceGrid(x=end.x + np.float32(1e-4) * begin.x**2, y=end.y)  # too little to see
    mapped = blank(SIZE)
    PixelFetcher(photo).fetch_picture(bent, planes, mapped)
    for one, other in ((frame.y, mapped.y), (frame.u, mapped.u)):
        assert cv2.absdiff(one, other).mean() < 0.2
        assert cv2.absdiff(one, other).max() <= 3


@pytest.mark.parametrize(
    ("prompt", "is_asked"),
    [
        ("static shot", False),
        ("roll clockwise", True),
        ("handheld", True),
        ("push in", True),
        ("pan left", True),
        ("static shot, then orbit", True),
        ("static shot, snow", True),
    ],
)
def test_depth_and_lines_are_looked_for_where_something_shows_them(
    prompt: str, *, is_asked: bool
) -> None:
    photo, plan = fit_photo(still("chelsea"), SIZE), read_prompt(prompt, "", 3)

    scene = OnePhoto(photo, plan, a_request(prompt=prompt, seed=3))

    states = [scene.path.at(moment / 8) for moment in range(9)]
    is_flat = all((s.dolly, *s.truck, s.turn_rad) == (0, 0, 0, 0) for s in states)
    assert ("sky" in vars(photo)) == is_asked  # depth asks for the sky
    assert is_asked or is_flat


def test_only_what_is_affine_is_taken_for_it() -> None:
    row, column = np.mgrid[:10, :12].astype(np.float32)
    x, y = 30 + 20 * column + 0.5 * row, 10 - 0.5 * column + 20 * row

    found = plane_of(x, y, CELL_PX)
    assert found is not None
    assert np.allclose(found[:, :2] * CELL_PX, [[20, 0.5], [-0.5, 20]], atol=1e-4)
    assert plane_of(x + 0.001 * column**2, y, CELL_PX) is None
