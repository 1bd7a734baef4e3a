"""What of a picture is a 400 at create: an address in figures, a format that is not read here."""

from __future__ import annotations

import hashlib
from ipaddress import ip_network

import pytest

from unstill.domain.errors import BadImage
from unstill.domain.request import Frame
from unstill.media.picture_formats import FORMATS, Format
from unstill.media.picture_limits import readable_formats
from unstill.net.fetcher import checked_url
from unstill.service.admission import _PLAIN, Admission
from unstill.service.pictures import IncomingFrame

PUBLIC_ONLY = Admission()
LAN = Admission(allow_networks=(ip_network("192.168.0.0/16"), ip_network("127.0.0.0/8")))


def behind(url: str) -> IncomingFrame:
    return IncomingFrame(Frame("first", "img_url", url=url), None)


def refusal(admission: Admission, taken: IncomingFrame) -> str:
    with pytest.raises(BadImage) as refused:
        admission.check(taken)
    assert refused.value.param == "img_url"
    return refused.value.allowed


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1:8080",
        "192.168.1.5",
        "169.254.169.254",
        "100.100.100.200",
        "198.18.0.40",
        "0.0.0.0",
        "[::1]",
        "[fd00::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "localhost",
        "LOCALHOST.",
        "minio.localhost:9000",
    ],
)
def test_an_address_of_a_private_network_is_refused_with_the_remedy(host: str) -> None:
    said = refusal(PUBLIC_ONLY, behind(f"http://{host}/cat.jpg"))

    assert " is not on the public internet: " in said
    assert all(word in said for word in ("data URL", "upload", "allow_networks"))


@pytest.mark.parametrize("host", ["192.168.1.5", "127.0.0.1:80", "localhost:9000", "8.8.8.8"])
def test_an_address_that_may_be_dialled_is_let_in(host: str) -> None:
    LAN.check(behind(f"http://{host}/cat.jpg"))


def test_an_address_beside_what_is_allowed_is_refused() -> None:
    assert "10.0.0.1 is not" in refusal(LAN, behind("http://10.0.0.1/cat.jpg"))


@pytest.mark.parametrize("host", ["cdn.example.com", "intranet", "localhost.example.com", "1.com"])
def test_where_a_name_leads_is_left_to_the_fetch(host: str) -> None:
    PUBLIC_ONLY.check(behind(f"https://{host}/cat.jpg"))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a:b@example.com/cat.jpg", "a user name or password"),
        ("http://0x7f000001/cat.jpg", "is not a name or an address"),
        ("http://2130706433/", "is not a name or an address"),
        ("http://127.1/", "is not a name or an address"),
        ("http://example.com:99999/", "port 99999 does not exist"),
        ("http://example.com:0/", "port 0 does not exist"),
        ("http:///cat.jpg", "is not a name or an address"),
    ],
)
def test_a_url_that_cannot_be_fetched_is_refused_by_its_form(url: str, reason: str) -> None:
    assert reason in refusal(PUBLIC_ONLY, behind(url))


def inline(data: bytes) -> IncomingFrame:
    sha256 = hashlib.sha256(data).hexdigest()
    return IncomingFrame(Frame("first", "img_url", sha256=sha256), data)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
AVIF = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1"
WEBP = b"RIFF\x24\0\0\0WEBPVP8 "


@pytest.mark.parametrize(
    ("data", "name", "mend"),
    [(HEIC, "HEIC", "pip install pillow-heif"), (AVIF, "AVIF", ""), (WEBP, "WebP", "")],
)
def test_a_format_that_this_server_cannot_read_is_refused_at_once(
    data: bytes, name: Format, mend: str
) -> None:
    said = refusal(Admission(FORMATS - {name}), inline(data))

    assert said.startswith(f"{name} needs ")
    assert mend in said
    PUBLIC_ONLY.check(inline(data))


def test_the_formats_of_this_server_are_found_without_a_decoder() -> None:
    assert readable_formats() == FORMATS  # the tests run with every extra


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/a.jpg",
        "http://a.localhost",
        "http://a.localhost?x",
        "https://127.0.0.1/cat.jpg",
        "https://example.0x7f/cat.jpg",
        "https://user@example.com/cat.jpg",
        "https://example.com:0/cat.jpg",
        "https://-example.com/cat.jpg",
        "https://exam_ple..com/cat.jpg",
        "ftp://example.com/cat.jpg",
        "https://example.com\\@127.0.0.1/cat.jpg",
        "https://[::1]/cat.jpg",
        "https://xn--zz--.com/cat.jpg",
    ],
)
def test_the_short_way_for_plain_names_takes_no_other(url: str) -> None:
    assert _PLAIN.fullmatch(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/cat.jpg",
        "http://cdn-1.example.co.uk/a/b.png?size=9&x=%",
        "https://example.com",
    ],
)
def test_a_plain_name_is_taken_by_either_way(url: str) -> None:
    assert str(checked_url(url)).startswith(url.partition("?")[0].rstrip("/"))
    Admission().check(IncomingFrame(Frame("first", "image", url=url), None))
