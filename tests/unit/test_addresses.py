"""Which addresses and which forms of URL a caller may name: pure, no socket is made."""

from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path

import pytest

from unstill.domain.errors import FetchFailed
from unstill.net.addresses import is_allowed, is_fake, is_public, range_of
from unstill.net.fetcher import Fetcher, checked_url

HOSTILE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",  # Alibaba Cloud metadata
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",  # Azure WireServer
    "169.254.169.254",  # metadata of most clouds
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",  # Oracle Cloud metadata
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",  # Teredo
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",  # AWS metadata
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
FRIENDLY = [
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.1",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", HOSTILE)
def test_an_address_off_the_public_internet_is_known_as_such(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", FRIENDLY)
def test_a_public_address_is_known_as_such(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", HOSTILE)
async def test_a_url_with_a_hostile_address_is_refused(address: str, tmp_path: Path) -> None:
    url = f"http://{bracketed(address)}/latest/meta-data"
    out = tmp_path / "never-made"

    with pytest.raises(FetchFailed, match=r"is not on the public internet|is at 198\.18\.0\.0/15"):
        await Fetcher().fetch(url, out, max_bytes=10, timeout_s=5)
    assert not out.exists()


def test_only_the_networks_named_are_opened() -> None:
    allow = (IPv4Network("127.0.0.0/8"), IPv6Network("fd00:1::/32"))
    opened = ["127.0.0.1", "127.255.255.255", "::ffff:127.0.0.1", "fd00:1::1"]
    shut = ["10.0.0.1", "::1", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1", "fd00:2::1"]

    assert [a for a in opened if not is_allowed(ip_address(a), allow)] == []
    assert [a for a in shut if is_allowed(ip_address(a), allow)] == []


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "0x08080808",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "[fe80::1%25eth0]",
        "[::1",
        "a..b",
        "",
        "in side",
        "x" * 64 + ".test",
        "127.0.0.1\\.pictures.test",
    ],
)
def test_a_host_in_an_unusual_form_is_refused(host: str) -> None:
    with pytest.raises(
        FetchFailed, match=r"is not a name or an address|not a URL that can be read"
    ):
        checked_url(f"http://{host}/")


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://a.test/", "//a.test/", "data:,x", "", "picture.png", " http://a"],
)
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(FetchFailed, match=r"^only http and https URLs can be fetched$"):
        checked_url(url)


@pytest.mark.parametrize("user", ["me@", "me:pw@", "a.test\\@", "a.test%2f@"])
def test_a_url_with_a_user_in_it_is_refused(user: str) -> None:
    with pytest.raises(FetchFailed, match="user name or password"):
        checked_url(f"http://{user}b.test/")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x"])
def test_a_port_that_does_not_exist_is_refused(port: str) -> None:
    with pytest.raises(FetchFailed, match=r"port|not a URL that can be read"):
        checked_url(f"http://a.test:{port}/")


@pytest.mark.parametrize("junk", ["http://a.test/\n", "http://a.test/\x00", "http://a.test/\ud800"])
def test_a_url_with_characters_that_cannot_be_sent_is_refused(junk: str) -> None:
    with pytest.raises(FetchFailed, match="not a URL that can be read"):
        checked_url(junk)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("http://a.test:65535/", "a.test"),
        ("HTTPS://A.Test", "a.test"),
        ("http://1.a.test/", "1.a.test"),
        ("https://bücher.example/ü?q=1#x", "xn--bcher-kva.example"),
        ("http://[2606:4700::1111]:8080/", "2606:4700::1111"),
    ],
)
def test_a_usual_url_is_taken(text: str, host: str) -> None:
    assert checked_url(text).raw_host == host.encode()


@pytest.mark.parametrize(
    ("address", "is_made_up"),
    [
        ("198.17.255.255", False),
        ("198.18.0.0", True),
        ("198.19.255.255", True),
        ("::ffff:198.18.0.40", True),
        ("198.20.0.0", False),
        ("10.0.0.1", False),
        ("fc00::1", False),
    ],
)
def test_the_range_of_fake_ip_proxies_is_known(address: str, is_made_up: bool) -> None:  # noqa: FBT001
    assert is_fake(ip_address(address)) is is_made_up


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.9.8.7", "10.0.0.0/8"),
        ("::ffff:192.168.1.2", "192.168.0.0/16"),
        ("198.18.3.4", "198.18.0.0/15"),
        ("fd00::1", "fd00::1/128"),
    ],
)
def test_a_network_that_could_be_opened_is_named(address: str, network: str) -> None:
    assert range_of(ip_address(address)) == network
