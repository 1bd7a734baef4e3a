"""What every caller's picture must keep to. Pure: asked at create where the header tells, and by
the child before and after decoding.
"""

from __future__ import annotations

from unstill.errors import BadImage
from unstill.media.facts import FrameCheck
from unstill.media.sniff import Format

MAX_FILE_BYTES = 20 * 1024 * 1024  # the largest that any seed document allows
# Measured, of 120 MP: the child's memory peaks at 0.1 GB for a JPEG, 0.75 for a progressive one,
# 0.5 to 1.0 for a PNG, 0.9 for HEIC, 1.1 for AVIF, and 1.9 for WebP, which is why that has a limit
# of its own: 1.1 at 64 MP. libjpeg alone can leave pixels out while it decodes.
MAX_PIXELS = 120_000_000
MAX_WEBP_PIXELS = 64_000_000
MOST_KEPT_PIXELS = 50_000_000  # what is larger is scaled down while it is decoded: 150 MB as RGB
MOST_PROFILE_BYTES = 8 * 1024 * 1024  # unpacked, and of a text: what is larger is left out

NOT_A_PICTURE = (
    "this is not an image unstill can read"
    " (JPEG, PNG, WebP, BMP, GIF, AVIF, HEIC with the heic extra)"
)


def check_file_size(size_bytes: int, param: str) -> None:
    """Raises BadImage."""
    if size_bytes > MAX_FILE_BYTES:
        most, got = MAX_FILE_BYTES / 2**20, size_bytes / 2**20
        raise BadImage(param, f"the file must be at most {most:.0f} MiB, got {got:.1f} MiB")


def check_pixels(width: int, height: int, name: Format, param: str) -> None:
    """Raises BadImage."""
    most = MAX_WEBP_PIXELS if name == "WebP" else MAX_PIXELS
    if width * height > most:
        reason = f"a {name} must have at most {most // 1_000_000} megapixels, got {width}x{height}"
        raise BadImage(param, reason)


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
