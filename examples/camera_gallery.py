"""Makes the pictures of docs/engines/camera.md: five frames of each of some videos, side by side.

The photos are ours, or from Debian's `lomiri-wallpapers` (apt-get install lomiri-wallpapers), under
licences that allow it. Run it with `make camera-gallery`, and look at what came out:
docs/images/camera-*.jpg.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import NamedTuple

import av
from PIL import Image
from rich.console import Console

from unstill.domain.request import Frame, Role, Size, VideoRequest
from unstill.engines.camera.render import render
from unstill.engines.camera.task import RenderTask

ROOT = Path(__file__).parents[1]
PHOTOS, IMAGES = ROOT / "photos", ROOT / "docs" / "images"
DEBIAN = Path("/usr/share/backgrounds")
MOUNTAINS = DEBIAN / "picosdeeuropa_by_Aitzol_Berasategi.jpg"  # CC-BY-4.0
SUNSET = DEBIAN / "sunset_by_Aitzol_Berasategi.jpg"  # CC-BY-4.0
DOGS = DEBIAN / "friends_by_Aitzol_Berasategi.jpg"  # CC-BY-4.0
SHOWN_AT = (0.0, 0.25, 0.5, 0.75, 1.0)
SHOWN_PX = 300  # so wide is each frame
GAP_PX = 6
QUALITY = 82
WIDE, SQUARE = Size(960, 544), Size(720, 720)


class Row(NamedTuple):
    """One video: its first frame, what is asked for, and of the last frame which part of which."""

    name: str
    photo: Path
    prompt: str
    size: Size = WIDE
    last: tuple[Path, tuple[float, float, float, float]] | None = None  # left, top, right, bottom


ROWS = (
    Row("push", PHOTOS / "dandelion.jpg", "slow push in"),
    Row("then", SUNSET, "pan left, then zoom in"),
    Row("orbit", PHOTOS / "coffee.jpg", "orbit around the cup"),
    Row("straight", IMAGES / "console-gallery.jpg", "fast push in"),
    Row("head", PHOTOS / "astronaut.jpg", "push in"),
    Row(
        "two-pictures",
        PHOTOS / "astronaut.jpg",
        "",
        SQUARE,
        (PHOTOS / "astronaut.jpg", (0.28, 0.02, 0.58, 0.32)),
    ),
    Row("clouds", MOUNTAINS, "clouds drift, static camera"),
    Row("snow", DOGS, "heavy snow, slow push in"),
    Row("petals", PHOTOS / "chelsea.jpg", "petals fall, static camera"),
    Row("sketch", PHOTOS / "rocket.jpg", "turn into a pencil sketch"),
)


def rendered(row: Row, folder: Path) -> Path:
    """The row's video."""
    frames: dict[Role, str] = {"first": str(row.photo)}
    if row.last is not None:
        frames["last"] = str(part_of(*row.last, into=folder / f"{row.name}.png"))
    request = VideoRequest(
        model="wan2.7-i2v",
        prompt=row.prompt,
        first_frame=Frame("first", "image", sha256=""),
        last_frame=Frame("last", "last_image", sha256="") if row.last else None,
        duration_s=5,
        frame_rate=24,
        seed=7,
        size=row.size,
    )
    out = folder / f"{row.name}.mp4"
    render(RenderTask(row.name, request, row.size, frames, str(out)), lambda _: None)
    return out


def part_of(photo: Path, part: tuple[float, float, float, float], *, into: Path) -> Path:
    with Image.open(photo) as whole:
        width, height = whole.size
        left, top, right, bottom = part
        whole.crop(
            (
                round(left * width),
                round(top * height),
                round(right * width),
                round(bottom * height),
            )
        ).save(into)
    return into


def strip(video: Path) -> Image.Image:
    """Frames of a video side by side, from its first to its last."""
    with av.open(video) as container:
        frames = [
            Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)
        ]
    shown = [frames[round(share * (len(frames) - 1))] for share in SHOWN_AT]
    height = round(SHOWN_PX * shown[0].height / shown[0].width)
    whole = Image.new("RGB", (len(shown) * (SHOWN_PX + GAP_PX) - GAP_PX, height), (255, 255, 255))
    for place, frame in enumerate(shown):
        small = frame.resize((SHOWN_PX, height), Image.Resampling.LANCZOS)
        whole.paste(small, (place * (SHOWN_PX + GAP_PX), 0))
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description="pictures of what the camera makes")
    parser.add_argument("--out", type=Path, default=IMAGES)
    parser.add_argument("names", nargs="*", help="some rows alone")
    given = parser.parse_args()
    out = Console()
    with tempfile.TemporaryDirectory(prefix="unstill-") as folder:
        for row in ROWS:
            if given.names and row.name not in given.names:
                continue
            if not row.photo.exists():
                raise SystemExit(f"no {row.photo}: apt-get install lomiri-wallpapers")
            picture = given.out / f"camera-{row.name}.jpg"
            strip(rendered(row, Path(folder))).save(picture, quality=QUALITY, optimize=True)
            size = picture.stat().st_size
            out.print(f"{picture.name}: {row.photo.name}, {row.prompt!r}, {size:,} bytes")


if __name__ == "__main__":
    main()
