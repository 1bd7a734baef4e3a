"""A server whose calls go out through a proxy: upstreams, receivers of events, and pictures.

The names are known to the proxy alone, so whatever arrives has come through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from support.emulator_process import Emulator
from support.forward_proxy import PASSWORD, ForwardProxy, forward_proxy
from support.servers import LOOPBACK_ALLOWED, PictureHost, Serving
from support.settings_files import engine, engine_at, model
from support.webhook_listing import SIGNING, listed_as
from support.webhook_receiver import Receiver, receiving

KEY = {"UNSTILL_API_KEYS": "team-a:sk-a-key-of-a-team"}


class House(NamedTuple):
    """A server behind a proxy, and all that it asks."""

    server: Serving
    proxy: ForwardProxy
    receiver: Receiver
    elsewhere: Emulator  # as `upstream.test`
    here: Emulator  # by its address on this machine


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, pictures: PictureHost) -> Iterator[House]:
    with ExitStack() as stack:
        elsewhere = stack.enter_context(Emulator("dashscope", job_s=0.2))
        here = stack.enter_context(Emulator("openai", job_s=0.2))
        receiver = stack.enter_context(receiving())
        proxy = stack.enter_context(
            forward_proxy(
                upstream=urlsplit(elsewhere.url).port or 0,
                receiver=receiver.port,
                pictures=int(pictures.server_address[1]),
            )
        )
        config = (
            engine_at("far", "dashscope", "http://upstream.test")
            + engine("near", here)
            + model("wan2.7-i2v", "far")
            + model("sora-2", "near")
            + '[webhooks]\nteam-a = "http://receiver.test/own"\n'
        )
        environment = KEY | SIGNING | {"UNSTILL_PROXY": proxy.url, "UNSTILL_LOG_FORMAT": "json"}
        folder = tmp_path_factory.mktemp("behind")
        server = stack.enter_context(Serving(folder, environment=environment, config=config))
        server.http.headers["authorization"] = "Bearer sk-a-key-of-a-team"
        yield House(server, proxy, receiver, elsewhere, here)


def task(picture: str, model: str = "wan2.7-i2v", **fields: Any) -> dict[str, Any]:
    given = {"img_url": picture, "prompt": "push in"}
    return {"model": model, "input": given, "parameters": {"duration": 5}, **fields}


def failure(server: Serving, body: dict[str, Any]) -> str:
    """Why a task fails, at once or later."""
    answer = server.http.post("/v1/tasks/submit", json=body)
    if answer.status_code != 200:
        return answer.text
    return str(server.wait(answer.json()["output"]["task_id"])["output"]["error_message"])


def test_pictures_upstreams_and_receivers_are_all_asked_through_the_proxy(house: House) -> None:
    event = "http://receiver.test/hook"
    job_id = house.server.submit(task("http://pictures.test/coffee.jpg", webhook_url=event))
    status = house.server.wait(job_id)["output"]
    (got,) = house.receiver.wait(1)

    assert status["task_status"] == "Success", status
    assert got.path == "/hook"
    assert house.proxy.count("GET pictures.test") == 1
    assert house.proxy.count("POST upstream.test") == house.elsewhere.charges()["submits"] == 1
    assert house.proxy.count("GET upstream.test") >= 2  # a poll, and the finished video
    assert house.proxy.count("POST receiver.test") == 1
    assert set(house.proxy.authorizations) == {house.proxy.authorization}


def test_an_upstream_on_this_machine_is_asked_from_here_and_its_event_goes_out(
    house: House,
) -> None:
    before, told = len(house.proxy.asked), len(house.receiver.got)
    job_id = house.server.submit(
        task("http://pictures.test/coffee.jpg", "sora-2", parameters={"duration": 4})
    )
    status = house.server.wait(job_id)["output"]
    got = house.receiver.wait(told + 1)[-1]

    assert status["task_status"] == "Success", status
    assert house.here.charges()["submits"] == 1
    assert house.proxy.asked[before:] == ["GET pictures.test", "POST receiver.test"]
    assert got.path == "/own"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "10.0.0.7", "[::1]", "localhost", "intranet", "a.corp"]
)
def test_what_is_inside_by_its_name_or_figures_is_refused_before_the_proxy_hears_of_it(
    host: str, house: House
) -> None:
    before = house.proxy.count(f"GET {host.strip('[]')}")
    why = failure(house.server, task(f"http://{host}/coffee.jpg"))

    assert "the public internet" in why
    assert house.proxy.count(f"GET {host.strip('[]')}") == before == 0


def test_a_receiver_inside_is_refused_by_its_name_or_figures(house: House) -> None:
    body = task("http://pictures.test/coffee.jpg", webhook_url="http://10.0.0.7/hook")
    answer = house.server.http.post("/v1/tasks/submit", json=body)
    named = task("http://intranet/coffee.jpg", webhook_url="http://hooks.corp/hook")
    job_id = house.server.submit(named)
    listed = listed_as("failed", house.server, job_id)

    assert answer.status_code == 400
    assert "an address on the public internet" in answer.text
    assert "could not be found on the public internet" in listed
    assert house.proxy.count("POST hooks.corp") == house.proxy.count("POST 10.0.0.7") == 0


def test_a_proxy_that_wants_another_password_is_named_and_nothing_is_paid(house: House) -> None:
    paid = house.elsewhere.charges()["submits"]
    house.proxy.answer = b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"
    try:
        why = failure(house.server, task("http://pictures.test/coffee.jpg"))
    finally:
        house.proxy.answer = None

    assert "was refused by the proxy: 407 Who are you" in why
    assert house.elsewhere.charges()["submits"] == paid


def test_neither_the_log_nor_an_answer_has_the_proxys_password(house: House) -> None:
    house.proxy.answer = b"HTTP/1.1 403 Not allowed\r\nContent-Length: 0\r\n\r\n"
    try:
        why = failure(house.server, task("https://pictures.test/coffee.jpg"))
    finally:
        house.proxy.answer = None
    secret = house.proxy.authorization.removeprefix("Basic ")

    assert "was refused by the proxy: 403 Not allowed" in why
    assert house.proxy.count("CONNECT pictures.test") == 1
    for text in (why, house.server.log):
        assert PASSWORD not in text
        assert secret not in text


def test_without_the_setting_a_proxy_of_the_environment_is_not_asked(
    tmp_path: Path, pictures: PictureHost
) -> None:
    with forward_proxy(pictures=int(pictures.server_address[1])) as proxy:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy")
        environment = LOOPBACK_ALLOWED | dict.fromkeys(names, proxy.url)
        with Serving(tmp_path, environment=environment) as server:
            here = failure(server, task(f"{pictures.url}/none.jpg"))
            elsewhere = failure(server, task("http://pictures.test/coffee.jpg"))

    assert "answered 404" in here
    assert "could not be found" in elsewhere
    assert proxy.asked == []
