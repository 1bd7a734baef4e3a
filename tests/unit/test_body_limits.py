"""How large a body may be, and all bodies together; and who may send a large one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from support.body_pieces import FORM, JSON, part, read
from unstill.domain.errors import BadBody, BadPolicy, BodyTooLarge, Overloaded
from unstill.server.body import MOST_UNADMITTED_BYTES, Bodies, ClientGone
from unstill.server.body_limits import LARGE_BYTES
from unstill.server.form import (
    LARGE_FORM_CHARS,
    from_urlencoded,
)


async def test_a_body_is_so_large_and_no_larger() -> None:
    bodies = Bodies(most_bytes=10)

    assert await read(JSON, b'"' + b"x" * 8 + b'"', bodies=bodies) == ("x" * 8, False)
    with pytest.raises(BodyTooLarge):
        await read(JSON, b'"' + b"x" * 9 + b'"', bodies=bodies)


async def test_a_declared_length_is_refused_before_anything_is_read() -> None:
    with pytest.raises(BodyTooLarge):
        await read({**JSON, "content-length": "11"}, is_whole=False, bodies=Bodies(most_bytes=10))


async def test_all_open_bodies_together_are_limited_and_let_go_again() -> None:
    bodies = Bodies(most_bytes=10, most_open_bytes=14)
    with bodies.gate("b") as gate:
        gate.take(7)
        with pytest.raises(Overloaded):
            await read(JSON, b'"12345"', bodies=bodies)

    assert await read(JSON, b'"12345"', bodies=bodies) == ("12345", False)
    assert bodies.open_bytes == 0


def test_a_large_form_is_read_as_a_small_one_is() -> None:
    pairs = {"prompt": "a cat + 100% = 猫", "image": "x" * LARGE_FORM_CHARS, "a[b]": ""}

    assert from_urlencoded(urlencode(pairs).encode()) == {
        "prompt": pairs["prompt"],
        "image": pairs["image"],
        "a": {"b": ""},
    }
    with pytest.raises(BadBody):
        from_urlencoded(b"image=" + b"%ff" * LARGE_FORM_CHARS)


async def test_one_callers_open_bodies_leave_room_for_another() -> None:
    bodies = Bodies(most_bytes=100, most_open_bytes=100)
    with bodies.gate("b") as gate, bodies.gate("b") as another:
        gate.take(25)
        another.take(25)
        with pytest.raises(Overloaded):
            another.take(1)

        assert await read(JSON, b'"12345"', bodies=bodies) == ("12345", False)


async def test_without_readers_a_body_is_as_large_as_a_small_one_and_no_larger() -> None:
    largest = b'"' + b"x" * (LARGE_BYTES - 2) + b'"'

    assert await read(JSON, largest[:9], largest[9:]) == ("x" * (LARGE_BYTES - 2), False)
    for pieces in ([largest + b" "], [largest, b" "]):
        with pytest.raises(BodyTooLarge):
            await read(JSON, *pieces)


def admitting(form: Mapping[str, Any]) -> str:
    if form.get("leave") != "given":
        raise BadPolicy("no leave")
    return "ann"


LEAVE = part("leave", b"given")


async def test_a_form_that_needs_leave_is_whose_the_leave_says_once_its_file_begins() -> None:
    bodies = Bodies(most_open_bytes=4 * MOST_UNADMITTED_BYTES)
    file = b"x" * (MOST_UNADMITTED_BYTES + 1)
    pieces = (LEAVE + part("file", b"", filename="a")[:-2], file, b"\r\n--cut--\r\n")

    came = await read(FORM, *pieces, bodies=bodies, admit=admitting)

    assert came == ({"leave": "given", "file": file}, True)
    assert bodies.open_bytes == 0


@pytest.mark.parametrize("before", [b"", part("leave", b"stolen"), part("a", b"b")])
async def test_a_file_without_leave_is_refused_when_it_begins(before: bytes) -> None:
    begun = before + part("file", b"", filename="a")[:-2] + b"x"

    with pytest.raises(BadPolicy):
        await read(FORM, begun, admit=admitting, is_whole=False)


@pytest.mark.parametrize(
    ("headers", "begun"),
    [
        (FORM, b'--cut\r\nContent-Disposition: form-data; name="leave"\r\n\r\n'),
        (JSON, b'"'),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a="),
    ],
)
async def test_whoever_has_shown_no_leave_may_send_little(
    headers: Mapping[str, str], begun: bytes
) -> None:
    with pytest.raises(BodyTooLarge):
        await read(headers, begun, b"x" * MOST_UNADMITTED_BYTES, admit=admitting)


async def test_an_empty_piece_does_not_end_a_form() -> None:
    whole = part("prompt", b"push in") + b"--cut--\r\n"

    assert await read(FORM, b"", whole[:9], b"", whole[9:], b"") == ({"prompt": "push in"}, True)


@pytest.mark.parametrize("headers", [JSON, FORM])
async def test_a_caller_that_hangs_up_is_not_answered(headers: dict[str, str]) -> None:
    with pytest.raises(ClientGone):
        await read(headers, b'{"a"', is_whole=False)
