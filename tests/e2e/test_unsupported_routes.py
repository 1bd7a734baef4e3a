"""What OpenAI's videos API can do and unstill cannot: it says so, and what to do instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from support.servers import Serving

if TYPE_CHECKING:
    import openai
else:
    openai = pytest.importorskip("openai", reason="the openai package is not installed")

# The SDK deprecated every method of `videos` when OpenAI switched its own off.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


FILM = b"\0\0\0\x18ftypisom" + b"\0" * 1000

LACKING: dict[str, tuple[str, Callable[[openai.OpenAI], object]]] = {
    "remix": ("cannot be remixed", lambda client: client.videos.remix("any", prompt="at night")),
    "edit": ("cannot be edited", lambda client: client.videos.edit(prompt="x", video=FILM)),
    "extend": (
        "cannot be extended",
        lambda client: client.videos.extend(prompt="x", seconds="4", video=FILM),
    ),
    "create_character": (
        "there are no characters",
        lambda client: client.videos.create_character(name="Ada", video=FILM),
    ),
    "get_character": (
        "there are no characters",
        lambda client: client.videos.get_character("char_1"),
    ),
}


@pytest.fixture(scope="module")
def client(server: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-any") as client:
        yield client


@pytest.mark.parametrize("verb", LACKING)
def test_the_sdk_is_told_what_is_not_possible_and_what_to_do_instead(
    client: openai.OpenAI, verb: str
) -> None:
    said, call = LACKING[verb]

    with pytest.raises(openai.BadRequestError, match=said) as refused:
        call(client)
    assert (refused.value.code, refused.value.param) == ("unsupported", None)
    assert "input_reference to POST /v1/videos" in refused.value.message
    assert refused.value.request_id
    assert refused.value.response.request.headers["x-stainless-retry-count"] == "0"


@pytest.mark.parametrize("prefix", ["/v1/videos", "/openai/v1/videos"])
@pytest.mark.parametrize("path", ["any/remix", "edits", "extensions", "characters", "edits/"])
def test_a_large_body_is_not_read_before_the_refusal(
    server: Serving, prefix: str, path: str
) -> None:
    caller = HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    caller.putrequest("POST", f"{prefix}/{path}")
    caller.putheader("content-length", "900000000")
    caller.endheaders(b"--begin")
    answer = caller.getresponse()
    body = answer.read()
    caller.close()

    assert answer.status == 400
    assert b'"code":"unsupported"' in body


@pytest.mark.parametrize("name", ["edits", "extensions", "characters"])
def test_the_name_of_a_verb_is_not_taken_for_a_video(server: Serving, name: str) -> None:
    answers = [
        server.http.request(method, f"/v1/videos/{name}") for method in ("GET", "DELETE", "PUT")
    ]

    for answer in answers:
        assert answer.status_code == 405
        assert answer.headers["allow"] == "POST"
        assert answer.json()["error"]["code"] == "method_not_allowed"
