"""Base64 in the writings that programs send: the very bytes, or a fault that names its place."""

from __future__ import annotations

import base64
import io
import random
import textwrap
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from unstill.domain.errors import BadField, BadImage
from unstill.domain.request import GivenFrame
from unstill.media.picture_base64 import NotAPicture, decoded, packed
from unstill.service.pictures import take

PARAM = "input_reference"
JPEG_HEAD = b"\xff\xd8\xff\xe0\x00\x10JFIF\0"


def photo(number: int) -> bytes:
    """A small JPEG; each number is another one."""
    image = Image.new("RGB", (320, 256), (20 + number, 90, 160))
    draw = ImageDraw.Draw(image)
    draw.ellipse((60, 40 + number % 50, 200, 180), fill=(250, 200 - number % 99, 30))
    draw.rectangle((220, 150, 300, 240), fill=(number, 0, 0))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=30 + number % 60, optimize=True)
    return file.getvalue()


PHOTO = photo(74)
TEXT = base64.b64encode(PHOTO).decode()
SAFE = base64.urlsafe_b64encode(PHOTO).decode()
MIME = base64.encodebytes(PHOTO).decode()
DATA_URL = f"data:image/jpeg;base64,{TEXT}"


def taken(value: str | bytes) -> bytes | None:
    return take([GivenFrame("first", PARAM, value)])["first"].data


def refusal(value: str | bytes) -> str:
    with pytest.raises(BadField) as refused:
        taken(value)
    assert refused.value.param == PARAM
    return refused.value.message


def in_a_form(text: str) -> str:
    """The text as a form's decoder gives it when nobody escaped it."""
    return parse_qsl(f"image={text}", strict_parsing=True)[0][1]


# Each writes the one picture, and can be read in no other way.
WRITINGS: dict[str, str | bytes] = {
    "the alphabet for addresses": SAFE,
    "that without padding": SAFE.rstrip("="),
    "that in a data URL": f"data:image/jpeg;base64,{SAFE}",
    "without padding": TEXT.rstrip("="),
    "lines as MIME has them": MIME.replace("\n", "\r\n"),
    "lines that were made spaces": " ".join(textwrap.wrap(TEXT, 76)),
    "indented lines": textwrap.indent(MIME, "    "),
    "a data URL twice": f"data:image/png;base64,{DATA_URL}",
    "a data URL three times": f"data:;base64,data:image/png;base64,{DATA_URL}",
    "parameters": f"data:image/jpg;charset=utf-8;name=a b.jpg;base64,{TEXT}",
    "no scheme": f"image/jpeg;base64,{TEXT}",
    "nothing but base64": f"base64,{TEXT}",
    "a semicolon before it": f";base64,{TEXT}",
    "double quotes": f'"{DATA_URL}"',
    "single quotes": f"'{TEXT}'",
    "Python's bytes": f"b'{TEXT}'",
    "spaces around": f" \n\t{DATA_URL}  ",
    "a mark of byte order": f"\ufeff{TEXT}",
    "escapes of an address": f"data:image/jpeg;base64,{quote(TEXT, safe='')}",
    "those in small letters": quote(TEXT, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
    "the whole as part of an address": quote(DATA_URL, safe=""),
    "JSON made into text twice": MIME.replace("/", "\\/").replace("\n", "\\n"),
    "a form that nobody escaped": in_a_form(TEXT),
    "a data URL in such a form": in_a_form(DATA_URL),
    "lines in such a form": in_a_form(MIME),
    "a file of base64": TEXT.encode(),
    "a file of lines": MIME.encode(),
    "a file of a data URL": DATA_URL.encode(),
}


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_picture_is_the_same_bytes_in_every_writing(writing: str) -> None:
    assert taken(WRITINGS[writing]) == PHOTO


@pytest.mark.parametrize("number", range(0, 200, 7))
def test_a_plus_that_a_form_made_a_space_is_a_plus_whatever_their_count(number: int) -> None:
    data = photo(number)
    text = base64.b64encode(data).decode()
    assert "+" in text

    assert taken(in_a_form(text)) == data


@pytest.mark.parametrize("quoted", ['"', "'", "<"])
def test_an_address_is_taken_out_of_its_quotes(quoted: str) -> None:
    url = "https://example.com/a.png"
    text = f"<{url}>" if quoted == "<" else f"{quoted}{url}{quoted}"

    assert take([GivenFrame("first", PARAM, text)])["first"].frame.url == url


# What is wrong in each, as the message has it.
FAULTS: dict[str, tuple[str, str]] = {
    "a strange character": (TEXT[:40] + "!" + TEXT[40:], "'!' at character 40 of its base64"),
    "one after a data URL": (DATA_URL + "?", f"'?' at character {len(TEXT)} of its base64"),
    "a letter of none": (TEXT[:9] + "é" + TEXT[9:], "'é' at character 9 of its base64"),
    "one character too few": (TEXT.rstrip("=")[:-3] + "A" * 2, "one too many or too few"),
    "two texts": (base64.b64encode(PHOTO[:4]).decode() + TEXT, "a `=` at character 6"),
    "padding that is too long": (
        TEXT.rstrip("=")[: len(TEXT) // 4 * 4 - 4] + "==",
        "ends in 2 `=`",
    ),
    "both alphabets": (TEXT[:-8] + "-" + TEXT[-7:], "both its alphabets"),
    "an address in a data URL": (
        "data:image/png;base64,https://example.com/a.png",
        "send the address alone",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_place(fault: str) -> None:
    text, told = FAULTS[fault]

    assert told in refusal(text)


def test_spaces_that_may_be_pluses_or_nothing_are_refused_with_what_to_send() -> None:
    """A text of few characters that ends without padding, and a space somewhere in it."""
    text = base64.b64encode(JPEG_HEAD + bytes(4096)).decode().rstrip("=")
    told = refusal(text[:900] + " " + text[901:])

    assert "%2B" in told
    assert "as a file" in told


def test_a_run_of_spaces_is_never_made_pluses() -> None:
    text = TEXT.replace("+", "A")

    assert "%2B" in refusal(text[:200] + "    " + text[204:])


def test_what_is_no_picture_at_all_is_told_what_is_allowed_without_places() -> None:
    told = refusal("cat.png")

    assert told.endswith("or an uploaded file, got 'cat.png'")


def test_a_data_url_without_base64_is_told_its_form() -> None:
    with pytest.raises(BadImage, match=r"data:\.\.\.;base64"):
        taken("data:image/png,%89PNG")


pictures = st.tuples(st.integers(0, 2**32), st.integers(1, 6000)).map(
    lambda drawn: JPEG_HEAD + random.Random(drawn[0]).randbytes(drawn[1])
)


def flat(data: bytes) -> bytes:
    """A picture of few different bytes, as drawings are."""
    return data[:20] + bytes(byte & 0x0F for byte in data[20:])


@given(
    pictures | pictures.map(flat), st.sampled_from([0, 4, 60, 64, 76, 77]), st.sampled_from("=A")
)
def test_a_text_in_a_form_is_its_very_bytes_or_refused(data: bytes, width: int, pad: str) -> None:
    """Whatever is in it, wrapped by breaks or by spaces: never other bytes than were sent."""
    text = base64.b64encode(data).decode()
    text = text if pad == "=" else text.rstrip("=")
    lines = textwrap.wrap(text, width) if width else [text]

    for written in ("\n".join(lines), "\r\n".join(lines), " ".join(lines), "\n  ".join(lines)):
        for sent in (written, in_a_form(written)):
            try:
                came = decoded(packed(sent))
            except NotAPicture:
                continue
            assert came == data, sent[:300]
