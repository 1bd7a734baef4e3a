"""Bad input through both dialects: a clear refusal, and a server as well as before."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from support.hostile import (
    APIS,
    LEAK,
    MODEL,
    SMALL,
    TASKS,
    Api,
    both,
    failure,
    job_id,
    png,
    refusal,
    send,
)
from support.servers import PHOTOS, PictureHost, Serving

PHOTO = PHOTOS / "chelsea.jpg"
SOMEWHERE = "https://example.com/photo.jpg"  # never asked for: what is wrong is found before


# --- fields ---------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("duration", 0),
        ("duration", 6),
        ("duration", "five"),
        ("duration", 5.5),
        ("duration", True),
        ("duration", 10**4000),
        ("seed", -2),
        ("seed", 2**64),
        ("resolution", "999P"),
        ("size", "99999x99999"),
        ("prompt", ["a", "list"]),
        ("prompt", "a" * 32_001),
        ("frame", 5),
        ("frame", {"url": {"url": {}}}),
        ("frame", [[[["deep"]]]]),
    ],
)
def test_a_wrong_value_is_refused_by_the_callers_name_of_the_field(
    server: Serving, api: Api, field: str, value: object
) -> None:
    fields = {"frame": SOMEWHERE, "prompt": "push in", field: value}

    message = refusal(api, send(server, api, api.body(**fields)))

    assert message.startswith(api.names[field])


@both
def test_a_request_without_a_first_frame_is_refused(server: Serving, api: Api) -> None:
    message = refusal(api, send(server, api, api.body(prompt="push in")))

    assert message.startswith(f"{api.names['frame']} is required")


@both
def test_two_different_first_frames_are_refused(server: Serving, api: Api) -> None:
    body = api.body(frame=SOMEWHERE, other_frame=SOMEWHERE + "2", prompt="push in")

    assert "the same picture as" in refusal(api, send(server, api, body))


@both
@pytest.mark.parametrize("model", ["no-such-model", 5, 1.5, True, ["sora-2"], {}, "\0", "a" * 9000])
def test_what_is_no_model_is_refused(server: Serving, api: Api, model: object) -> None:
    assert refusal(
        api, send(server, api, api.body(model, frame=SOMEWHERE, prompt="push in"))
    ).startswith("model must be")


@both
def test_a_picture_field_of_an_unknown_name_is_refused_in_few_words(
    server: Serving, api: Api
) -> None:
    name = "image_" + "a" * 100_000
    body: dict[str, Any] = api.body(frame=SOMEWHERE, prompt="push in")
    (body["input"] if api is TASKS else body)[name] = SOMEWHERE

    assert "known picture fields" in refusal(api, send(server, api, body))


@both
def test_text_of_any_characters_is_a_prompt(
    server: Serving, api: Api, pictures: PictureHost
) -> None:
    prompt = "推近 \0 \U0001f408 \x1b[31m \u202e {{7*7}} ' --"
    frame = f"{pictures.url}/no-such-photo"
    job = job_id(api, send(server, api, api.body(frame=frame, prompt=prompt)))

    assert "answered 404" in failure(api, server, job)
    assert server.http.get(f"/v1/videos/{job}").json()["prompt"] == prompt


# --- bodies ---------------------------------------------------------------------------------------

WRONG_BODIES = {
    "broken JSON": b'{"model": oops}',
    "JSON that is cut short": json.dumps(TASKS.body(frame=SOMEWHERE)).encode()[:-3],
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"model"',
    "no number": b'{"model": NaN}',
    "a huge number": b'{"model": "sora-2", "seconds": ' + b"9" * 5000 + b"}",
    "half a surrogate pair": b'{"model": "\\ud800"}',
    "no UTF-8": b'{"model": "\xed\xa0\x80"}',
    "many levels": b"[" * 100_000,
    "many levels of objects": b'{"input":' * 100_000,
    "a list for input": b'{"model": "sora-2", "input": [1], "input_reference": [1]}',
}


@both
@pytest.mark.parametrize("body", WRONG_BODIES.values(), ids=WRONG_BODIES.keys())
def test_a_body_that_is_no_request_is_refused(server: Serving, api: Api, body: bytes) -> None:
    headers = {"content-type": "application/json"}

    refusal(api, server.http.post(api.path, content=body, headers=headers))


@both
@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "image/png", "é", "a" * 5000])
def test_a_body_of_another_content_type_is_refused(server: Serving, api: Api, kind: str) -> None:
    headers = {b"content-type": kind.encode()}

    refusal(api, server.http.post(api.path, content=b"{}", headers=headers), 415)


@both
def test_a_body_of_seventy_megabytes_is_refused(server: Serving, api: Api) -> None:
    headers = {"content-type": "application/json"}
    data = b"a" * 1_000_000

    refusal(api, server.http.post(api.path, content=data * 70, headers=headers), 413)
    chunks = (data for _ in range(70))
    refusal(api, server.http.post(api.path, content=chunks, headers=headers), 413)


@both
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"model": "sora-2", "x": [' + b"{}," * 3_000_000 + b"{}]}"),
        ("application/x-www-form-urlencoded", b"a" + b"%41" * 3_000_000 + b"=1"),
    ],
    ids=["values", "escapes"],
)
@pytest.mark.slow
def test_a_body_of_millions_of_little_things_is_refused_unread(
    server: Serving, api: Api, kind: str, body: bytes
) -> None:
    before_mib = resident_mib(server, peak=True)

    message = refusal(api, server.http.post(api.path, content=body, headers={"content-type": kind}))

    assert "too many" in message
    assert resident_mib(server, peak=True) - before_mib < 80


@both
def test_base64_in_millions_of_words_costs_little_more_than_its_size(
    server: Serving, api: Api
) -> None:
    before_mib = resident_mib(server, peak=True)

    message = refusal(api, send(server, api, api.body(frame="aa " * 5_000_000, prompt="push in")))

    assert "not an image" in message
    assert resident_mib(server, peak=True) - before_mib < 120


@both
@pytest.mark.parametrize(
    "form",
    [
        b"--x",
        b"--x\r\n\r\n",
        b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nsora-2',
        b'--x\r\nContent-Disposition: form-data; name="\xff\xfe"\r\n\r\na\r\n--x--\r\n',
        b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="a[[[]"\r\n\r\na\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\na\r\n' * 300 + b"--x--\r\n",
    ],
)
def test_a_form_that_is_broken_is_refused(server: Serving, api: Api, form: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}

    refusal(api, server.http.post(api.path, content=form, headers=headers))


# --- everything at once ---------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
known_names = st.sampled_from(
    [name.rpartition(".")[2] for api in APIS for name in api.names.values()]
    + ["images", "media", "image", "url", "content", "type", "role", "last_frame_url", "file_id"]
)
section = st.dictionaries(known_names | st.text(max_size=8), anything, max_size=6)
requests = st.fixed_dictionaries(
    {"model": st.sampled_from([MODEL, "sora-2", "wan2.7-i2v", "happyhorse-1.0-i2v"])},
    optional={"input": section | anything, "parameters": section | anything},
)
merged = st.builds(lambda request, fields: fields | request, requests, section)


@hypothesis.given(body=anything | merged)
@hypothesis.settings(max_examples=200, deadline=None, database=None)
@pytest.mark.slow
def test_no_json_is_answered_with_an_error_of_ours(server: Serving, body: object) -> None:
    for api in APIS:
        sent = json.dumps(body).encode()
        answer = server.http.post(
            api.path, content=sent, headers={"content-type": "application/json"}
        )

        assert answer.status_code < 500, answer.text
        assert not LEAK.search(answer.text), answer.text


def resident_mib(server: Serving, *, peak: bool = False) -> float:
    """Memory of the server's own process; with `peak` the most that it ever had."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    name = "VmHWM:" if peak else "VmRSS:"
    return (
        next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024
    )


@pytest.mark.slow
def test_after_a_barrage_the_server_renders_and_has_not_grown(
    tmp_path: Path, pictures: PictureHost
) -> None:
    picture = PHOTO.read_bytes()
    bad = [
        base64.b64encode(picture[:20_000]).decode(),
        base64.b64encode(png(400, 300)[:-60]).decode(),
        f"{pictures.url}/no-such-photo",
        "http://127.0.0.1:1/",
        "x" * 20_000_000,
    ]
    with Serving(tmp_path) as server:
        server.http.get("/v1/models")
        before_mib = resident_mib(server)
        for api in APIS:
            jobs = []
            for frame in bad * 4:
                answer = send(server, api, api.body(frame=frame, prompt="push in"))
                if answer.status_code == 200:
                    jobs.append(job_id(api, answer))
            for body in WRONG_BODIES.values():
                server.http.post(api.path, content=body)
            server.http.post(api.path, content=b"a" * 70_000_000)
            for job in jobs:
                failure(api, server, job)
        good = TASKS.body("sora-2", frame=base64.b64encode(picture).decode(), prompt="push in")
        task_id = server.submit(good | {"parameters": SMALL})

        assert server.wait(task_id)["output"]["task_status"] == "Success"
        assert resident_mib(server) - before_mib < 60
        assert "Traceback" not in server.log
        assert base64.b64encode(picture).decode()[:60] not in server.log
