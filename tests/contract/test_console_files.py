"""The console's page and its files as the server sends them, and what lies in their folder."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest

import unstill
from docs import pages
from support.servers import Serving
from unstill.server.console_files import MEDIA_TYPES, ConsoleFiles, unremarked

FOLDER = Path(unstill.__file__).parent / "server/console"
# Types for the checker of the page's code are no part of it.
LYING = sorted(
    path for path in FOLDER.rglob("*") if path.is_file() and not path.name.endswith(".d.ts")
)
MOST_PACKED_BYTES = 150_000
LOADED = (".js", ".css", ".svg")
ELSEWHERE = re.compile(r"(?:https?:|wss?:|[\"'(=]\s*)//[\w.-]+[^\s\"')]*")
# What names a kind of markup, and is never asked for.
NAMESPACES = ("http://www.w3.org/",)
COMMENTS = re.compile(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*|<!--.*?-->", re.DOTALL)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.within = ""
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        self.within = tag

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  - the parser's shape
        self.within = ""

    def handle_data(self, data: str) -> None:
        if self.within in {"script", "style"} and data.strip():
            self.inline.append(data)


@pytest.fixture(scope="module")
def page(server: Serving) -> httpx2.Response:
    return server.http.get("/")


def addresses(page: httpx2.Response) -> list[str]:
    tags = Tags(page.text).found
    found = [given.get("src") or given.get("href") or "" for _, given in tags]
    return [each for each in found if each.startswith("console/")]


def in_page(page: httpx2.Response, name: str) -> str:
    return "/" + next(each for each in addresses(page) if each.endswith(name))


def test_the_page_is_asked_for_anew_and_lets_nothing_in(page: httpx2.Response) -> None:
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_the_page_names_all_modules_and_styles_at_relative_addresses(
    server: Serving, page: httpx2.Response
) -> None:
    modules = set(FOLDER.rglob("*.js")) | set(FOLDER.rglob("*.css"))
    named = {each.split("/", 2)[2] for each in addresses(page)}

    assert {str(path.relative_to(FOLDER)) for path in modules} <= named
    assert not [each for each in addresses(page) if each.startswith("/")]
    assert re.findall(r"\{\w+\}", page.text) == []
    for each in addresses(page):
        assert server.http.get("/" + each).status_code == 200


def test_a_file_is_kept_for_good_under_its_version(server: Serving, page: httpx2.Response) -> None:
    answer = server.http.get(in_page(page, "/app.js"))

    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content == unremarked((FOLDER / "app.js").read_bytes())


def test_a_page_that_was_open_over_an_upgrade_goes_on_and_keeps_nothing(server: Serving) -> None:
    answer = server.http.get("/console/0123456789abcdef/app.js")

    assert answer.content == unremarked((FOLDER / "app.js").read_bytes())
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip, deflate, br", True),
        ("GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("identity", False),
        ("", False),
    ],
)
def test_text_is_packed_for_whoever_takes_that(
    server: Serving, page: httpx2.Response, accepted: str, *, is_packed: bool
) -> None:
    sent = {"accept-encoding": accepted}
    with server.http.stream("GET", in_page(page, "/app.js"), headers=sent) as answer:
        raw = b"".join(answer.iter_raw())

    assert (answer.headers.get("content-encoding") == "gzip") is is_packed
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) == len(raw)
    whole = unremarked((FOLDER / "app.js").read_bytes())
    assert (gzip.decompress(raw) if is_packed else raw) == whole


def test_whoever_has_it_gets_it_not_again(server: Serving, page: httpx2.Response) -> None:
    for path in ("/", in_page(page, "/app.js")):
        for accepted in ("gzip", "identity"):
            asked = {"accept-encoding": accepted}
            tag = server.http.get(path, headers=asked).headers["etag"]
            again = server.http.get(path, headers=asked | {"if-none-match": tag})

            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert "x-request-id" in again.headers


def test_head_tells_what_get_would(server: Serving, page: httpx2.Response) -> None:
    for path in ("/", in_page(page, "/app.js")):
        got, head = server.http.get(path), server.http.head(path)

        assert head.content == b""
        for name in ("etag", "content-length", "content-type", "cache-control"):
            assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    "path",
    [
        "none.js",
        "index.html",
        "styles",
        "",
        "../own_routes.py",
        "..%2fown_routes.py",
        "%2e%2e/own_routes.py",
        "styles/../../own_routes.py",
        "%2fetc%2fpasswd",
        "app.js%00",
    ],
)
def test_what_is_no_file_of_the_page_is_404_in_the_envelope(server: Serving, path: str) -> None:
    answer = server.http.get(f"/console/x/{path}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_the_page_asks_for_no_key(tmp_path: Path) -> None:
    with Serving(tmp_path, environment={"UNSTILL_API_KEYS": "ann:sk-ann"}) as server:
        page = server.http.get("/")

        assert page.status_code == 200
        assert server.http.get(in_page(page, "/app.js")).status_code == 200


def test_a_version_is_of_all_files(tmp_path: Path) -> None:
    def version() -> str:
        return ConsoleFiles(tmp_path).version

    (tmp_path / "index.html").write_text("<!-- modules -->")
    (tmp_path / "a.js").write_text("1")
    found = [version()]
    (tmp_path / "a.js").write_text("2")
    found.append(version())
    (tmp_path / "a.js").rename(tmp_path / "b.js")
    found.append(version())
    (tmp_path / "index.html").write_text("<!-- modules --> ")
    found.append(version())

    assert len(set(found)) == 4
    assert version() == found[-1]


def test_all_that_the_page_loads_is_small_on_the_way() -> None:
    console = ConsoleFiles()
    sent = [console.page(asks_for_key=True)]
    sent += [console.file(path) for path in console.paths if path.endswith(LOADED)]

    assert len(sent) > 50
    assert sum(len(each.packed) for each in sent) <= MOST_PACKED_BYTES


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("a(); // why\n", "a(); // why\n"),
        ("  // why\na();\n", "\na();\n"),
        ("/** One. */\na();\n", "\na();\n"),
        ("  /**\n   * @param {number} a\n   */\n  b(a);\n", "\n\n\n  b(a);\n"),
        ("/** @type {any} */ (a).b();\n", "/** @type {any} */ (a).b();\n"),
        ("a(/** @type {any} */ (b));\n", "a(/** @type {any} */ (b));\n"),
        ("/* a */ b(); /* c */\n", "/* a */ b(); /* c */\n"),
        ("const a = `\n/${b}`;\n", "const a = `\n/${b}`;\n"),
    ],
)
def test_lines_of_comments_stay_here_and_every_other_is_where_it_was(
    written: str, sent: str
) -> None:
    assert unremarked(written.encode()).decode() == sent


def test_every_file_is_of_a_kind_that_is_sent() -> None:
    assert {path.suffix for path in LYING} <= MEDIA_TYPES.keys()


@pytest.mark.parametrize("path", LYING, ids=lambda path: str(path.relative_to(FOLDER)))
def test_nothing_names_an_address_elsewhere(path: Path) -> None:
    if path.suffix not in {".html", ".js", ".css", ".svg"}:
        return
    found = ELSEWHERE.findall(COMMENTS.sub("", path.read_text("utf-8")))

    assert [each for each in found if not each.lstrip("\"'(= ").startswith(NAMESPACES)] == []


def test_the_page_has_no_script_or_style_of_its_own() -> None:
    tags = Tags((FOLDER / "index.html").read_text("utf-8"))

    assert tags.inline == []
    assert not [tag for tag, _ in tags.found if tag in {"style", "base"}]
    for _, given in tags.found:
        assert not [name for name in given if name == "style" or name.startswith("on")]


def test_what_others_wrote_has_its_licence_and_its_version_beside_it() -> None:
    vendor = FOLDER / "vendor"
    written = {path.name for path in LYING if path.parent == vendor and path.suffix == ".js"}
    rows = pages.rows((vendor / "README.md").read_text("utf-8"))

    assert {row[0].strip("`") for row in rows} == written
    for name, _, version, licence in rows:
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        file = licence.rpartition(", ")[2].strip("`")
        assert "Permission" in (text := (vendor / file).read_text("utf-8")) or "Apache" in text
