"""Pictures and videos made fit for upstreams and callers."""

from __future__ import annotations

from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from PIL import Image

from unstill.domain.errors import OwnError
from unstill.media.convert import cut_sound, fit_frame
from unstill.media.picture_formats import Format
from unstill.media.tasks import FrameFit, SoundCut, VideoCheck
from unstill.media.video_check import check_video

PHOTO = Path(__file__).parents[2] / "photos" / "chelsea.jpg"
MEBIBYTE = 1024**2


def fit(
    path: Path,
    *formats: Format,
    most_bytes: int = MEBIBYTE,
    size: tuple[int, int] | None = None,
    takes_alpha: bool = True,
) -> FrameFit:
    width, height = size or (None, None)
    out = str(path.with_suffix(".fit"))
    return FrameFit(str(path), out, frozenset(formats), most_bytes, width, height, takes_alpha)


def made(wanted: FrameFit) -> Image.Image:
    assert fit_frame(wanted)
    with Image.open(wanted.out) as image:
        image.load()
        return image


def saved(folder: Path, name: str, exif: Image.Exif | None = None) -> Path:
    path = folder / name
    with Image.open(PHOTO) as photo:
        if exif is None:
            photo.save(path)
        else:
            photo.save(path, exif=exif)
    return path


def test_a_picture_that_fits_is_left_alone(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.jpg")
    with Image.open(path) as photo:
        wanted = fit(path, "JPEG", size=photo.size, takes_alpha=False)

    assert fit_frame(wanted) is False
    assert not Path(wanted.out).exists()


@pytest.mark.parametrize(
    ("sides", "fitted"),
    [
        ((1000, 400), None),
        ((400, 1000), None),
        ((1001, 400), (1000, 400)),
        ((400, 1001), (400, 1000)),
        ((1600, 200), (750, 300)),  # scaled up first, to sides that are taken
    ],
)
def test_a_shape_that_is_too_long_is_cropped_to_the_longest_that_is_taken(
    tmp_path: Path, sides: tuple[int, int], fitted: tuple[int, int] | None
) -> None:
    path = tmp_path / "long.png"
    Image.new("RGB", sides).save(path)
    wanted = msgspec.structs.replace(fit(path, "PNG"), most_ratio=2.5, least_side_px=300)

    assert (made(wanted).size if fit_frame(wanted) else None) == fitted


def test_the_middle_of_a_shape_that_is_too_long_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "long.png"
    image = Image.new("RGB", (800, 200), "black")
    image.paste((255, 255, 255), (200, 0, 600, 200))
    image.save(path)
    kept = made(msgspec.structs.replace(fit(path, "PNG"), most_ratio=2.0))

    assert kept.size == (400, 200)
    assert kept.getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize("name", ["a.gif", "a.avif", "a.webp", "a.bmp"])
def test_another_format_becomes_a_jpeg_that_looks_the_same(tmp_path: Path, name: str) -> None:
    image = made(fit(saved(tmp_path, name), "JPEG", "PNG"))

    with Image.open(PHOTO) as photo:
        difference = np.asarray(image, dtype=float) - np.asarray(photo, dtype=float)
    assert image.format == "JPEG"
    assert np.abs(difference).mean() < 8


def test_a_png_is_made_where_no_jpeg_is_taken(tmp_path: Path) -> None:
    image = made(fit(saved(tmp_path, "a.bmp"), "PNG"))

    assert image.format == "PNG"


def test_alpha_goes_onto_white_only_where_it_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGBA", (320, 320), (200, 0, 0, 0)).save(path)

    assert fit_frame(fit(path, "PNG")) is False
    assert made(fit(path, "PNG", takes_alpha=False)).getpixel((5, 5)) == (255, 255, 255)


def test_a_picture_on_its_side_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = made(fit(saved(tmp_path, "a.jpg", exif), "JPEG"))

    with Image.open(PHOTO) as photo:
        assert image.size == (photo.height, photo.width)


def test_an_exact_size_is_cropped_about_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    stripes = Image.new("RGB", (600, 300), "black")
    stripes.paste((255, 255, 255), (150, 0, 450, 300))
    stripes.save(path)

    image = made(fit(path, "JPEG", size=(200, 200)))

    assert image.size == (200, 200)
    assert np.asarray(image).min() > 200


@pytest.mark.parametrize("most_bytes", [40_000, 12_000, 4_000])
def test_a_large_picture_is_made_small_enough(tmp_path: Path, most_bytes: int) -> None:
    wanted = fit(saved(tmp_path, "a.png"), "JPEG", most_bytes=most_bytes)

    assert fit_frame(wanted)
    assert Path(wanted.out).stat().st_size <= most_bytes


def test_an_exact_size_that_cannot_be_small_enough_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OwnError, match="cannot be made smaller than 500 bytes"):
        fit_frame(fit(saved(tmp_path, "a.png"), "JPEG", most_bytes=500, size=(640, 480)))


def test_a_video_without_its_sound_has_all_its_pictures(tmp_path: Path) -> None:
    path, out = tmp_path / "a.mp4", tmp_path / "b.mp4"
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as file:
        video = file.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        sound = file.add_stream("aac", rate=48_000)
        file.metadata["comment"] = "kept"
        for shade in range(20):
            pixels = np.full((64, 64, 3), shade * 12, np.uint8)
            file.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 96_000), np.float32), format="fltp")
        silence.sample_rate = 48_000
        file.mux(sound.encode(silence))
        file.mux(video.encode(None))
        file.mux(sound.encode(None))
    before = check_video(VideoCheck(str(path)))

    cut_sound(SoundCut(str(path), str(out)))

    after = check_video(VideoCheck(str(out), duration_s=2.0))
    assert before.has_audio
    assert not after.has_audio
    assert after.frame_count == before.frame_count == 20
    with av.open(str(out)) as file:
        assert file.metadata["comment"] == "kept"
