"""What every caller's picture must keep to. Pure: asked at create where the header tells, and by
the child before and after decoding.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec

from unstill.domain.errors import BadImage
from unstill.media.picture_formats import FORMATS, Format
from unstill.media.tasks import FrameCheck
from unstill.media.unsupported_formats import what_it_is

MAX_FILE_BYTES = 20 * 1024 * 1024  # the largest that any seed document allows
# Measured, of 120 MP: the child's memory peaks at 0.1 GB for a JPEG, 0.75 for a progressive one,
# 0.5 to 1.0 for a PNG, 0.9 for HEIC, 1.1 for AVIF, and 1.9 for WebP, which is why that has a limit
# of its own: 1.1 at 64 MP. libjpeg alone can leave pixels out while it decodes.
MAX_PIXELS = 120_000_000
MAX_WEBP_PIXELS = 64_000_000
MOST_KEPT_PIXELS = 50_000_000  # what is larger is scaled down while it is decoded: 150 MB as RGB
MOST_PROFILE_BYTES = 8 * 1024 * 1024  # unpacked, and of a text: what is larger is left out

_READ_HERE = "JPEG, PNG, WebP, BMP, GIF, AVIF, HEIC with the heic extra"
# Parts that a server may lack; all else is in every build of Pillow.
_LACKING: dict[Format, str] = {
    "HEIC": "HEIC needs the heic extra on the server: pip install pillow-heif",
    "AVIF": "AVIF needs a Pillow that was built with it on the server",
    "WebP": "WebP needs a Pillow that was built with it on the server",
}


def readable_formats() -> frozenset[Format]:
    """The formats that the children here decode, found without loading a decoder."""
    parts: dict[Format, str] = {"HEIC": "pillow_heif", "AVIF": "PIL._avif", "WebP": "PIL._webp"}
    return FORMATS - {name for name, part in parts.items() if not _is_installed(part)}


def _is_installed(part: str) -> bool:
    try:
        return find_spec(part) is not None
    except ImportError:  # all of Pillow is broken; the self-test will say so
        return False


def check_readable(name: Format, formats: Collection[Format], param: str) -> None:
    """Raises BadImage, saying what would have to be installed."""
    if name not in formats:
        raise BadImage(param, _LACKING.get(name, f"{name} cannot be read here"))


def not_a_picture(begin: bytes, param: str, *, is_fetched: bool) -> BadImage:
    """The refusal of a file that begins so and is none of ours."""
    what = what_it_is(begin)
    if is_fetched and what is not None:
        what = "an empty body" if not begin else what
        return BadImage(param, f"the address answered {what}, not a picture")
    found = "this" if what is None else f"this is {what}, which"
    return BadImage(param, f"{found} is not an image unstill can read ({_READ_HERE})")


def check_file_size(size_bytes: int, param: str) -> None:
    """Raises BadImage."""
    if size_bytes > MAX_FILE_BYTES:
        most, got = MAX_FILE_BYTES / 2**20, size_bytes / 2**20
        raise BadImage(param, f"the file must be at most {most:.0f} MiB, got {got:.1f} MiB")


def check_pixels(width: int, height: int, name: Format | None, param: str) -> None:
    """`name`: None where only its sides are known. Raises BadImage."""
    most = MAX_WEBP_PIXELS if name == "WebP" else MAX_PIXELS
    if width * height > most:
        what = f"a {name or 'picture'} must have at most {most // 1_000_000} megapixels"
        raise BadImage(param, f"{what}, got {width}x{height}")


def check_shape(width: int, height: int, check: FrameCheck) -> None:
    """Sides and ratio, whichever way up the picture is. Raises BadImage.

    No side is too long: a larger picture is scaled down for who cannot take it.
    """
    low, high = sorted((width, height))
    least, ratio = check.min_side_px, check.max_ratio
    if low < least:
        reason = f"the sides must be at least {least} px, got {width}x{height}"
        raise BadImage(check.param, reason)
    if high > ratio * low:
        reason = f"the ratio must be 1:{ratio:g} to {ratio:g}:1, got {width}x{height}"
        raise BadImage(check.param, reason)
