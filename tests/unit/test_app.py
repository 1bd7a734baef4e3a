"""What the app reads of a call before any route's work."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from support.route_tables import table_of
from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.apis.videos.dialect import Videos
from unstill.dialects.port import Described
from unstill.domain.errors import BadField, NoSuchRoute, WrongMethod
from unstill.server.headers import Headers
from unstill.server.own_routes import OwnRoutes
from unstill.server.query import MOST_PARAMETERS, query_of

TASKS, VIDEOS, AZURE, HOUSE = Tasks(), Videos(), Videos(prefix="/openai"), OwnRoutes()
DASHSCOPE = DashScope()
DIALECTS: tuple[Described, ...] = (TASKS, VIDEOS, AZURE, DASHSCOPE, HOUSE)


PLACES = table_of(*DIALECTS)


@pytest.mark.parametrize(
    ("path", "dialect", "names"),
    [
        ("/v1/tasks/status", TASKS, {}),
        ("/v1/tasks/status/", TASKS, {}),
        ("/v1/videos", VIDEOS, {}),
        ("/v1/videos/", VIDEOS, {}),
        ("/v1/videos/a", VIDEOS, {"video_id": "a"}),
        ("/v1/videos/a/", VIDEOS, {"video_id": "a"}),
        ("/v1/videos/a/content", VIDEOS, {"video_id": "a"}),
        ("/openai/v1/videos/a", AZURE, {"video_id": "a"}),
        ("/api/v1/tasks", DASHSCOPE, {}),
        ("/api/v1/tasks/", DASHSCOPE, {}),
        ("/api/v1/tasks/a", DASHSCOPE, {"task_id": "a"}),
        ("/api/v1/tasks/a/", DASHSCOPE, {"task_id": "a"}),
        ("/api/v1/tasks/cancel", DASHSCOPE, {"task_id": "cancel"}),
        ("/api/v1/uploads", DASHSCOPE, {}),
        ("/v1/models/Wan-AI/Wan2.2-I2V", HOUSE, {"model": "Wan-AI/Wan2.2-I2V"}),
        ("/openai/v1/models/sora-2", HOUSE, {"model": "sora-2"}),
        ("/files/a/video.mp4", HOUSE, {"job_id": "a", "variant": "video"}),
    ],
)
def test_a_path_leads_to_its_dialect_with_what_it_names(
    path: str, dialect: Described, names: dict[str, str]
) -> None:
    place, found = PLACES.find(path)

    assert (place.dialect, found) == (dialect, names)
    assert place.served("GET", path).route in dialect.routes


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/tasks/none", TASKS),
        ("/v1/tasks/submit/none", TASKS),
        ("/v1/videos/a/b/c", VIDEOS),
        ("/v1/videos/a/content\n", VIDEOS),
        ("/openai/v1/videos/a/b/c", AZURE),
        ("/openai/v1/none", HOUSE),
        ("/api/v1/tasks/a/b", DASHSCOPE),
        ("/api/v1/services/aigc/text2image/image-synthesis", DASHSCOPE),
        ("/v1/none", HOUSE),
        ("*", HOUSE),
    ],
)
def test_what_is_not_there_is_refused_in_the_dialect_that_it_is_near(
    path: str, dialect: Described
) -> None:
    place, names = PLACES.find(path)

    assert (place.dialect, names) == (dialect, {})
    with pytest.raises(NoSuchRoute):
        place.served("GET", path)


@pytest.mark.parametrize(
    ("path", "meant", "dialect"),
    [
        ("/videos", "/v1/videos", VIDEOS),
        ("/videos/a/content/", "/v1/videos/a/content", VIDEOS),
        ("/v1/v1/videos", "/v1/videos", VIDEOS),
        ("/v1/openai/v1/videos", "/openai/v1/videos", AZURE),
        ("/openai/v1/v1/tasks/submit", "/v1/tasks/submit", TASKS),
        ("/models", "/v1/models", HOUSE),
        ("/api/v1/models", "/v1/models", HOUSE),
        ("/v1/health", "/health", HOUSE),
        ("/api/v1/api/v1/tasks/a", "/api/v1/tasks/a", DASHSCOPE),
        (
            "/services/aigc/video-generation/video-synthesis",
            "/api/v1/services/aigc/video-generation/video-synthesis",
            DASHSCOPE,
        ),
        (
            "/v1/services/aigc/image2video/video-synthesis",
            "/api/v1/services/aigc/image2video/video-synthesis",
            DASHSCOPE,
        ),
        ("/v1/tasks/a", "/api/v1/tasks/a", TASKS),
    ],
)
def test_a_client_whose_base_address_is_wrong_is_told_where_it_is_right(
    path: str, meant: str, dialect: Described
) -> None:
    place, _ = PLACES.find(path)

    assert place.dialect == dialect
    with pytest.raises(NoSuchRoute) as refused:
        place.served("POST", path)
    assert f"nothing at {path}, but at {meant};" in refused.value.message


@pytest.mark.parametrize(
    ("method", "path", "dialect", "allowed"),
    [
        ("GET", "/v1/tasks/submit", TASKS, ("POST",)),
        ("PUT", "/v1/tasks/status", TASKS, ("GET", "HEAD")),
        ("DELETE", "/v1/videos", VIDEOS, ("GET", "HEAD", "POST")),
        ("POST", "/v1/videos/a", VIDEOS, ("DELETE", "GET", "HEAD")),
        ("GET", "/api/v1/tasks/a/cancel/", DASHSCOPE, ("POST",)),
        ("POST", "/health", HOUSE, ("GET", "HEAD")),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    method: str, path: str, dialect: Described, allowed: tuple[str, ...]
) -> None:
    place, _ = PLACES.find(path)

    assert place.dialect is dialect
    with pytest.raises(WrongMethod) as refused:
        place.served(method, path)
    assert refused.value.allowed == allowed


ONE_KEY = [(b"host", b"a"), (b"authorization", b"Bearer a")]


@pytest.mark.parametrize(
    ("sent", "version", "refused"),
    [
        (ONE_KEY, "1.1", ""),
        ([], "1.0", ""),
        ([], "1.1", "Host must be sent, in HTTP/1.1, got none"),
        ([(b"host", b"a"), (b"host", b"b")], "1.1", "Host must be sent once, got 2 of them"),
        ([(b"host", b"a"), (b"host", b"a")], "1.0", "Host must be sent once, got 2 of them"),
        ([*ONE_KEY, (b"authorization", b"Bearer a")], "1.1", ""),
        ([*ONE_KEY, (b"authorization", b"b")], "1.1", "Authorization must be sent once, got 2"),
        ([*ONE_KEY, (b"accept", b"a"), (b"accept", b"b")], "1.1", ""),
        ([(b"origin", b"http://a"), (b"origin", b"http://b")], "1.0", "Origin must be sent once"),
        (
            [(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-site", b"none")],
            "1.0",
            "Sec-Fetch-Site must be sent once",
        ),
        ([*ONE_KEY, (b"transfer-encoding", b"Chunked ")], "1.1", ""),
        (
            [*ONE_KEY, (b"transfer-encoding", b"gzip, chunked")],
            "1.1",
            "Transfer-Encoding must be chunked, got 'gzip, chunked'",
        ),
        (
            [*ONE_KEY, (b"transfer-encoding", b"gzip"), (b"transfer-encoding", b"chunked")],
            "1.1",
            "Transfer-Encoding must be sent once, got 2 of them",
        ),
    ],
)
def test_a_head_that_two_servers_may_read_differently_is_refused(
    sent: list[tuple[bytes, bytes]], version: str, refused: str
) -> None:
    headers = Headers(sent)

    if not refused:
        headers.check(version)
        return
    with pytest.raises(BadField, match=refused):
        headers.check(version)


@pytest.mark.parametrize(
    "host",
    ["", "a", "a:8000", "a.example.", "a_b.example:", "[::1]:80", "127.0.0.1", "xn--bcher-kva.de"],
)
def test_a_host_is_taken_as_urls_have_it(host: str) -> None:
    Headers([(b"host", host.encode())]).check("1.1")


@pytest.mark.parametrize(
    "host",
    [
        *("a b", "a/b", "a@b", "a,b", "a#b", "a?b", "a\\b", 'a"><script>', "a:80:80", "a:x", "::1"),
        *("[::1", "[::1]x", "[g]", "a:123456", "\xe9", "a\tb", "http://a"),
    ],
)
def test_what_is_no_host_is_refused_and_would_be_one_in_links(host: str) -> None:
    with pytest.raises(BadField, match=r"^Host must be a host, with a port or without, got "):
        Headers([(b"host", host.encode("latin-1"))]).check("1.1")


def test_headers_are_read_by_name_as_latin_1() -> None:
    headers = Headers([(b"api-key", b"caf\xe9"), (b"host", b"a"), (b"host", b"b")])

    assert dict(headers) == {"api-key": "café", "host": "b"}
    assert headers.get("api-key") == "café"
    assert (headers.get("accept", "none"), headers.get("accept")) == ("none", None)
    assert ("host" in headers, "accept" in headers, len(headers)) == (True, False, 2)


def test_a_query_has_so_many_parameters_and_not_one_more() -> None:
    most = b"a=1&" * (MOST_PARAMETERS - 1) + b"limit=2"

    assert query_of(most)["limit"] == "2"
    with pytest.raises(BadField, match=f"query must be at most {MOST_PARAMETERS} parameters"):
        query_of(most + b"&b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "task_id=01a1f87a-0f4c-7512-a79b-2b832237f08e",
        "task_id=",
        "task_id",
        "task_id=a=b",
        "task_id=%E7%8C%AB",
        "task_id=a+b",
        "limit=2&order=asc",
        "limit=2&limit=3",
        "&limit=2",
        "variant=video&",
    ],
)
def test_a_query_is_read_the_same_with_and_without_the_short_way(text: str) -> None:
    found = query_of(text.encode())

    assert found == dict(parse_qsl(text, keep_blank_values=True))
