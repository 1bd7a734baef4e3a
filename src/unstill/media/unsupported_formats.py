"""What a file is that is no picture of ours: said by name, so that its sender sees the mistake.

By the first bytes, whatever the file's name or declared type. Pure, standard library only; hostile
bytes give None, never an exception.
"""

from __future__ import annotations

import re

# Bytes at a place -> what has them there. Sources: the formats' own specifications, and
# https://mimesniff.spec.whatwg.org (read 2026-11-28)
_SIGNS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "a PDF document (application/pdf)"),
    (0, b"8BPS", "a Photoshop file (image/vnd.adobe.photoshop)"),
    (0, b"\xff\x0a", "a JPEG XL picture (image/jxl)"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture (image/jxl)"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture (image/jp2)"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture (image/jp2)"),
    (0, b"II*\0", "a TIFF or a camera's raw picture (image/tiff)"),
    (0, b"MM\0*", "a TIFF or a camera's raw picture (image/tiff)"),
    (0, b"II+\0", "a TIFF picture (image/tiff)"),
    (0, b"IIRO", "a camera's raw picture"),
    (0, b"IIU\0", "a camera's raw picture"),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw picture"),
    (4, b"ftypcrx ", "a camera's raw picture"),
    (0, b"\0\0\1\0", "an icon (image/x-icon)"),
    (0, b"qoif", "a QOI picture"),
    (0, b"v/1\x01", "an OpenEXR picture"),
    (0, b"#?RADIANCE", "an HDR picture"),
    (0, b"%!PS", "PostScript (application/postscript)"),
    (0, b"\x1aE\xdf\xa3", "a video (WebM or Matroska)"),
    (8, b"AVI ", "a video (video/x-msvideo)"),
    (8, b"WAVE", "a sound (audio/wav)"),
    (0, b"FLV\x01", "a video (video/x-flv)"),
    (0, b"\0\0\1\xba", "a video (video/mpeg)"),
    (0, b"OggS", "a sound or a video (Ogg)"),
    (0, b"ID3", "a sound (audio/mpeg)"),
    (4, b"ftypM4A", "a sound (audio/mp4)"),
    (4, b"ftypmif1", "a HEIF picture in a coding that is not read here"),
    (4, b"ftypmsf1", "a HEIF picture in a coding that is not read here"),
    (4, b"ftyp", "a video (video/mp4)"),
    (4, b"moov", "a video (video/quicktime)"),
    (4, b"mdat", "a video (video/quicktime)"),
    (0, b"PK\x03\x04", "a ZIP archive (application/zip)"),
    (0, b"\x1f\x8b", "a gzip archive (application/gzip)"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
)
TEXT = "text (text/plain)"  # in any encoding: of a few bytes, nearly all may be some
_BLANK = b" \t\r\n\f\xef\xbb\xbf"
_PAGE = re.compile(
    rb"<(!doctype html|html|head|body|title|script|meta|div|h1|p>|a |br)", re.IGNORECASE
)
_XML_ERROR = re.compile(rb"<Error>.*?<Code>(\w{1,60})</Code>", re.DOTALL)  # S3 and its like
_COMMENTS = re.compile(
    rb"^(\s*(<!--.*?-->|<\?xml.*?\?>|<!DOCTYPE svg.*?>))+\s*", re.IGNORECASE | re.DOTALL
)

# A line break or a mark of byte order that a script put out first, a header of MacBinary (128).
_PICTURE = re.compile(
    rb"\xff\xd8\xff[\xc0-\xfe]|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP", re.DOTALL
)
_MOST_AHEAD = 512

ENOUGH_TO_NAME_BYTES = 2048


def what_it_is(data: bytes) -> str | None:
    """What begins with `data`, of which `ENOUGH_TO_NAME_BYTES` do; None if nothing comes to mind.

    Said so that "got" can stand before it: with an article and, where there is one, a media type.
    """
    if not data:
        return "an empty file"
    for at, sign, name in _SIGNS:
        if data.startswith(sign, at):
            return name
    return _text(data.lstrip(_BLANK)[:ENOUGH_TO_NAME_BYTES]) or _behind_something(data)


def _text(data: bytes) -> str | None:
    if data[:1] in (b"{", b"["):
        return "JSON (application/json)"
    if data.startswith(b"data:"):
        return "a data URL in a file (text/plain)"
    if not data.startswith(b"<"):
        return TEXT if data and _is_text(data) else None
    error = _XML_ERROR.search(data)
    if error is not None:
        return f"a storage's error {error[1].decode('ascii', 'replace')} (application/xml)"
    begin = _COMMENTS.sub(b"", data, count=1)
    if begin[:4].lower() == b"<svg":
        return "an SVG drawing (image/svg+xml)"
    if _PAGE.match(begin) or _PAGE.match(data):
        return "a web page (text/html)"
    return "XML (application/xml)"


def _behind_something(data: bytes) -> str | None:
    picture = _PICTURE.search(data, 1, _MOST_AHEAD)
    if picture is None:
        return None
    ahead = "1 byte" if picture.start() == 1 else f"{picture.start()} bytes"
    return f"a picture with {ahead} of something else ahead of it"


def _is_text(data: bytes) -> bool:
    return all(byte >= 0x20 or byte in b"\t\r\n\f" for byte in data[:512])
