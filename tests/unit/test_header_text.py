"""What engines say of themselves is safe in a header, whatever they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstill.server.exchange import header_text


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("camera", b"camera"),
        ("gpu; model=Wan 2.2 (A14B), 100%", b"gpu; model=Wan 2.2 (A14B), 100%"),
        ("gpu; model=万相", b"gpu; model=%E4%B8%87%E7%9B%B8"),
        ("gpu\r\nset-cookie: a", b"gpu%0D%0Aset-cookie: a"),
        ("\x7f\x00\t", b"%7F%00%09"),
    ],
)
def test_printable_ascii_is_sent_as_it_is_and_nothing_else_is(text: str, sent: bytes) -> None:
    assert header_text(text) == sent


@given(st.text(st.characters(codec="utf-8")))
def test_a_header_is_printable_ascii(text: str) -> None:
    assert all(0x20 <= byte < 0x7F for byte in header_text(text))
