"""Paths as clients with odd base addresses and other gateways' clients ask for them."""

from __future__ import annotations

import pytest

from support.route_tables import table_of
from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.apis.videos.dialect import Videos
from unstill.domain.errors import NoSuchRoute, WrongMethod
from unstill.server.own_routes import OwnRoutes

ID = "01a1f880-06ed-7225-b4bc-05c8ac57834b"


PLACES = table_of(
    Tasks(), Videos(), Videos(prefix="/openai", states="openai"), DashScope(), OwnRoutes()
)


def refusal(method: str, path: str) -> str:
    place, _ = PLACES.find(path)
    with pytest.raises(NoSuchRoute) as refused:
        place.served(method, path)
    return refused.value.message


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("//v1/videos", "/v1/videos"),
        ("//v1/videos/", "/v1/videos"),
        ("/v1//videos", "/v1/videos"),
        ("/v1/videos//", "/v1/videos"),
        ("///v1///videos", "/v1/videos"),
        (f"//v1/videos/{ID}", "/v1/videos/{video_id}"),
        (f"/v1/videos//{ID}/", "/v1/videos/{video_id}"),
        (f"//v1/videos/{ID}//content", "/v1/videos/{video_id}/content"),
        ("//v1/tasks/submit", "/v1/tasks/submit"),
        ("//v1//tasks//status", "/v1/tasks/status"),
        ("//openai/v1/videos", "/openai/v1/videos"),
        ("//api/v1/tasks", "/api/v1/tasks"),
        (f"//api/v1/tasks/{ID}", "/api/v1/tasks/{task_id}"),
        ("//v1/models", "/v1/models"),
        ("//health", "/health"),
        ("/health/", "/health"),
    ],
)
def test_doubled_and_trailing_slashes_lead_where_single_ones_do(path: str, route: str) -> None:
    place, named = PLACES.find(path)

    assert {served.route.path for served in place.by_method.values()} == {route}
    assert set(named.values()) <= {ID}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/v1/video/generations", "/v1/videos"),
        ("/v1/videos/generations", "/v1/videos"),
        ("/v1/videos/generations/", "/v1/videos"),
        ("//v1/videos/generations", "/v1/videos"),
        ("/v1/videos/sync", "/v1/videos"),
        ("/v1/videos/create", "/v1/videos"),
        ("/v1/videos/image2video", "/v1/videos"),
        ("/v1/video/create", "/v1/videos"),
        ("/v1/video/submit", "/v1/videos"),
        ("/v1/video", "/v1/videos"),
        ("/v2/videos/generations", "/v1/videos"),
        ("/api/v3/contents/generations/tasks", "/v1/videos"),
        ("/v1/images/generations", "/v1/videos"),
        ("/v1/predictions", "/v1/videos"),
        ("/v1/image_to_video", "/v1/videos"),
        ("/v1/video_generation", "/v1/videos"),
        ("/video/generations", "/v1/videos"),
        ("/openai/v1/video/generations/jobs", "/openai/v1/videos"),
        ("/fal-ai/wan/v2.2/image-to-video", "/v1/videos"),
        (f"/v1/video/generations/{ID}", f"/v1/videos/{ID}"),
        (f"/v1/videos/generations/{ID}", f"/v1/videos/{ID}"),
        (f"/v1/predictions/{ID}", f"/v1/videos/{ID}"),
        (f"/openai/v1/video/generations/jobs/{ID}", f"/openai/v1/videos/{ID}"),
        (f"/api/v3/contents/generations/tasks/{ID}", f"/v1/videos/{ID}"),
        (f"/fal-ai/wan/requests/{ID}/status", f"/v1/videos/{ID}"),
        ("/V1/Videos", "/v1/videos"),
        ("/v1/VIDEOS", "/v1/videos"),
        ("/V1/Tasks/Submit", "/v1/tasks/submit"),
        ("/videos", "/v1/videos"),
        ("/v1/v1/videos", "/v1/videos"),
        ("/v1//v1//videos", "/v1/videos"),
        ("/Tasks/Submit", "/v1/tasks/submit"),
        ("/V1/Videos/Generations", "/v1/videos"),
        ("/proxy/v1/videos", "/v1/videos"),
        ("/kling/v1/videos/image2video", "/v1/videos"),
        ("/compatible-mode/v1/videos", "/v1/videos"),
        ("/a/b/api/v1/tasks", "/api/v1/tasks"),
        ("/gateway/openai/v1/videos", "/openai/v1/videos"),
        ("/minimax/v1/video_generation", "/v1/videos"),
        (f"/sora/v1/videos/{ID}", f"/v1/videos/{ID}"),
        (f"/v1/videos/{ID}/download", f"/v1/videos/{ID}/content"),
        (f"/openai/v1/videos/{ID}/file", f"/openai/v1/videos/{ID}/content"),
        (f"/v1/videos/{ID}/status", f"/v1/videos/{ID}"),
        (f"/v1/videos/{ID}/cancel", f"/v1/videos/{ID}"),
    ],
)
def test_a_path_that_others_have_is_told_what_is_here_instead(
    path: str, meant: str, method: str
) -> None:
    assert f", but at {meant};" in refusal(method, path)


@pytest.mark.parametrize(
    "path",
    ["/v1/audio/generations", "/v1/chat/completions", "/v3/none", "/proxy/v1/none", "/a/v1/"],
)
def test_what_is_nothing_of_ours_is_told_nothing(path: str) -> None:
    assert "but at" not in refusal("POST", path)


@pytest.mark.parametrize(
    ("method", "path", "possible"),
    [
        ("PUT", "/v1/videos", "GET, HEAD and POST"),
        ("POST", f"/v1/videos/{ID}", "DELETE, GET and HEAD"),
        ("GET", "/v1/tasks/submit", "POST"),
    ],
)
def test_a_method_that_is_not_possible_is_told_those_that_are(
    method: str, path: str, possible: str
) -> None:
    place, _ = PLACES.find(path)

    with pytest.raises(WrongMethod) as wrong:
        place.served(method, path)

    assert wrong.value.message == f"{method} is not possible here, only {possible}"


def test_a_path_of_a_megabyte_is_refused_at_once() -> None:
    assert len(refusal("GET", "/v1/video/generations/" + "a/" * 500_000)) < 500
    assert len(refusal("GET", "/fal-ai/" + "a/" * 500_000)) < 500
    assert len(refusal("GET", "/" * 1_000_000 + "none")) < 500
    assert len(refusal("GET", "/a/v1" * 200_000 + "/none")) < 500
    assert len(refusal("GET", "/proxy" * 200_000 + "/v1/videos")) < 500
