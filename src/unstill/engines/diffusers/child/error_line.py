"""What an error of a library says, as a line that may be shown to an operator."""

from __future__ import annotations

import re

LONGEST = 300  # characters


def in_a_line(error: BaseException, *, longest: int = LONGEST) -> str:
    """Its first line, of each path in it the last part."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    told = re.sub(r"(/[^\s/:'\"]+)+", lambda path: path[0].rpartition("/")[2], first)
    return told if len(told) <= longest else f"{told[:longest]}…"
