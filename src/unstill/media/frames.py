"""Pictures from callers: read in their own format, as sRGB, within limits. Child side.

Only the first frame of a moving picture is used. Wide-gamut pictures are mapped into sRGB by
their embedded profile; HDR transfer curves without a profile are not covered.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, ExifTags, Image, ImageCms

from unstill.errors import BadImage
from unstill.media.facts import FrameCheck, FrameFacts
from unstill.media.limits import NOT_A_PICTURE, check_file_size, check_pixels, check_shape
from unstill.media.sniff import ENOUGH_BYTES, Format, format_of

NO_HEIC = "HEIC needs the heic extra on the server: pip install 'unstill[heic]'"

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

Image.MAX_IMAGE_PIXELS = None  # Pillow only warns up to twice its limit; `_open` refuses at ours
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # children are counted as one core each


def open_frame(path: Path, *, param: str = "image") -> Pixels:
    """Decode a caller's picture as a viewer would show it, upright and on white.

    Result: uint8 (height, width, 3), sRGB, contiguous and writable.
    Raises BadImage, naming `param`, if it is too large, of no known format, or cut short.
    """
    with _open(path, param) as image:
        _load(image, param)
        return np.array(_as_srgb(_upright(image)))


def check_frame(check: FrameCheck) -> FrameFacts:
    """Decode a picture fully and say what it is.

    Raises BadImage: what `open_frame` refuses, and sides or a ratio outside the check's limits.
    """
    path = Path(check.path)
    with _open(path, check.param) as image:
        check_shape(*_upright_size(image), check)
        _load(image, check.param)
        width, height = _upright_size(image)
    return FrameFacts(width=width, height=height, format=_sniff(path, check.param))


class Form(NamedTuple):
    """A picture's own form, as its header has it."""

    format: Format
    width: int  # as a viewer sees it
    height: int
    is_upright: bool  # without the help of EXIF
    has_alpha: bool


def form_of(path: Path) -> Form:
    """Read from the header, without decoding. Raises BadImage."""
    with _open(path, "image") as image:
        width, height = _upright_size(image)
        return Form(
            format=_sniff(path, "image"),
            width=width,
            height=height,
            is_upright=_orientation(image) == 1,
            has_alpha=image.has_transparency_data,
        )


def _open(path: Path, param: str) -> Image.Image:
    """Read the header only, and refuse by it what would be too much to decode."""
    check_file_size(path.stat().st_size, param)
    name = _sniff(path, param)
    if name == "HEIC":
        _register_heic(param)
    try:
        image = Image.open(path, formats=(PILLOW_NAMES[name],))
    except Exception as error:  # Pillow's readers raise nearly anything on broken bytes
        raise BadImage(param, f"this {name} cannot be read, its header is broken") from error
    try:
        check_pixels(image.width, image.height, param)
    except BadImage:
        image.close()
        raise
    return image


def _sniff(path: Path, param: str) -> Format:
    with path.open("rb") as file:
        name = format_of(file.read(ENOUGH_BYTES))
    if name is None:
        raise BadImage(param, NOT_A_PICTURE)
    return name


def _register_heic(param: str) -> None:
    try:
        import pillow_heif  # noqa: PLC0415  - an extra, and 30 ms that other formats do without
    except ImportError as error:
        raise BadImage(param, NO_HEIC) from error
    pillow_heif.register_heif_opener()
    pillow_heif.options.DECODE_THREADS = 1


def _load(image: Image.Image, param: str) -> None:
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # likewise nearly anything
        raise BadImage(param, "this image is cut short or broken, it cannot be decoded") from error


# --- orientation --------------------------------------------------------------------------------


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; a broken EXIF block turns nothing, like in a browser."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001  - EXIF is hostile bytes too, and never a reason to refuse
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright_size(image: Image.Image) -> tuple[int, int]:
    is_on_its_side = _orientation(image) >= 5
    return (image.height, image.width) if is_on_its_side else image.size


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # Exif 3.0, 4.6.5.1, tag 274


def _upright(image: Image.Image) -> Image.Image:
    turn = TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


# --- colour -------------------------------------------------------------------------------------


def _as_srgb(image: Image.Image) -> Image.Image:
    """An RGB image: profile applied, then transparency laid over white."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        image = _eight_bits(image)
    if not image.has_transparency_data:
        return _without_profile(image, profile)
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    white = Image.new("RGB", image.size, "white")
    white.paste(_without_profile(image.convert("RGB"), profile), mask=alpha)
    return white


def _eight_bits(image: Image.Image) -> Image.Image:
    """A 16-bit grey picture as 8-bit grey: Pillow's own conversion saturates to white."""
    pixels = np.asarray(image)
    return Image.fromarray((pixels >> 8).clip(0, 255).astype(np.uint8))


def _without_profile(image: Image.Image, profile: object) -> Image.Image:
    """`image` as RGB in sRGB; a profile that is broken, or of another mode, changes nothing."""
    if image.mode not in {"L", "RGB", "CMYK"}:
        image = image.convert("RGB")
    if isinstance(profile, bytes) and profile:
        try:
            return _through_profile(image, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass
    return image.convert("RGB")


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    # Nearly all pictures carry sRGB itself: a tenth of a second per 12 MP for rounding noise.
    if image.mode == "RGB" and ImageCms.getProfileDescription(source).startswith("sRGB"):
        return image
    target = ImageCms.createProfile("sRGB")
    result = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    if result is None:  # only when it works in place, which it is not asked to
        raise ImageCms.PyCMSError("no result")
    return result
