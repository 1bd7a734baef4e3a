"""Parsers of what callers send as bodies: JSON, forms, their fields, and the pictures in them."""

from __future__ import annotations

import io
import tempfile
from base64 import b64encode
from pathlib import Path
from random import Random
from typing import Any

import av
import msgspec
import numpy as np
from benchmarks.fuzz_edits import OF_JSON
from benchmarks.fuzz_parser import Parser, done, latin, text
from PIL import Image

from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.apis.videos.dialect import Videos
from unstill.dialects.call import Call
from unstill.dialects.port import Dialect
from unstill.domain.errors import BadBody, BadField, BadImage, CallerError, UnsupportedBody
from unstill.domain.money import billed_ns
from unstill.engines.camera.prompt import read_prompt
from unstill.media.decode import check_frame
from unstill.media.errors import BadVideo
from unstill.media.picture_base64 import NotAPicture, decoded, packed
from unstill.media.picture_formats import FORMATS, dimensions, format_of
from unstill.media.tasks import FrameCheck, VideoCheck
from unstill.media.unsupported_formats import what_it_is
from unstill.media.video_check import check_video
from unstill.models.catalogue import Catalogue
from unstill.server.body_pictures import put_back, unpacked
from unstill.server.content_types import check_packing, kind_of, value_of
from unstill.server.form import MultipartForm, put
from unstill.server.percent_escapes import BrokenEscape, unescaped
from unstill.service.checked_calls import checked_call
from unstill.service.pictures import picture_in

_CATALOGUE = Catalogue()
_BOUNDARY = "cut"
_MULTIPART = f"multipart/form-data; boundary={_BOUNDARY}"


def _picture(kind: str, side: int = 64, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((side, side)).convert("RGB").save(file, kind, **options)
    return file.getvalue()


_EXIF = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"  # turned
_JPEG = _picture("JPEG")
PICTURES = (
    _JPEG,
    _picture("JPEG", progressive=True, exif=_EXIF),
    _picture("PNG"),
    _picture("GIF"),
    _picture("BMP"),
    _picture("WEBP"),
    _picture("WEBP", lossless=True),
    _picture("AVIF"),
)
_BASE64 = b64encode(_picture("JPEG", 256)).decode()
_IN_DATA_URL = f"data:image/jpeg;base64,{_BASE64}"


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


_TASKS_BODY = _json(
    {
        "model": "wan2.7-i2v",
        "input": {"prompt": "push in", "first_frame_url": "https://example.com/a.png"},
        "parameters": {"resolution": "720P", "duration": 5, "seed": 1, "watermark": False},
    }
)
_VIDEOS_BODY = _json(
    {
        "model": "sora-2",
        "prompt": "a boat",
        "seconds": "4",
        "size": "1280x720",
        "input_reference": {"image_url": "https://example.com/a.png"},
    }
)
_CONTENT_BODY = _json(
    {
        "model": "wan2.7-i2v",
        "input_reference": {
            "content": [{"type": "image_url", "image_url": {"url": _IN_DATA_URL}, "role": "last"}]
        },
        "webhook_url": "https://example.com/hook",
    }
)
_MEDIA_BODY = _json(
    {
        "model": "wan2.7-i2v",
        "input": {"media": [{"type": "first_frame", "url": "https://example.com/a.png"}]},
        "parameters": {"aspect_ratio": "16:9", "prompt_extend": True, "audio": "true"},
    }
)
_REGION = {"kind": "water", "boxes": [[0, 0.6, 1, 1]], "mask": "https://example.com/m.png"}
_REGION_BODY = _json(
    {
        "model": "wan2.7-i2v",
        "input": {"prompt": "waves", "first_frame_url": "https://example.com/a.png"},
        "parameters": {"region": [_REGION, {"kind": "smoke", "boxes": [[0.1, 0, 0.5, 0.5]]}]},
    }
)
_REGION_TEXT_BODY = _json(
    {
        "model": "wan2.7-i2v",
        "prompt": "waves",
        "input_reference": {"image_url": "https://example.com/a.png"},
        "region": _json([_REGION]).decode(),
    }
)
SECTIONED = (_TASKS_BODY, _MEDIA_BODY, _REGION_BODY)
FLAT = (_VIDEOS_BODY, _CONTENT_BODY, _REGION_TEXT_BODY)
BODIES = (*SECTIONED, *FLAT)
_FORM = (
    b"model=wan2.7-i2v&input_reference%5Bimage_url%5D=https%3A%2F%2Fexample.com%2Fa.png&seconds=5"
)
_PARTS = (
    b'--cut\r\nContent-Disposition: form-data; name="model"\r\n\r\nwan2.7-i2v\r\n'
    b'--cut\r\nContent-Disposition: form-data; name="input_reference"; filename="a.gif"\r\n'
    b"Content-Type: image/gif\r\n\r\n" + _picture("GIF", 256) + b"\r\n"
    b'--cut\r\nContent-Disposition: form-data; name="p"\r\n'
    b"Content-Type: text/plain; charset=utf-8\r\n\r\npush in\r\n--cut--\r\n"
)
_NAMES = (
    b"input_reference[content][][image_url][url]\na[]\na[]\nmodel",
    b"a[b][c]\na[b][d]\nb[][x]\nb[][x]",
)
_WORDS = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b'"url"',
    b'"duration":',
    b'"size":',
    b'"boxes":',
)


def _value(data: bytes, content_type: str) -> None:
    value = value_of(data, content_type)
    rest, files = unpacked(value)
    assert put_back(rest, files) == value or files, "what was taken apart is not the same again"


def _form(data: bytes) -> None:
    """In whatever pieces it comes, it says the same.

    But for a broken form: a line feed in a part's head, or bytes before the first part, are seen
    by the parser or not, by where the pieces end.
    """
    whole, refused = _fed(data, len(data) or 1)
    pieces, refused_too = _fed(data, 1 + sum(data[:3]) % 97)
    if refused is not None or refused_too is not None:
        raise refused or refused_too or AssertionError
    assert whole == pieces, "by pieces it is another form"


def _fed(data: bytes, size: int) -> tuple[object, BadBody | None]:
    form = MultipartForm(_MULTIPART)
    try:
        for start in range(0, len(data), size):
            form.feed(data[start : start + size])
        form.close()
    except BadBody as refused:
        return None, refused
    return form.fields, None


def _put(data: bytes) -> None:
    form: dict[str, Any] = {}
    for number, name in enumerate(text(data).split("\n")):
        put(form, name, str(number))
    assert len(_json(form)) <= 64 * (len(data) + 64)


def _unescaped(data: bytes) -> None:
    meant = unescaped(data)
    assert len(meant) <= len(data)


def _types(data: bytes) -> None:
    content_type = latin(data)
    check_packing(content_type)
    if kind_of(content_type) == "multipart":
        MultipartForm(content_type)


def _called(dialect: Dialect, data: bytes, *, is_form: bool = False) -> None:
    """A create call by this dialect, to what its engine would be given."""
    value = value_of(data, _MULTIPART if is_form else "application/json")
    headers = {"x-dashscope-async": "enable", "x-dashscope-ossresourceresolve": "enable"}
    asked = dialect.parse(Call("r", {}, {}, headers, value, is_form))
    dialect.words(Call("r", {}, {}, headers, value, is_form))
    checked = done(checked_call(asked, _CATALOGUE, models=None))
    request = checked.request
    assert 1 <= request.duration_s <= 60
    assert all(len(name) < 10_000 for name in checked.ignored)
    assert msgspec.json.decode(msgspec.json.encode(request), type=type(request)) == request


def _picture_text(data: bytes) -> None:
    picture = picture_in("image", text(data))
    assert format_of(picture) in FORMATS


def _unpacked_text(data: bytes) -> None:
    assert len(decoded(packed(text(data)))) <= len(data)


def _header_of(data: bytes) -> None:
    name, size = format_of(data), dimensions(data)
    assert name is None or name in FORMATS
    assert size is None or (name is not None and min(size) > 0)
    what = what_it_is(data)
    assert what is None or 0 < len(what) < 120


class _Folder:
    """A place for one file at a time, for what reads files."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="unstill-fuzz-")
        self.path = Path(self._folder.name) / "file"

    def holding(self, data: bytes) -> Path:
        self.path.write_bytes(data)
        return self.path


_FOLDER: list[_Folder] = []


def place_for(data: bytes) -> Path:
    """A file with these bytes; the next one has its name."""
    if not _FOLDER:
        _FOLDER.append(_Folder())
    return _FOLDER[0].holding(data)


def _decoded(data: bytes) -> None:
    check = FrameCheck(str(place_for(data)), "image", min_side_px=8, max_ratio=20)
    facts = check_frame(check)
    assert facts.format in FORMATS


def _video(data: bytes) -> None:
    facts = check_video(VideoCheck(path=str(place_for(data))))
    assert facts.frame_count > 0
    assert facts.frame_rate > 0
    assert billed_ns(None, facts.frame_count, facts.frame_rate) >= 0


def _mp4() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(0, 240, 40):
            pixels = np.full((48, 64, 3), shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def _prompt(data: bytes) -> None:
    whole = text(data)
    prompt, _, negative = whole.partition("\n")
    plan = read_prompt(prompt, negative, Random(len(data)).randrange(1000))
    assert plan == read_prompt(prompt, negative, Random(len(data)).randrange(1000))


_PARTS_TOKENS = (
    b"--cut\r\n",
    b"--cut--\r\n",
    b"\r\n\r\n",
    b'; name="',
    b'; filename="',
    b"\r\n--cut",
)
_TYPES = (
    b"application/json",
    b"multipart/form-data",
    b"; boundary=",
    b"; charset=utf-16",
    b"+json",
)


def _call_parser(name: str, dialect: Dialect, seeds: tuple[bytes, ...]) -> Parser:
    return Parser(name, seeds, lambda data: _called(dialect, data), (CallerError,), _WORDS, OF_JSON)


PARSERS: tuple[Parser, ...] = (
    Parser(
        "JSON bodies",
        BODIES,
        lambda data: _value(data, "application/json"),
        (BadBody, BadField),
        _WORDS,
        OF_JSON,
    ),
    Parser(
        "JSON bodies in other encodings",
        tuple(body.decode().encode(each) for body in BODIES for each in ("utf-16", "utf-32-be")),
        lambda data: _value(data, "application/json; charset=utf-16"),
        (BadBody, BadField),
    ),
    Parser(
        "urlencoded bodies",
        (_FORM, b"a=%C3%A9&b[]=1&b[]=2", b"p=" + b"%41" * 30_000),
        lambda data: _value(data, "application/x-www-form-urlencoded; charset=gbk"),
        (BadBody, BadField),
        (b"&", b"=", b"%", b"[", b"]", b"[]", b"+"),
    ),
    Parser("multipart bodies", (_PARTS,), _form, (BadBody,), _PARTS_TOKENS),
    Parser("names in brackets", _NAMES, _put, (BadBody,), (b"[", b"]", b"[]", b"[0]", b"\n", b"a")),
    Parser(
        "percent escapes",
        (b"a%20b%C3%A9+c", b"%41" * 30_000, b"x" * 70_000 + b"%0D%0A=%3D"),
        _unescaped,
        (BrokenEscape,),
        (b"%", b"%4", b"%41", b"=", b"\r\n", b"=\n"),
    ),
    Parser(
        "content types",
        (_MULTIPART.encode(), b"application/json; charset=utf-8", b"gzip"),
        _types,
        (UnsupportedBody, BadBody),
        _TYPES,
    ),
    _call_parser("create calls of tasks", Tasks(), SECTIONED),
    _call_parser("create calls of videos", Videos(), FLAT),
    _call_parser("create calls of dashscope", DashScope(), SECTIONED),
    Parser(
        "create calls as forms",
        (_PARTS,),
        lambda data: _called(Videos(), data, is_form=True),
        (CallerError,),
        (*_PARTS_TOKENS, b"input_reference", b"seconds", b"size"),
    ),
    Parser(
        "pictures as text",
        (_BASE64.encode(), _IN_DATA_URL.encode(), f'"{_BASE64[:400]}"'.encode()),
        _picture_text,
        (BadField,),
        (b"data:", b"base64,", b"image/png;", b"%2B", b"-", b"_", b"=", b"\n", b" ", b"data%3A"),
    ),
    Parser(
        "base64",
        (_BASE64.encode(), _BASE64.replace("+", "-").replace("/", "_").encode()),
        _unpacked_text,
        (NotAPicture,),
        (b"-", b"_", b"=", b"==", b"\n", b" ", b"\\/", b"%2B", b"data:,"),
    ),
    Parser("pictures' headers", PICTURES, _header_of),
    Parser("pictures", PICTURES, _decoded, (BadImage,), is_slow=True),
    Parser(
        "videos", (_mp4(),), _video, (BadVideo,), (b"moov", b"mdat", b"stsz", b"elst"), is_slow=True
    ),
    Parser(
        "prompts",
        (
            b"slow push in, then orbit left; no zoom\nblur",
            "镜头缓慢推进，下雪\n旋转".encode(),
        ),
        _prompt,
        (),
        (b"no ", b"camera ", b"zoom in", b", ", b"\n", "推".encode()),
    ),
)
