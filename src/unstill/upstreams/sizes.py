"""Sizes and lengths as upstreams offer them: the nearest one, and how a choice is spelt. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log, sqrt

from unstill.domain.request import Size


def nearest_size(size: Size, sizes: Iterable[Size]) -> Size:
    """The size of whose sides the ratios to those of `size` are smallest together."""
    return min(
        sizes,
        key=lambda each: abs(log(each.width / size.width)) + abs(log(each.height / size.height)),
    )


def at_area(shape: Size, area: Size) -> Size:
    """The shape of one at the area of the other, both sides even."""
    factor = sqrt(area.area / shape.area)
    return Size(round(shape.width * factor / 2) * 2, round(shape.height * factor / 2) * 2)


def spelt(numbers: Sequence[int]) -> str:
    """A choice of lengths, for a message: `5 or 8`, `from 2 to 15`."""
    if len(numbers) > 3:
        return f"from {numbers[0]} to {numbers[-1]}"
    return " or ".join(str(number) for number in numbers)
