"""What a server writes into its log of those who call it: enough to ask "who sent this?"."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from support.emulator_process import Emulator
from support.servers import Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model

KEYS = {"UNSTILL_API_KEYS": "team-a:sk-s3cret", "UNSTILL_LOG_FORMAT": "json"}
KEY = {"authorization": "Bearer sk-s3cret"}
PROMPT = "a prompt that is nobody's business"


def picture() -> str:
    file = BytesIO()
    Image.new("RGB", (320, 256)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def lines(serving: Serving, event: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in serving.log.splitlines() if line.startswith("{")]
    return [line for line in found if line["event"] == event]


def awaited(serving: Serving, event: str, count: int = 1, **having: object) -> list[dict[str, Any]]:
    """The lines of an event with these values, once there are so many."""
    deadline = time.monotonic() + 30
    while len(found := [e for e in lines(serving, event) if e | having == e]) < count:
        assert time.monotonic() < deadline, serving.log
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator("dashscope", job_s=0.5) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, emulator: Emulator) -> Iterator[Serving]:
    config = ONLY_UPSTREAMS + engine("bailian", emulator) + model("sora-2", "bailian")
    folder = tmp_path_factory.mktemp("log")
    with Serving(folder, environment=KEYS, config=config) as server:
        yield server


def create(serving: Serving, **changes: object) -> Any:
    body = {"model": "sora-2", "prompt": PROMPT, "seconds": "4", "input_reference": picture()}
    return serving.http.post("/v1/videos", json=body | changes, headers=KEY)


def test_a_job_is_known_by_its_owner_its_request_and_the_name_that_was_asked_for(
    serving: Serving,
) -> None:
    answer = create(serving)
    job_id = answer.json()["id"]
    first = awaited(serving, "job", job_id=job_id)[0]

    assert answer.status_code == 200, answer.text
    assert first["owner"] == "team-a"
    assert first["request_id"] == answer.headers["x-request-id"]
    assert (first["asked"], first["model"]) == ("sora-2", "openai/sora-2/image-to-video-pro")
    assert first["state"] == "queued"
    awaited(serving, "job", job_id=job_id, state="succeeded")  # so that no fault meets it


def test_a_call_that_is_sent_again_is_told_with_the_job_that_it_meant(serving: Serving) -> None:
    headers = KEY | {"idempotency-key": "one"}
    body = {"model": "sora-2", "prompt": PROMPT, "seconds": "4", "input_reference": picture()}
    first, second = (serving.http.post("/v1/videos", json=body, headers=headers) for _ in "ab")
    (line,) = awaited(serving, "sent_again")

    assert first.json()["id"] == second.json()["id"] == line["job_id"]
    assert (line["owner"], line["request_id"]) == ("team-a", second.headers["x-request-id"])
    awaited(serving, "job", job_id=line["job_id"], state="succeeded")


@pytest.mark.parametrize("fault", ["404", "drop_after", "fail"])
def test_every_way_to_fail_is_a_failed_job_in_the_log(
    serving: Serving, emulator: Emulator, fault: str
) -> None:
    emulator.next("submit", fault)
    job_id = create(serving).json()["id"]
    (line,) = awaited(serving, "job_failed", job_id=job_id)

    assert line["owner"] == "team-a"
    assert line["code"]
    assert line["why"]


def test_refused_calls_are_lines_without_anything_that_was_in_them(serving: Serving) -> None:
    bad = create(serving, seconds="5")
    unknown = serving.http.get("/v1/videos/none-of-yours", headers=KEY)
    stranger = serving.http.get("/v1/videos", headers={"authorization": "Bearer sk-gu3ss"})
    nowhere = serving.http.get("/files/secret-path/of?signature=s1gned", headers=KEY)
    told = {line["request_id"]: line for line in awaited(serving, "refused", 4)}
    what = [
        tuple(told[answer.headers["x-request-id"]][name] for name in ("status", "code", "param"))
        for answer in (bad, unknown, stranger)
    ]
    by = [told[each.headers["x-request-id"]]["owner"] for each in (bad, unknown, stranger)]

    assert what == [
        (400, "invalid_parameter", "seconds"),
        (404, "task_not_found", None),
        (401, "invalid_api_key", None),
    ]
    assert by == ["team-a", "team-a", None]
    assert told[bad.headers["x-request-id"]]["route"] == "/v1/videos"
    assert told[unknown.headers["x-request-id"]]["route"] == "/v1/videos/{video_id}"
    assert told[nowhere.headers["x-request-id"]]["route"] == ""
    for secret in ("s3cret", "gu3ss", "s1gned", PROMPT, "secret-path"):
        assert secret not in serving.log


def test_a_proxy_in_front_is_told_once_which_setting_it_needs(tmp_path: Path) -> None:
    with Serving(tmp_path, environment={"UNSTILL_LOG_FORMAT": "json"}) as plain:
        assert lines(plain, "behind_a_proxy") == []
        for name in ("x-forwarded-proto", "forwarded", "x-forwarded-for", "x-real-ip"):
            plain.http.get("/health", headers={name: "https"})
        (line,) = awaited(plain, "behind_a_proxy")

        mend = "set server.public_url, or name the proxy in server.trusted_proxies"
        assert line["mend"] == mend
        assert line["level"] == "warning"


def test_with_a_public_url_nothing_is_said_of_a_proxy(tmp_path: Path) -> None:
    variables = {"UNSTILL_PUBLIC_URL": "https://v.example.com", "UNSTILL_LOG_FORMAT": "json"}
    with Serving(tmp_path, environment=variables) as public:
        public.http.get("/health", headers={"x-forwarded-proto": "https"})
        assert lines(public, "behind_a_proxy") == []
