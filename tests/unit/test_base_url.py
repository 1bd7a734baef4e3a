"""The address of an upstream: each kind knows its ending, and what people write in its place."""

from __future__ import annotations

import pytest

from unstill.domain.errors import BadSetting
from unstill.engines.dashscope.engine import BASE_URL as DASHSCOPE
from unstill.engines.modelverse.engine import BASE_URL as MODELVERSE
from unstill.engines.openai_videos.engine import BASE_URL as OPENAI_VIDEOS
from unstill.upstreams.base_url import BaseUrl


def checked(kind: BaseUrl, base_url: str, *, has_key: bool = True) -> str:
    return kind.checked(base_url, "ours", has_key=has_key)


def refused(kind: BaseUrl, base_url: str, *, has_key: bool = True) -> str:
    with pytest.raises(BadSetting) as caught:
        checked(kind, base_url, has_key=has_key)
    return caught.value.message


@pytest.mark.parametrize("host", ["xn--e1afmkfd.xn-", "xn--e1afmkfd.xy--p1ai"])
def test_a_host_that_is_no_name_is_refused_and_one_in_any_script_is_taken(host: str) -> None:
    assert "has a host that no name is written as" in refused(MODELVERSE, f"https://{host}/v1")
    assert checked(MODELVERSE, "https://xn--bcher-kva.de/v1") == "https://xn--bcher-kva.de/v1"


@pytest.mark.parametrize(
    ("kind", "given", "whole"),
    [
        (DASHSCOPE, "https://dashscope.aliyuncs.com", "https://dashscope.aliyuncs.com/api/v1"),
        (DASHSCOPE, "https://dashscope.aliyuncs.com/", "https://dashscope.aliyuncs.com/api/v1"),
        (DASHSCOPE, "https://w.r.maas.aliyuncs.com/api/v1/", "https://w.r.maas.aliyuncs.com/api/v1"),
        (DASHSCOPE, "http://[::1]:9/api/v1", "http://[::1]:9/api/v1"),
        (DASHSCOPE, "https://proxy/bailian/api/v1", "https://proxy/bailian/api/v1"),
        (MODELVERSE, "https://api.modelverse.cn", "https://api.modelverse.cn/v1"),
        (MODELVERSE, "https://api.modelverse.cn/v1", "https://api.modelverse.cn/v1"),
        (MODELVERSE, "http://proxy/modelverse", "http://proxy/modelverse/v1"),
        (OPENAI_VIDEOS, "http://gpu1:30000", "http://gpu1:30000/v1"),
        (OPENAI_VIDEOS, "http://gpu1:30000/v1/", "http://gpu1:30000/v1"),
        (OPENAI_VIDEOS, "https://gateway/openai/v1", "https://gateway/openai/v1"),
        (OPENAI_VIDEOS, "https://gateway/api/v3", "https://gateway/api/v3"),  # as it is
    ],
)  # fmt: skip
def test_an_address_gets_the_ending_of_its_kind(kind: BaseUrl, given: str, whole: str) -> None:
    assert checked(kind, given) == whole


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (
            DASHSCOPE,
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "is for chat in OpenAI's protocol: write https://dashscope.aliyuncs.com/api/v1",
        ),
        (
            DASHSCOPE,
            "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
            "write https://dashscope.aliyuncs.com/api/v1",
        ),
        (
            DASHSCOPE,
            "https://h/api/v1/services/aigc/video-generation/video-synthesis",
            "goes on to a route, /services: write https://h/api/v1",
        ),
        (DASHSCOPE, "https://h/api/v1/tasks", "write https://h/api/v1"),
        (DASHSCOPE, "https://h/api", "must end in /api/v1; did you mean https://h/api/v1?"),
        (DASHSCOPE, "https://h/v1", "must end in /api/v1; did you mean https://h/api/v1?"),
        (DASHSCOPE, "https://h/bailian/api", "did you mean https://h/bailian/api/v1?"),
        (DASHSCOPE, "https://h/bailian", "did you mean https://h/bailian/api/v1?"),
        (MODELVERSE, "https://h/v1/tasks/submit", "a route, /tasks: write https://h/v1"),
        (MODELVERSE, "https://h/v1/videos", "a route, /videos: write https://h/v1"),
        (OPENAI_VIDEOS, "http://h/v1/videos", "a route, /videos: write http://h/v1"),
        (OPENAI_VIDEOS, "http://h/v1/videos/", "a route, /videos: write http://h/v1"),
        (OPENAI_VIDEOS, "http://h/videos", "a route, /videos: write http://h/v1"),
        (OPENAI_VIDEOS, "http://h/v1/chat/completions", "write http://h/v1"),
    ],
)
def test_another_apis_address_or_a_route_is_refused_with_the_right_one(
    kind: BaseUrl, given: str, said: str
) -> None:
    refusal = refused(kind, given)

    assert refusal.startswith("engines.ours.base_url: ")
    assert said in refusal


@pytest.mark.parametrize("kind", [DASHSCOPE, MODELVERSE, OPENAI_VIDEOS])
@pytest.mark.parametrize(
    "given", ["h/api/v1", "ftp://h/v1", "https://", "http://u:p@h", "http://h?a=1", "http://h#a"]
)
def test_what_is_no_address_is_refused(kind: BaseUrl, given: str) -> None:
    assert refused(kind, given).startswith("engines.ours.base_url: must be")


@pytest.mark.parametrize("given", [" http://h", "http://h\n", "http://h\t/v1"])
def test_an_address_with_blanks_is_refused(given: str) -> None:
    assert "without spaces" in refused(OPENAI_VIDEOS, given)


@pytest.mark.parametrize(
    ("kind", "host"),
    [
        (DASHSCOPE, "dashscope.aliyuncs.com"),
        (DASHSCOPE, "cn-hongkong.dashscope.aliyuncs.com"),
        (MODELVERSE, "api.modelverse.cn"),
        (MODELVERSE, "api.umodelverse.ai"),
    ],
)
def test_a_provider_is_asked_by_https_and_with_a_key(kind: BaseUrl, host: str) -> None:
    assert f"must begin with https://: the key would go to {host}" in refused(
        kind, f"http://{host}"
    )
    assert refused(kind, f"https://{host}", has_key=False).startswith(
        f"engines.ours.api_key: is needed by {host}"
    )
    assert checked(kind, f"https://{host}").startswith(f"https://{host}/")


def test_an_emulator_or_a_server_of_ones_own_needs_neither() -> None:
    for kind in (DASHSCOPE, MODELVERSE, OPENAI_VIDEOS):
        assert checked(kind, "http://127.0.0.1:8090", has_key=False)
