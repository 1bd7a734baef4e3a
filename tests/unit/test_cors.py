"""Which web pages are let in: Host and Origin as they may come, on both sides of each limit."""

from __future__ import annotations

import pytest

from unstill.domain.access_errors import ForeignHost, ForeignOrigin
from unstill.server.cors import Origins, is_own
from unstill.server.proxies import OUTER_HOST

KEYLESS = Origins((), has_keys=False, host="127.0.0.1")


def called(
    origins: Origins,
    method: str,
    *,
    http_version: str = "1.1",
    outer_host: str | None = None,
    **headers: str | None,
) -> None:
    """A call with these headers; `Host` is ours unless it is given.

    outer_host: what a trusted proxy says that it was asked for; None: no such proxy is there.
    """
    given: dict[str, str | None] = {"host": "localhost:8000", **headers}
    of_proxy = {} if outer_host is None else {OUTER_HOST: outer_host}
    origins.check(
        {
            **of_proxy,
            "type": "http",
            "method": method,
            "http_version": http_version,
            "headers": [
                (name.replace("_", "-").encode(), value.encode("latin-1"))
                for name, value in given.items()
                if value is not None
            ],
        }
    )


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LocalHost:1",
        "localhost.",
        "videos.localhost:8000",
        "127.0.0.1",
        "127.0.0.1:8000",
        "127.8.9.10:80",
        "[::1]",
        "[::1]:8000",
        "[0:0:0:0:0:0:0:1]:8000",
        "[::ffff:127.0.0.1]:8000",
        "127.0.0.1:",
    ],
)
def test_a_name_of_this_machine_is_its_own(host: str) -> None:
    assert is_own(host, frozenset())


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io:8000",
        "notlocalhost",
        "localhost@evil.example",
        "evil.example#localhost",
        "localhost evil.example",
        "localhost/evil",
        "localhost:80:90",
        "localhost:80a",
        "::1",
        "[::1",
        "[::2]",
        "[::ffff:10.0.0.1]",
        "128.0.0.1",
        "126.255.255.255",
        "0.0.0.0:8000",
        "192.168.1.5:8000",
        "127.1",
        "2130706433",
        "null",
        "\x00",
        "é",
    ],
)
def test_a_name_that_others_may_have_made_lead_here_is_not_our_own(host: str) -> None:
    assert not is_own(host, frozenset())
    for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
        with pytest.raises(ForeignHost):
            called(KEYLESS, method, host=host)


def test_public_url_and_the_bound_host_are_names_of_our_own() -> None:
    origins = Origins(
        (), has_keys=False, host="127.0.0.1", public_url="https://Videos.example.com:8443/unstill"
    )

    called(origins, "POST", host="videos.example.com")
    called(origins, "POST", host="127.0.0.1:8000", origin="https://videos.example.com:8443")
    with pytest.raises(ForeignHost):
        called(origins, "POST", host="videos.example.org")
    with pytest.raises(ForeignOrigin):
        called(origins, "POST", origin="https://videos.example.com")


def test_without_a_host_only_http_1_0_is_served() -> None:
    called(KEYLESS, "GET", http_version="1.0", host=None)
    for version, host in (("1.1", None), ("1.0", "evil.example")):
        with pytest.raises(ForeignHost):
            called(KEYLESS, "GET", http_version=version, host=host)


@pytest.mark.parametrize("origin", ["null", "", "http://", "://"])
def test_a_page_without_a_host_is_not_that_of_a_server_asked_without_one(origin: str) -> None:
    called(KEYLESS, "POST", http_version="1.0", host=None)
    with pytest.raises(ForeignOrigin):
        called(KEYLESS, "POST", http_version="1.0", host=None, origin=origin)


def test_a_host_that_was_found_good_is_no_pass_for_others() -> None:
    origins = Origins((), has_keys=False)
    for port in range(1000):
        called(origins, "GET", host=f"localhost:{port}")
    for _ in range(2):
        with pytest.raises(ForeignHost):
            called(origins, "GET", host="evil.example:1")


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},  # another program of this machine
        {"origin": "http://127.0.0.1:8000"},  # we were called localhost
        {"origin": "http://localhost:8000.evil.example"},
        {"origin": ""},
        {"origin": "https://evil.example", "sec_fetch_site": "cross-site"},
        {"origin": "http://localhost:8000", "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "chrome-extension://abcdef", "sec_fetch_site": "none"},
    ],
)
def test_another_pages_writes_are_refused_and_its_reads_are_the_browsers_business(
    method: str, headers: dict[str, str]
) -> None:
    with pytest.raises(ForeignOrigin):
        called(KEYLESS, method, **headers)
    called(KEYLESS, "GET", **headers)
    called(Origins((), has_keys=True), method, **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},  # curl, SDKs
        {"origin": "http://localhost:8000"},
        {"origin": "http://localhost:8000", "sec_fetch_site": "same-origin"},
        {"origin": "https://localhost:8000"},  # behind a proxy that speaks TLS
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
)
def test_our_own_page_and_programs_may_write(headers: dict[str, str]) -> None:
    called(KEYLESS, "POST", **headers)


@pytest.mark.parametrize(
    ("allowed", "origin", "is_let_in"),
    [
        (("http://localhost:3000",), "http://localhost:3000", True),
        (("http://localhost:3000",), "HTTP://localhost:3000", True),
        (("http://localhost:3000",), "http://localhost:3001", False),
        (("http://localhost:3000",), "https://localhost:3000", False),
        (("https://a.example", "https://b.example"), "https://b.example", True),
        (("https://a.example",), "https://a.example.org", False),
        (("https://a.example",), "https://b.a.example", False),
        (("*",), "https://anything.example", True),
        (("*",), "null", True),
    ],
)
def test_pages_of_named_origins_may_write(
    allowed: tuple[str, ...], origin: str, *, is_let_in: bool
) -> None:
    origins = Origins(allowed, has_keys=False)
    headers = {"origin": origin, "sec_fetch_site": "cross-site"}
    if is_let_in:
        called(origins, "POST", **headers)
    else:
        with pytest.raises(ForeignOrigin):
            called(origins, "POST", **headers)
    with pytest.raises(ForeignHost):  # a name is not an origin
        called(origins, "POST", host="evil.example", **headers)


def test_with_keys_and_no_origins_nothing_is_decided() -> None:
    assert Origins((), has_keys=True).decide_nothing
    assert not KEYLESS.decide_nothing
    assert not Origins(("https://a.example",), has_keys=True).decide_nothing


def test_once_there_is_a_key_hosts_and_origins_are_free() -> None:
    origins = Origins((), has_keys=False)
    foreign = {"host": "evil.example", "origin": "https://evil.example"}
    with pytest.raises(ForeignHost):
        called(origins, "POST", **foreign)

    origins.ask_for_keys()

    called(origins, "POST", **foreign)
    assert origins.decide_nothing


# --- behind a trusted proxy ----------------------------------------------------------------------

PUBLIC = Origins((), has_keys=False, host="127.0.0.1", public_url="https://videos.example.com")


@pytest.mark.parametrize("outer", ["", "localhost:9000", "videos.example.com", "127.0.0.1"])
def test_a_trusted_proxy_may_be_asked_under_a_name_of_this_server(outer: str) -> None:
    called(PUBLIC, "GET", outer_host=outer)
    called(PUBLIC, "POST", outer_host=outer)


def test_a_trusted_proxy_that_was_asked_under_another_name_is_refused() -> None:
    for method in ("GET", "POST"):
        with pytest.raises(ForeignHost):
            called(PUBLIC, method, outer_host="evil.example")


def test_no_forwarded_name_makes_up_for_a_foreign_host() -> None:
    """A page under a name that was made to lead here sends whatever headers it likes."""
    for outer in ("localhost:8000", "videos.example.com"):
        with pytest.raises(ForeignHost):
            called(PUBLIC, "GET", host="evil.example", outer_host=outer)


def test_a_page_that_came_through_a_trusted_proxy_writes_and_others_do_not() -> None:
    called(PUBLIC, "POST", outer_host="localhost:9000", origin="https://localhost:9000")
    for origin in ("https://evil.example", "https://localhost:9001", "null"):
        with pytest.raises(ForeignOrigin):
            called(PUBLIC, "POST", outer_host="localhost:9000", origin=origin)
