from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstill.server.percent_escapes import BrokenEscape, unescaped

PIECES = st.sampled_from(
    [b"%41", b"%e4%BD%A0", b"%3D", b"%0d%0a", b"=", b"=41", b"_", b" ", b"\t\r\n", b"a", b"%00"]
)


@given(st.lists(PIECES | st.binary(max_size=3)).map(b"".join))
def test_it_is_what_the_standard_library_reads(text: bytes) -> None:
    assert unescaped(text) == unquote_to_bytes(text.replace(b"+", b" "))


@pytest.mark.parametrize("broken", [b"%", b"%4", b"%zz", b"100%25%", b"%%41"])
def test_an_escape_that_is_none_stands_for_itself(broken: bytes) -> None:
    assert unescaped(broken) == unquote_to_bytes(broken)


@pytest.mark.parametrize("before", range(4))
def test_a_value_of_many_pieces_is_cut_in_no_escape(before: int) -> None:
    text = b"x" * before + b"%41%3D=" * 700_000

    assert unescaped(text) == b"x" * before + b"A==" * 700_000


@pytest.mark.parametrize("broken", [b"%", b"%4", b"%zz", b"%%41", b"%\n", b"%\r\n", b"%=", b"%=41"])
@pytest.mark.parametrize("place", ["begin", "end"])
def test_a_large_value_with_an_escape_that_is_none_is_told_at_once(
    broken: bytes, place: str
) -> None:
    large = b"%41\n=" * 40_000
    with pytest.raises(BrokenEscape):
        unescaped(
            broken + large if place == "begin" and broken not in {b"%", b"%4"} else large + broken
        )
