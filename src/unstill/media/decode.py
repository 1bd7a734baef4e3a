"""Pictures from callers: read in their own format, as sRGB, within limits. Child side.

Only the first frame of a moving picture is used. What is larger than anybody needs is scaled down
while it is decoded where the format allows that, and right afterwards elsewhere.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from math import ceil, sqrt
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, ExifTags, Image, PngImagePlugin

from unstill.domain.errors import BadImage
from unstill.media.colour import as_srgb, eight_bits
from unstill.media.decode_cost import check_chunks, check_scans
from unstill.media.picture_formats import Format, format_of
from unstill.media.picture_limits import (
    MOST_KEPT_PIXELS,
    MOST_PROFILE_BYTES,
    check_file_size,
    check_pixels,
    check_readable,
    check_shape,
    not_a_picture,
)
from unstill.media.repair import forms_without_fault, with_junk_behind_scan
from unstill.media.tasks import FrameCheck, FrameFacts
from unstill.media.unsupported_formats import ENOUGH_TO_NAME_BYTES
from unstill.system.storage_errors import storage_trouble

CHECKED_PX = 1024  # a check needs no finer picture than that; all of the file is decoded for it
CUT_SHORT = "this image is cut short or broken, it cannot be decoded"

PILLOW_NAMES: dict[Format, str] = {
    "JPEG": "JPEG",  # a phone's MPO also comes through here
    "PNG": "PNG",
    "WebP": "WEBP",
    "BMP": "BMP",
    "GIF": "GIF",
    "AVIF": "AVIF",
    "HEIC": "HEIF",
}

Pixels = NDArray[np.uint8]
Scale = Callable[[int, int], int]  # says by what width and height are to be divided

Image.MAX_IMAGE_PIXELS = None  # Pillow only warns up to twice its limit; `_open` refuses at ours
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # children are counted as one core each
PngImagePlugin.MAX_TEXT_CHUNK = MOST_PROFILE_BYTES  # Pillow's limit of profiles too


class _Broken(BadImage):
    """The file's own fault, which may lie outside of its pixels; limits are no such fault."""


class _Seen(NamedTuple):
    """A picture as a viewer shows it, and its sides before it was scaled down."""

    image: Image.Image
    width: int
    height: int


class Form(NamedTuple):
    """A checked picture's own form, as its header has it."""

    format: Format
    width: int  # as a viewer sees it
    height: int
    is_upright: bool  # without the help of EXIF
    has_alpha: bool


def open_frame(
    path: Path,
    *,
    param: str = "image",
    enough_px: int | None = None,
    most_side_px: int | None = None,
) -> Pixels:
    """Decode a caller's picture as a viewer would show it, upright and on white.

    enough_px: a picture both of whose sides are a multiple of it is scaled down to about it.
    most_side_px: no side of the result is longer.
    Result: uint8 (height, width, 3), sRGB, contiguous and writable.
    Raises BadImage, naming `param`, if it is too large, of no known format, or cut short.
    """
    name = _checked_file(path, param)
    return np.array(_read(path, name, param, _scale(enough_px, most_side_px)).image)


def check_frame(check: FrameCheck) -> FrameFacts:
    """Decode a picture fully, as `open_frame` will, and say what it is.

    One whose pixels are all there, in a file with another fault, is mended where it lies.
    Raises BadImage: what `open_frame` refuses, and sides or a ratio outside the check's limits.
    """
    path = Path(check.path)
    name = _checked_file(path, check.param, is_fetched=check.is_fetched)
    if name == "JPEG":
        check_scans(path.read_bytes(), check.param)
    elif name == "PNG":
        check_chunks(path.read_bytes(), check.param)
    try:
        seen = _read(path, name, check.param, _scale(CHECKED_PX, None))
    except _Broken:
        data = _mended(path, name, check.param)
        if data is None:
            raise
        _replace(path, data)
        seen = _read(path, name, check.param, _scale(CHECKED_PX, None))
    check_shape(seen.width, seen.height, check)
    if name == "JPEG" and _ends_early(path, check.param):
        raise BadImage(check.param, CUT_SHORT)
    return FrameFacts(width=seen.width, height=seen.height, format=name)


def form_of(path: Path) -> Form:
    """The form that a checked picture has. Raises BadImage."""
    name = _checked_file(path, "image")
    with _open(path, name, "image") as image:
        turned = _orientation(image)
        width, height = _as_seen(image.size, turned)
        return Form(
            format=name,
            width=width,
            height=height,
            is_upright=turned == 1,
            has_alpha=image.has_transparency_data,
        )


# --- reading ------------------------------------------------------------------------------------


def _checked_file(path: Path, param: str, *, is_fetched: bool = False) -> Format:
    check_file_size(path.stat().st_size, param)
    with path.open("rb") as file:
        head = file.read(ENOUGH_TO_NAME_BYTES)
    name = format_of(head)
    if name is None:
        raise not_a_picture(head, param, is_fetched=is_fetched)
    if name == "HEIC":
        _register_heic(param)
    return name


def _register_heic(param: str) -> None:
    try:
        import pillow_heif  # noqa: PLC0415  - an extra, and 30 ms that other formats do without
    except ImportError:
        check_readable("HEIC", (), param)
        raise
    pillow_heif.register_heif_opener()
    pillow_heif.options.DECODE_THREADS = 1


def _read(file: Path | BinaryIO, name: Format, param: str, scale: Scale) -> _Seen:
    with _open(file, name, param) as image:
        whole = image.size
        factor = scale(*whole)
        if name == "JPEG":  # libjpeg leaves out what a picture of half, a quarter ... lacks
            image.draft(None, (whole[0] // factor, whole[1] // factor))
        try:
            image.load()
            # Only now: Pillow decodes a PNG to find its EXIF block, and hides a failure of that.
            turned = _orientation(image)
            shown = as_srgb(_upright(_reduced(_with_real_alpha(image), whole, factor), turned))
        except MemoryError:
            raise
        except Exception as error:  # Pillow's readers raise nearly anything on broken bytes
            if isinstance(error, OSError) and storage_trouble(error) is not None:
                raise  # it is the disk that cannot be read
            raise _Broken(param, CUT_SHORT) from error
    return _Seen(shown, *_as_seen(whole, turned))


def _open(file: Path | BinaryIO, name: Format, param: str) -> Image.Image:
    """Read the header only, and refuse by it what would be too much to decode."""
    try:
        image = Image.open(file, formats=(PILLOW_NAMES[name],))
    except Exception as error:  # likewise nearly anything
        reason = f"this {name} cannot be read, it is cut short or its header is broken"
        raise _Broken(param, reason) from error
    try:
        check_pixels(image.width, image.height, name, param)
    except BadImage:
        image.close()
        raise
    return image


# --- what is wrong outside of the pixels --------------------------------------------------------


def _mended(path: Path, name: Format, param: str) -> bytes | None:
    """The file without its fault, or None if pixels are missing."""
    forms = forms_without_fault(path.read_bytes(), name)
    try:
        pixels = [_pixels(form, name, param, _scale(None, None)) for form in forms]
    except BadImage:
        return None
    # The forms differ in what was put at their ends. Where that shows, the file is cut short.
    same = all(np.array_equal(pixels[0], other) for other in pixels[1:])
    return forms[0] if forms and same else None


def _ends_early(path: Path, param: str) -> bool:
    """Whether a JPEG has its end mark, and not all of its pixels: libjpeg makes the rest grey."""
    data = path.read_bytes()
    longer = with_junk_behind_scan(data)
    if longer is None:
        return False
    try:
        as_it_is, with_junk = (_pixels(each, "JPEG", param, _coarse) for each in (data, longer))
    except BadImage:
        return False
    return not np.array_equal(as_it_is, with_junk)


def _pixels(data: bytes, name: Format, param: str, scale: Scale) -> Pixels:
    return np.asarray(_read(io.BytesIO(data), name, param, scale).image)


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.mended")
    with open(draft, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


# --- size ---------------------------------------------------------------------------------------


def _scale(enough_px: int | None, most_side_px: int | None) -> Scale:
    def factor(width: int, height: int) -> int:
        to_keep = ceil(sqrt(width * height / MOST_KEPT_PIXELS))
        to_fit = 1 if most_side_px is None else ceil(max(width, height) / most_side_px)
        to_be_quick = 1 if enough_px is None else min(width, height) // enough_px
        return max(1, to_keep, to_fit, to_be_quick)

    return factor


def _coarse(width: int, height: int) -> int:
    return max(1, min(8, width, height))


def _reduced(image: Image.Image, whole: tuple[int, int], factor: int) -> Image.Image:
    """Divided by what a draft has left of `factor`; each pixel is the mean of those it covers."""
    left = factor // max(1, round(whole[0] / image.width))
    if left <= 1:
        return image
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode in {"P", "PA"} or "transparency" in image.info:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode.startswith("I"):
        image = eight_bits(image)
    return image.reduce(left)


def _with_real_alpha(image: Image.Image) -> Image.Image:
    """Without an alpha channel that nobody filled in, as screenshots on Windows have it.

    A BMP that is transparent everywhere is shown opaque. Source: Chromium, bmp_image_reader.cc,
    "seen_non_zero_alpha_pixel".
    """
    if image.format == "BMP" and image.mode == "RGBA":
        most = image.getchannel("A").getextrema()[1]
        return image.convert("RGB") if most == 0 else image
    return image


# --- orientation --------------------------------------------------------------------------------

_EXIF_BLOCKS = ("exif", "Raw profile type exif")  # the second: a PNG of ImageMagick


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; a broken EXIF block turns nothing, like in a browser.

    Nor does XMP, where Pillow looks too: browsers do not, and programs that turn the pixels and
    take the EXIF away leave it as it was.
    """
    try:
        image.getexif()  # for a PNG's, which may lie behind its pixels
        bare = Image.new("1", (1, 1))
        bare.info = {key: image.info[key] for key in _EXIF_BLOCKS if key in image.info}
        value = bare.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001  - EXIF is hostile bytes too, and never a reason to refuse
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _as_seen(size: tuple[int, int], turned: int) -> tuple[int, int]:
    return (size[1], size[0]) if turned >= 5 else size


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # Exif 3.0, 4.6.5.1, tag 274


def _upright(image: Image.Image, turned: int) -> Image.Image:
    turn = TURNS.get(turned)
    return image if turn is None else image.transpose(turn)
