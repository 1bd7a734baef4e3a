"""What every caller's picture must keep to. Pure: asked at create where the header tells, and by
the child before and after decoding.
"""

from __future__ import annotations

from unstill.errors import BadImage
from unstill.media.facts import FrameCheck

MAX_FILE_BYTES = 20 * 1024 * 1024  # the largest that any seed document allows
MAX_PIXELS = 50_000_000  # 50 MP: the largest phone pictures, 150 MB as RGB

NOT_A_PICTURE = (
    "this is not an image unstill can read"
    " (JPEG, PNG, WebP, BMP, GIF, AVIF, HEIC with the heic extra)"
)


def check_file_size(size_bytes: int, param: str) -> None:
    """Raises BadImage."""
    if size_bytes > MAX_FILE_BYTES:
        most, got = MAX_FILE_BYTES / 2**20, size_bytes / 2**20
        raise BadImage(param, f"the file must be at most {most:.0f} MiB, got {got:.1f} MiB")


def check_pixels(width: int, height: int, param: str) -> None:
    """Raises BadImage."""
    if width * height > MAX_PIXELS:
        most_mp = MAX_PIXELS // 1_000_000
        got_px = f"{width}x{height}"
        raise BadImage(param, f"the picture must have at most {most_mp} megapixels, got {got_px}")


def check_shape(width: int, height: int, check: FrameCheck) -> None:
    """Sides and ratio, whichever way up the picture is. Raises BadImage."""
    low, high = sorted((width, height))
    least, most, ratio = check.min_side_px, check.max_side_px, check.max_ratio
    if low < least or high > most:
        reason = f"the sides must be {least} to {most} px, got {width}x{height}"
        raise BadImage(check.param, reason)
    if high > ratio * low:
        reason = f"the ratio must be 1:{ratio:g} to {ratio:g}:1, got {width}x{height}"
        raise BadImage(check.param, reason)
