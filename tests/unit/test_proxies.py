"""What trusted proxies say of a call: what is believed of it, and how far."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstill.server.proxies import MOST_HOPS, Outside, Proxies, address_in

PROXIES = Proxies([ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
PEER = "127.0.0.1"
CLIENT = "198.51.100.7"


def outside(*headers: tuple[str, str], peer: str = PEER) -> Outside:
    return PROXIES.outside(
        peer, [(name.encode(), value.encode("latin-1")) for name, value in headers]
    )


def client_of(forwarded_for: str) -> str:
    return outside(("x-forwarded-for", forwarded_for)).client


@pytest.mark.parametrize(
    ("address", "is_trusted"),
    [
        ("127.0.0.1", True),
        ("127.255.255.255", True),
        ("128.0.0.0", False),
        ("126.255.255.255", False),
        ("10.1.2.3", True),
        ("11.0.0.0", False),
        ("::ffff:127.0.0.1", True),
        ("::ffff:128.0.0.1", False),
        ("fd12::1", True),
        ("fe80::1%eth0", False),
        ("::1", False),
        ("", False),
        ("localhost", False),
    ],
)
def test_a_proxy_is_trusted_by_its_network(address: str, is_trusted: bool) -> None:  # noqa: FBT001
    assert PROXIES.trusts(address) is is_trusted
    assert not Proxies().trusts(address)


def test_without_forwarded_headers_the_proxy_is_the_caller() -> None:
    assert outside() == Outside(PEER)
    assert outside(("host", "a.example"), ("x-real-ip", CLIENT)) == Outside(PEER)


@pytest.mark.parametrize(
    ("sent", "client"),
    [
        (CLIENT, CLIENT),
        (f"203.0.113.9, {CLIENT}", CLIENT),
        (f"203.0.113.9, {CLIENT}, 10.0.0.5", CLIENT),
        (f"203.0.113.9,{CLIENT} ,\t10.0.0.5,127.0.0.9", CLIENT),
        ("10.0.0.4, 10.0.0.5", "10.0.0.4"),  # all are trusted: the first of them called
        (f"{CLIENT}:50123", CLIENT),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:DB8:0::7]:50123", "2001:db8::7"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"{CLIENT}, fd00::5", CLIENT),
    ],
)
def test_the_right_most_untrusted_address_is_the_client(sent: str, client: str) -> None:
    assert client_of(sent) == client


@pytest.mark.parametrize(
    "junk",
    [
        "",
        " ",
        "unknown",
        "_hidden",
        "localhost",
        "198.51.100.256",
        "198.51.100",
        "1.2.3.4:",
        "1.2.3.4:123456",
        "1.2.3.4:5:6",
        "01.2.3.4",
        "[::1",
        "::1]:80",
        "[1.2.3.4]",
        "[1.2.3.4]:80",
        ":::",
        "fe80::1%eth0",
        "1.2.3.4/32",
        "1.2.3.4 5.6.7.8",
        "<script>",
        "é",
        "1" * 60_000,
    ],
)
def test_what_is_no_address_ends_the_list_there_and_is_no_error(junk: str) -> None:
    assert client_of(junk) == PEER
    assert client_of(f"203.0.113.9, {junk}, 10.0.0.5") == "10.0.0.5"
    assert client_of(f"{junk}, {CLIENT}") == CLIENT


def test_a_list_without_end_is_read_from_the_proxys_side_only() -> None:
    proxies = ["10.0.0.5"] * (MOST_HOPS - 1)

    assert client_of(", ".join([CLIENT, *proxies])) == CLIENT
    assert client_of(", ".join([CLIENT, *proxies, "10.0.0.6"])) == "10.0.0.5"
    assert client_of("203.0.113.9," * 5000 + CLIENT) == CLIENT
    assert client_of("x" * 60_000 + f",{CLIENT}") == CLIENT
    # Cut in the middle an address would be another one.
    assert client_of("1" * 4090 + f"1{CLIENT}") == PEER


def test_lines_of_one_header_are_one_list() -> None:
    lines = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", f"{CLIENT}, 10.0.0.5")]

    assert outside(*lines).client == CLIENT


@pytest.mark.parametrize(
    ("sent", "scheme"),
    [
        ("https", "https"),
        ("HTTPS", "https"),
        (" http ", "http"),
        ("https,http", ""),
        ("ftp", ""),
        ("javascript", ""),
        ("https:", ""),
        ("", ""),
        ("h" * 60_000, ""),
    ],
)
def test_a_scheme_is_one_of_two(sent: str, scheme: str) -> None:
    assert outside(("x-forwarded-proto", sent)) == Outside(PEER, scheme)


@pytest.mark.parametrize(
    "host", ["videos.example.com", "v.example:8443", "[2001:db8::7]:8443", "a_b-c", "192.0.2.1:1"]
)
def test_a_host_comes_with_its_port(host: str) -> None:
    assert outside(("x-forwarded-host", host)) == Outside(PEER, host=host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a.example, b.example",
        "a.example/path",
        "user@a.example",
        "a b",
        "a.example:port",
        "a.example:1:2",
        "[::1",
        "2001:db8::7",
        "é.example",
        "a\r\nx: y",
        "a" * 256,
    ],
)
def test_what_is_no_host_is_as_if_none_was_sent(host: str) -> None:
    assert outside(("x-forwarded-host", host)) == Outside(PEER)


def test_a_header_that_says_two_things_says_nothing() -> None:
    for name in ("x-forwarded-host", "x-forwarded-proto"):
        assert outside((name, "http"), (name, "https")) == Outside(PEER)
    assert outside(("x-forwarded-proto", "https"), ("x-forwarded-proto", "https")).scheme == "https"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (f"for={CLIENT}", Outside(CLIENT)),
        (
            f'for={CLIENT};proto=https;host="v.example:8443";by=10.0.0.1',
            Outside(CLIENT, "https", "v.example:8443"),
        ),
        (f'For="{CLIENT}:50123"; Proto=HTTPS', Outside(CLIENT, "https")),
        ('for="[2001:db8::7]:50123"', Outside("2001:db8::7")),
        (
            f"for=203.0.113.9;host=a, for={CLIENT};proto=https;host=v.example, for=10.0.0.5",
            Outside(CLIENT, "https", "v.example"),
        ),
        ("for=unknown;proto=https", Outside(PEER, "https")),
        ("for=_hidden", Outside(PEER)),
        ("proto=https", Outside(PEER, "https")),
        ("junk", Outside(PEER)),
        ("=;=,;;,,", Outside(PEER)),
        # What a stranger left open does not swallow what the proxy wrote behind it.
        (f'for="203.0.113.9, for={CLIENT};host=v.example', Outside(CLIENT, host="v.example")),
    ],
)
def test_the_standards_header_is_read_likewise(sent: str, expected: Outside) -> None:
    assert outside(("forwarded", sent)) == expected


def test_of_both_kinds_the_common_one_counts() -> None:
    """What writes it passes the other one on as a stranger may have sent it."""
    strangers = ("forwarded", "for=203.0.113.9;proto=https;host=evil.example")

    assert outside(strangers, ("x-forwarded-for", CLIENT)) == Outside(CLIENT)
    assert outside(strangers, ("x-forwarded-proto", "http")) == Outside(PEER, "http")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"]
            ),
            st.text(st.characters(max_codepoint=255)),
        ),
        max_size=5,
    )
)
def test_whatever_is_sent_there_is_a_client_at_an_address(headers: list[tuple[str, str]]) -> None:
    found = outside(*headers)

    assert address_in(found.client) == found.client
    assert found.scheme in ("", "http", "https")
    assert len(found.host) <= 255
