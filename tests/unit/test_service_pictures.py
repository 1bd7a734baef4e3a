"""Callers' pictures as they come in: what is taken, and what is refused at once."""

from __future__ import annotations

import base64
import hashlib
import io
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unstill.domain.errors import BadField, BadImage, CallerError
from unstill.domain.request import Frame, GivenFrame, Role
from unstill.media.frame_limits import frame_check
from unstill.media.picture_limits import MAX_FILE_BYTES, MAX_PIXELS
from unstill.models.card import FrameRule
from unstill.service.pictures import MOST_URL_CHARS, IncomingFrame, check_header, take

URL = "https://example.com/first.png"
PARAM = "input.first_frame_url"
RULE = FrameRule(least_side_px=240, most_side_px=8000, most_ratio=8.0, source="a test")


def picture(width: int = 3, height: int = 2, *, name: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, name)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is of that size and ends after saying so."""
    sides = width.to_bytes(4) + height.to_bytes(4)
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + sides + b"\x08\x02\0\0\0"


PNG = picture()
TEXT = base64.b64encode(PNG).decode()


def first(value: object, param: str = PARAM) -> GivenFrame:
    return GivenFrame("first", param, value)  # type: ignore[arg-type]


def taken(value: object) -> IncomingFrame:
    return take([first(value)])["first"]


@pytest.mark.parametrize("url", [URL, "http://a/b", "HTTPS://Example.com/A", f"  {URL}\n"])
def test_a_url_is_kept_to_be_fetched(url: str) -> None:
    assert taken(url) == IncomingFrame(Frame("first", PARAM, url=url.strip()), None)


@pytest.mark.parametrize("file", [URL, "HTTPS://Example.com/A", f"{URL}\n"])
def test_an_uploaded_file_that_holds_a_url_is_that_url(file: str) -> None:
    assert taken(file.encode()) == taken(file)


def test_an_uploaded_file_that_holds_a_data_url_is_its_picture() -> None:
    assert taken(f"data:image/png;base64,{TEXT}".encode()) == taken(PNG)


@pytest.mark.parametrize(
    "value",
    [
        PNG,
        TEXT,
        f"  {TEXT}\n",
        "\n".join(textwrap.wrap(TEXT, 16)),
        "\r\n".join(textwrap.wrap(TEXT, 76)),
        TEXT.rstrip("="),
        f"data:image/png;base64,{TEXT}",
        f"data:;base64,{TEXT}",
        f"DATA:image/png;charset=utf-8;BASE64,{TEXT}",
        f"data:text/html;base64,{TEXT}",
        f"data:image/png;base64,\n{TEXT.rstrip('=')}",
    ],
    ids=range(11),
)
def test_the_same_bytes_are_taken_however_they_are_written(value: str | bytes) -> None:
    sha256 = hashlib.sha256(PNG).hexdigest()

    assert taken(value) == IncomingFrame(Frame("first", PARAM, sha256=sha256), PNG)


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_base64_is_decoded_whatever_padding_it_needs(extra: int) -> None:
    data = PNG + bytes(extra)

    assert taken(base64.b64encode(data).decode().rstrip("=")).data == data


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WebP", "BMP", "GIF", "AVIF"])
def test_every_format_is_taken_by_its_bytes(name: str) -> None:
    data = picture(64, 64, name=name)

    assert taken(data).data == data


@pytest.mark.parametrize(
    "value",
    [
        "",
        "   ",
        b"",
        "data:image/png;base64,",
        "data:image/png;base64, \n",
        b"a text file named cat.png",
        b"https://example.com/\xff.png",
        base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode(),
        "data:text/plain;base64,aGVsbG8=",
        "aGVsbG8=",  # somebody made base64 of a text
        "data:image/png," + TEXT,
        "data:image/png;base64",
        "data:" + TEXT,
    ],
)
def test_what_is_no_picture_is_refused_as_a_bad_image(value: str | bytes) -> None:
    with pytest.raises(BadImage, match=PARAM) as refused:
        taken(value)

    assert refused.value.param == PARAM


@pytest.mark.parametrize(
    "value",
    [
        "ftp://example.com/a.png",
        "file:///etc/passwd",
        "/etc/passwd",  # letters and slashes: it could be base64, but of no picture
        "null",
        "None",
        "file-abc123",
        "oss://bucket/a.png",
        "cat.png",
        "猫",
        TEXT + "!",
        TEXT[:-1] + "===",
        5,
        True,
        {"url": URL},
        [URL],
        None,
    ],
)
def test_what_is_no_known_shape_is_refused_with_what_is_allowed(value: object) -> None:
    allowed = "an http.s. URL, a data URL, base64 text or an uploaded file, got"

    with pytest.raises(BadField, match=allowed) as refused:
        taken(value)

    assert refused.value.param == PARAM


def test_a_refused_picture_never_fills_the_message() -> None:
    with pytest.raises(BadField) as refused:
        taken("?" + TEXT * 50_000)

    assert len(str(refused.value)) < 300


def test_a_url_is_so_long_and_no_longer() -> None:
    longest = URL + "a" * (MOST_URL_CHARS - len(URL))

    assert taken(longest).frame.url == longest
    with pytest.raises(BadField, match=f"at most {MOST_URL_CHARS} characters"):
        taken(longest + "a")


@pytest.mark.parametrize("width", [None, 76])
def test_a_file_is_so_large_and_no_larger_as_bytes_and_as_text(width: int | None) -> None:
    largest = PNG + bytes(MAX_FILE_BYTES - len(PNG))

    for data in (largest, largest + b"\0"):
        text = base64.b64encode(data) if width is None else base64.encodebytes(data)
        for value in (data, text.decode()):
            if data is largest:
                assert taken(value).data == largest
            else:
                with pytest.raises(BadImage, match="at most 20 MiB"):
                    taken(value)


def test_each_role_has_its_own_picture() -> None:
    frames = take([first(URL), GivenFrame("last", "input.last_frame_url", PNG)])

    assert frames["first"].frame.url == URL
    assert frames["last"].data == PNG


@pytest.mark.parametrize("role", ["first", "last"])
@pytest.mark.parametrize("again", [URL, f" {URL} "])
def test_the_same_picture_twice_is_one(role: Role, again: str) -> None:
    frames = take([GivenFrame(role, "img_url", URL), GivenFrame(role, "images[0]", again)])

    assert frames[role].frame.param == "img_url"


def test_the_same_bytes_in_two_writings_are_one_picture() -> None:
    assert list(take([first(PNG), first(f"data:image/png;base64,{TEXT}", "img_url")])) == ["first"]


def test_the_same_picture_may_be_first_and_last() -> None:
    assert set(take([first(URL), GivenFrame("last", "last_frame_url", URL)])) == {"first", "last"}


@pytest.mark.parametrize("other", ["https://example.com/other.png", PNG])
def test_two_different_first_frames_are_refused_by_the_names_of_both(other: str | bytes) -> None:
    with pytest.raises(BadField) as refused:
        take([first(URL), first(other, "input.img_url")])

    assert refused.value.param == "input.img_url"
    assert PARAM in str(refused.value)


@pytest.mark.parametrize(
    ("width", "height", "is_taken"),
    [
        (240, 240, True),
        (239, 240, False),
        (240, 239, False),
        (8000, 1000, True),
        (8001, 1001, True),
        (1920, 240, True),
        (1921, 240, False),
        (240, 1921, False),
        (1, 1, False),
        (12_000, 10_000, True),
        (12_000, 10_001, False),
        (20_000, 20_000, False),
    ],
)
def test_what_the_header_says_is_held_against_the_models_limits(
    width: int, height: int, *, is_taken: bool
) -> None:
    assert MAX_PIXELS == 12_000 * 10_000
    each = taken(png_header(width, height))

    if is_taken:
        check_header(each, RULE)
    else:
        with pytest.raises(BadImage, match=f"{PARAM}: .*got {width}x{height}"):
            check_header(each, RULE)


@pytest.mark.parametrize("value", [URL, png_header(9, 9)[:20], picture(9, 9, name="AVIF")])
def test_what_the_header_does_not_tell_is_left_to_the_decoder(value: str | bytes) -> None:
    check_header(taken(value), RULE)


def test_the_decoder_is_asked_with_the_callers_name_and_the_models_limits() -> None:
    check = frame_check(Frame("last", "img", url=URL), RULE, path="a/b")

    assert (check.path, check.param) == ("a/b", "img")
    assert (check.min_side_px, check.max_ratio) == (240, 8.0)


@given(
    st.lists(
        st.builds(
            GivenFrame,
            st.sampled_from(["first", "last"]),
            st.just(PARAM),
            st.binary()
            | st.text()
            | st.text(alphabet="AQgw+/= \n").map("data:image/png;base64,".__add__)
            | st.just(URL)
            | st.binary().map(PNG.__add__),
        ),
        max_size=4,
    )
)
def test_any_pictures_are_taken_or_the_callers_fault(frames: list[GivenFrame]) -> None:
    try:
        found = take(frames)
        for each in found.values():
            check_header(each, RULE)
    except CallerError:
        return
    assert set(found) == {frame.role for frame in frames}
