"""A decoded picture as a viewer shows it: RGB in sRGB, on white. Child side.

Wide-gamut pictures are mapped into sRGB by their embedded profile; HDR transfer curves without a
profile are not covered.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms


def as_srgb(image: Image.Image) -> Image.Image:
    """An RGB image: profile applied, then transparency laid over white."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        image = eight_bits(image)
    if not image.has_transparency_data:
        return _without_profile(image, profile)
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    white = Image.new("RGB", image.size, "white")
    white.paste(_without_profile(image.convert("RGB"), profile), mask=alpha)
    return white


def eight_bits(image: Image.Image) -> Image.Image:
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
