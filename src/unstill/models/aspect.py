"""Ratios of the sides of a video, as programs send them: 9:16, 16/9, portrait, landscape_4_3."""

from __future__ import annotations

import re
from fractions import Fraction

from unstill.domain.request import Ratio

COMMON = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")
WORDS: dict[str, Ratio] = {
    **dict.fromkeys(("portrait", "vertical"), Ratio(9, 16)),
    **dict.fromkeys(("landscape", "horizontal", "widescreen"), Ratio(16, 9)),
    **dict.fromkeys(("square", "square_hd"), Ratio(1, 1)),
}
OWN = frozenset({"auto", "adaptive", "original", "source", "match_input_image"})  # the picture's

_RATIO = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)\s*[:\uff1a/]\s*(\d{1,4}(?:\.\d{1,3})?)")
# fal, image_size: the larger number first, whichever way up.
_TURNED = re.compile(r"(portrait|landscape)_(\d{1,2})_(\d{1,2})")


def ratio_of(text: str) -> Ratio | None:
    """The ratio that a text spells; None of any other text, and of 0."""
    text = text.strip().lower()
    if text in WORDS:
        return WORDS[text]
    turned = _TURNED.fullmatch(text)
    if turned is not None:
        low, high = sorted((int(turned[2]), int(turned[3])))
        pair = (low, high) if turned[1] == "portrait" else (high, low)
        return _reduced(*map(str, pair))
    match = _RATIO.fullmatch(text)
    return None if match is None else _reduced(match[1], match[2])


def _reduced(width: str, height: str) -> Ratio | None:
    if not Fraction(width) or not Fraction(height):
        return None
    ratio = Fraction(width) / Fraction(height)
    return Ratio(ratio.numerator, ratio.denominator)
