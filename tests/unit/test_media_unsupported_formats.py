"""What is sent in place of a picture is said by name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unstill.domain.errors import BadImage
from unstill.media.decode import check_frame
from unstill.media.picture_limits import not_a_picture
from unstill.media.tasks import FrameCheck
from unstill.media.unsupported_formats import what_it_is


def saved(form: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, form)
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("cat.jpg", b"x")
    return file.getvalue()


S3_ERROR = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
)
STRANGERS = [
    (b"<!doctype html><title>Sign in</title>", "a web page (text/html)"),
    (b"\xef\xbb\xbf\r\n  <!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>", "a web page"),
    (b"<!-- made by hand -->\n<html lang=en>", "a web page (text/html)"),
    (b"<head><meta charset=utf-8>", "a web page (text/html)"),
    (b'{"error": "not found"}', "JSON (application/json)"),
    (b'[{"url": "x"}]', "JSON (application/json)"),
    (S3_ERROR, "a storage's error AccessDenied (application/xml)"),
    (b"<rss version='2.0'>", "XML (application/xml)"),
    (b"<?xml version='1.0'?><feed>", "XML (application/xml)"),
    (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing (image/svg+xml)"),
    (b"<?xml version='1.0'?>\n<!-- Inkscape -->\n<svg>", "an SVG drawing (image/svg+xml)"),
    (b"%PDF-1.7\n%\xe2\xe3", "a PDF document (application/pdf)"),
    (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "a video (video/mp4)"),
    (b"\0\0\0\x14ftypqt  \0\0\2\0qt  ", "a video (video/mp4)"),
    (b"\x1aE\xdf\xa3\x01", "a video (WebM or Matroska)"),
    (b"RIFF\0\0\0\0AVI LIST", "a video (video/x-msvideo)"),
    (b"\0\0\0\x18ftypcrx \0\0\0\1", "a camera's raw picture"),
    (b"FUJIFILMCCD-RAW 0201", "a camera's raw picture"),
    (b"8BPS\0\1", "a Photoshop file (image/vnd.adobe.photoshop)"),
    (saved("TIFF"), "a TIFF or a camera's raw picture (image/tiff)"),
    (saved("ICO"), "an icon (image/x-icon)"),
    (b"\xff\x0a\xfa\x7f", "a JPEG XL picture (image/jxl)"),
    (b"\n" + saved("JPEG"), "a picture with 1 byte of something else ahead of it"),
    (b"\xef\xbb\xbf" + saved("PNG"), "a picture with 3 bytes of something else ahead of it"),
    (bytes(128) + saved("GIF"), "a picture with 128 bytes of something else ahead of it"),
    (b"--x\r\n\r\n" + saved("WEBP"), "a picture with 7 bytes of something else ahead of it"),
    (b"<html><img alt='GIF89a'>", "a web page (text/html)"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture (image/jxl)"),
    (zipped(), "a ZIP archive (application/zip)"),
    (b"\x1f\x8b\x08\0", "a gzip archive (application/gzip)"),
    (b"version https://git-lfs.github.com/spec/v1\noid", "text (text/plain)"),
    (b"data:image/png;base64,iVBO", "a data URL in a file (text/plain)"),
    (b"", "an empty file"),
]


@pytest.mark.parametrize(("data", "name"), STRANGERS)
def test_it_is_called_what_it_is(data: bytes, name: str) -> None:
    found = what_it_is(data)

    assert found is not None
    assert found.startswith(name)


@pytest.mark.parametrize("data", [bytes(64), b"\x01\x02\x03", b"\0"])
def test_what_nobody_knows_has_no_name(data: bytes) -> None:
    assert what_it_is(data) is None


@given(st.binary(max_size=300))
def test_hostile_bytes_are_no_exception(data: bytes) -> None:
    for begin in (b"", b"<", b"<!--", b"<?xml ?><Error><Code>"):
        found = what_it_is(begin + data)
        assert found is None or found.isprintable()


def test_an_address_that_answered_a_web_page_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "first-frame"
    answers = {
        b"<!doctype html><title>Sign in</title>": "a web page (text/html)",
        b"": "an empty body",
        S3_ERROR: "a storage's error AccessDenied (application/xml)",
    }

    for body, name in answers.items():
        path.write_bytes(body)
        with pytest.raises(BadImage) as refused:
            check_frame(FrameCheck(str(path), "img_url", 1, 9.0, is_fetched=True))
        assert refused.value.allowed == f"the address answered {name}, not a picture"


def test_what_was_sent_itself_is_told_with_the_formats_that_are_read() -> None:
    page = not_a_picture(b"<html>", "img_url", is_fetched=False)
    nothing_known = not_a_picture(bytes(9), "img_url", is_fetched=True)

    assert page.allowed == (
        "this is a web page (text/html), which is not an image unstill can read"
        " (JPEG, PNG, WebP, BMP, GIF, AVIF, HEIC with the heic extra)"
    )
    assert nothing_known.allowed.startswith("this is not an image unstill can read (JPEG, ")
