"""Comfy Router: what a lost reply comes to, and what its strict stand-in takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from support.emulator_process import Emulator
from support.engine_benches import ROWS, Bench, engine, only
from support.kind_rows import PICTURE
from support.kinds.ark import seedance
from support.kinds.comfy import COMFY_REQUESTS
from support.kinds.dashscope import wan27
from support.requests import URL, WAN27
from support.upstream_requests import LAST, request
from unstill.emulators.comfy import ADMITTED_AFTER_MS
from unstill.emulators.comfy_models import MODELS as AT_THE_STAND_IN
from unstill.engines.comfy.engine import KEY_KEPT_S, ComfyEngine
from unstill.engines.comfy.models import MODELS
from unstill.net.fetcher import Fetcher
from unstill.upstreams.port import (
    Accepted,
    Cancelled,
    Done,
    Doubt,
    Failed,
    Gone,
    Prepared,
    Rejected,
    Running,
    SettlingRemote,
    Submission,
    Ticket,
    TooLate,
)

DREAMINA = "dreamina-seedance-2-0-260128"
SEEDANCE = f"/v2/models/byteplus/{DREAMINA}/requests"
OMNI = "/v2/models/kling/kling-v3-omni/requests"
H3 = "/v2/models/minimax/minimax-h3/requests"
INVALID = "invalid_input"


def remote_of(bench: Bench) -> ComfyEngine:
    assert isinstance(bench.remote, ComfyEngine)
    assert isinstance(bench.remote, SettlingRemote)
    return bench.remote


async def lost(bench: Bench, fault: str) -> tuple[Prepared, Submission]:
    prepared = await bench.prepared()
    bench.emulator.next("submit", fault)
    return prepared, await bench.remote.submit(prepared)


async def settled(bench: Bench, prepared: Prepared) -> Submission:
    """By as many questions as it takes."""
    while True:
        answer = await remote_of(bench).settle(prepared, age_s=1.0)
        if not isinstance(answer, Doubt):
            return answer
        await asyncio.sleep(0.1)


@only("comfy")
@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "500", "500_after", "503", "html"])
async def test_a_lost_reply_is_settled_by_the_same_call_and_taken_once(
    bench: Bench, fault: str
) -> None:
    before = bench.emulator.charges()["accepted"]
    prepared, submission = await lost(bench, fault)
    first = await settled(bench, prepared)
    again = await settled(bench, prepared)

    assert isinstance(submission, Doubt)
    assert isinstance(first, Accepted)
    assert again == first
    assert bench.emulator.charges()["accepted"] == before + 1
    keys = {each["headers"]["idempotency-key"] for each in bench.requests("submit")[-3:]}
    assert keys == {prepared.key}


@only("comfy")
async def test_while_the_first_call_is_being_admitted_nothing_is_known(bench: Bench) -> None:
    prepared, _ = await lost(bench, "drop_after")
    early = await remote_of(bench).settle(prepared, age_s=0.0)
    await asyncio.sleep(ADMITTED_AFTER_MS / 1000)
    late = await remote_of(bench).settle(prepared, age_s=1.0)

    assert isinstance(early, Doubt)
    assert early.code == "concurrency_limit_exceeded"
    assert isinstance(late, Accepted)


@only("comfy")
async def test_a_key_of_another_call_says_nothing_of_this_one(bench: Bench) -> None:
    prepared = await bench.prepared()
    other = msgspec.structs.replace(prepared, body=prepared.body.replace(b"walk", b"run"))
    taken = await bench.remote.submit(prepared)
    answer = await remote_of(bench).settle(other, age_s=1.0)

    assert isinstance(taken, Accepted)
    assert isinstance(answer, Doubt)
    assert answer.code == "invalid_input"


@only("comfy")
@pytest.mark.parametrize("fault", ["429", "401", "404", "500"])
async def test_a_repeated_call_that_is_refused_says_nothing(bench: Bench, fault: str) -> None:
    prepared, _ = await lost(bench, "500_after")
    bench.emulator.next("submit", fault)

    assert isinstance(await remote_of(bench).settle(prepared, age_s=1.0), Doubt)
    assert isinstance(await settled(bench, prepared), Accepted)


@only("comfy")
async def test_what_is_invalid_was_so_the_first_time(bench: Bench) -> None:
    prepared = await bench.prepared()
    wrong = msgspec.structs.replace(prepared, body=b'{"input": {}}')
    bench.emulator.next("submit", "503")

    assert isinstance(await bench.remote.submit(wrong), Doubt)
    assert isinstance(await remote_of(bench).settle(wrong, age_s=1.0), Rejected)


@only("comfy")
@pytest.mark.parametrize(("age_s", "is_asked"), [(KEY_KEPT_S, True), (KEY_KEPT_S + 1, False)])
async def test_a_call_whose_key_is_forgotten_is_not_sent_again(
    bench: Bench,
    age_s: float,
    is_asked: bool,  # noqa: FBT001
) -> None:
    prepared, _ = await lost(bench, "drop_before")
    before = bench.emulator.charges()["submits"]
    answer = await remote_of(bench).settle(prepared, age_s=age_s)

    assert isinstance(answer, Accepted) is is_asked
    assert bench.emulator.charges()["submits"] == before + is_asked


@only("comfy")
async def test_the_same_frames_and_key_make_the_same_call(bench: Bench) -> None:
    first, again = await bench.prepared(), await bench.prepared()

    assert first.headers["Idempotency-Key"] == first.key != again.key
    assert (first.path, first.body) == (again.path, again.body)
    assert first.path == COMFY_REQUESTS


@only("comfy")
async def test_what_has_failed_is_told_in_the_words_of_its_result(bench: Bench) -> None:
    bench.emulator.next("submit", "fail")
    ticket = await bench.ticket()
    bench.emulator.finish()

    assert await bench.look(ticket) == [
        Failed("provider_error", "The video could not be generated.")
    ]


@only("comfy")
async def test_a_cancel_is_believed_when_the_request_has_ended(bench: Bench) -> None:
    ticket = await bench.ticket()
    done = await bench.ticket()
    assert await bench.remote.cancel(ticket) == Cancelled()
    await bench.done(done)

    assert await bench.look(ticket) == [Failed("cancelled", "The request was cancelled.")]
    assert await bench.remote.cancel(done) == TooLate()


async def test_a_request_that_has_begun_consents_and_is_finished(
    fetcher: Fetcher, photo: Path
) -> None:
    with Emulator("comfy", job_s=5) as emulator:  # a fifth of it waits
        remote = engine("comfy", emulator.url, fetcher)
        bench = Bench("comfy", emulator, remote, photo, ROWS["comfy"].asked)
        ticket = await bench.ticket()
        await asyncio.sleep(1.1)

        assert await bench.look(ticket) == [Running()]
        assert await remote.cancel(ticket) == TooLate()
        await bench.done(ticket)
        await remote.close()


async def test_a_key_is_kept_through_a_restart_and_free_when_its_request_is_forgotten(
    fetcher: Fetcher, photo: Path, tmp_path: Path
) -> None:
    state, answers = str(tmp_path / "jobs"), []
    prepared, verdicts = None, []
    for kept_s in (600.0, 600.0, 0.0):  # a day
        with Emulator("comfy", job_s=0.01, kept_s=kept_s, state=state) as emulator:
            remote = engine("comfy", emulator.url, fetcher)
            bench = Bench("comfy", emulator, remote, photo, ROWS["comfy"].asked)
            prepared = prepared or await bench.prepared()
            answers.append(await remote.submit(prepared))
            assert isinstance(answers[0], Accepted)
            ticket = Ticket("job-1", answers[0].ticket, prepared.upstream_model, 0)
            verdicts += await bench.look(ticket)
            await remote.close()

    assert answers[0] == answers[1] != answers[2]
    assert [type(each) for each in verdicts[1:]] == [Done, Gone]


@pytest.mark.parametrize("name", MODELS)
async def test_each_model_takes_a_full_request(
    name: str, emulator_of: Callable[[str], Emulator], fetcher: Fetcher, photo: Path
) -> None:
    model, upstream = MODELS[name], emulator_of("comfy")
    remote = engine("comfy", upstream.url, fetcher, models={WAN27: name})
    full = {"last_frame": LAST, "negative_prompt": "blur", "watermark": True}
    asked = request(
        WAN27,
        tier=model.tiers[-1],
        duration_s=model.durations_s[-1],
        generate_audio=False,
        **{each: value for each, value in full.items() if _fits(remote, model, {each: value})},
    )
    bench = Bench("comfy", upstream, remote, photo, asked)

    assert remote.misfit(asked) is None
    assert isinstance(await bench.submit(), Accepted)
    assert bench.requests("submit")[-1]["path"] == f"/v2/models/{name}/requests"
    await remote.close()


def _fits(remote: Any, model: Any, changes: Mapping[str, Any]) -> bool:
    plain = request(WAN27, tier=model.tiers[-1], duration_s=model.durations_s[-1], **changes)
    return remote.misfit(plain) is None


# --- the stand-in --------------------------------------------------------------------------------


def omni(**changes: object) -> dict[str, object]:
    first = {"image_url": URL, "type": "first_frame"}
    return {"prompt": "x", "image_list": [first], "mode": "std", "duration": "5"} | changes


def h3(**changes: object) -> dict[str, object]:
    frame = {"type": "image_url", "image_url": {"url": PICTURE}, "role": "first_frame"}
    content = [{"type": "text", "text": "x"}, frame]
    return {"content": content, "resolution": "768P", "duration": 5} | changes


def posted(emulator: Emulator, path: str, body: object, key: str | None = None) -> httpx2.Response:
    headers = {} if key is None else {"idempotency-key": key}
    return emulator.http.post(path, json=body, headers=headers)


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        (COMFY_REQUESTS, wan27(), 201, None),
        (COMFY_REQUESTS, wan27(model="wan2.6-i2v"), 422, "invalid_input"),
        (COMFY_REQUESTS, wan27(extra=1), 422, "invalid_input"),
        (COMFY_REQUESTS, wan27(parameters={"resolution": "480P"}), 422, "invalid_input"),
        (COMFY_REQUESTS, wan27(parameters={"duration": "5"}), 422, "invalid_input"),
        (COMFY_REQUESTS, wan27(parameters={"nothing": 5}), 422, "invalid_input"),
        (COMFY_REQUESTS, wan27(input={"prompt": "a cat"}), 422, "invalid_input"),
        (COMFY_REQUESTS, [], 422, "invalid_input"),
        (
            COMFY_REQUESTS,
            wan27(input={"media": [{"type": "first_frame", "url": "oss://a"}]}),
            422,
            "invalid_input",
        ),
        (SEEDANCE, seedance(model=DREAMINA), 201, None),
        (SEEDANCE, seedance(), 422, "invalid_input"),  # the other name of it
        (
            SEEDANCE,
            seedance(model=DREAMINA, seed=1),
            422,
            "invalid_input",
        ),
        (OMNI, omni(), 201, None),
        (OMNI, omni(model_name="kling-v3-omni"), 201, None),
        (OMNI, omni(model_name="kling-v3"), 422, "invalid_input"),
        (OMNI, omni(duration=5), 422, "invalid_input"),
        (OMNI, omni(mode="4k"), 422, "invalid_input"),
        (OMNI, omni(prompt=""), 422, "invalid_input"),
        (OMNI, omni(seed=1), 422, "invalid_input"),
        (OMNI, omni(duration=["5"]), 422, "invalid_input"),
        (OMNI, omni(sound={}), 422, "invalid_input"),
        (OMNI, omni(multi_shot=True), 422, "invalid_input"),
        (OMNI, omni(aspect_ratio="4:3"), 422, "invalid_input"),
        (OMNI, omni(watermark_info={"enabled": True}), 422, "invalid_input"),
        (OMNI, omni(watermark_info={"enabled": False}, aspect_ratio="16:9"), 201, None),
        (OMNI, omni(callback_url=3), 422, "invalid_input"),
        (OMNI, omni(image_list=[]), 422, "invalid_input"),
        (OMNI, omni(image_list=[{"image_url": PICTURE, "type": "first_frame"}]), 201, None),
        (OMNI, omni(image_list=[{"image_url": "data:x,", "type": "first_frame"}]), 422, INVALID),
        (OMNI, omni(image_list=[{"image_url": URL, "type": "end_frame"}]), 422, "invalid_input"),
        (H3, h3(), 201, None),
        (H3, h3(model="MiniMax-H3"), 201, None),
        (H3, h3(model="minimax-h3"), 422, "invalid_input"),
        (H3, h3(duration=4), 422, "invalid_input"),
        (H3, h3(resolution="720P"), 422, "invalid_input"),
        (H3, h3(ratio="16:9"), 422, "invalid_input"),
        (H3, h3(callback_url=5), 422, "invalid_input"),
        ("/v2/models/kling/kling-v3/requests", omni(), 404, "model_not_found"),
        ("/v2/models/wan/wan2.2-i2v-flash/requests", wan27(), 404, "model_not_found"),
        ("/v2/models/byteplus/doubao-seedance-2-0-260128/requests", {}, 404, "model_not_found"),
    ],
)
def test_the_stand_in_takes_what_the_vendors_pages_have_and_nothing_else(
    emulator_of: Callable[[str], Emulator],
    path: str,
    body: object,
    status: int,
    kind: str | None,
) -> None:
    answer = posted(emulator_of("comfy"), path, body)

    assert answer.status_code == status, answer.text
    assert answer.headers.get("x-comfy-error-type") == kind
    assert ("request_id" in answer.json()) is (kind is None)


def test_the_stand_in_replays_a_key_and_refuses_it_for_another_call(
    emulator_of: Callable[[str], Emulator],
) -> None:
    emulator = emulator_of("comfy")
    first = posted(emulator, COMFY_REQUESTS, wan27(), "key-1")
    again = posted(emulator, COMFY_REQUESTS, wan27(), "key-1")
    other = posted(emulator, COMFY_REQUESTS, wan27(parameters={"duration": 7}), "key-1")
    elsewhere = posted(
        emulator, "/v2/models/wan/wan2.6-i2v/requests", {"input": {"img_url": PICTURE}}, "key-1"
    )

    assert first.headers["x-comfy-request-id"] == first.json()["request_id"]
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert [each.status_code for each in (other, elsewhere)] == [409, 409]
    assert other.headers["x-comfy-error-type"] == "invalid_input"


def test_at_the_stand_in_a_refusal_frees_its_key(emulator_of: Callable[[str], Emulator]) -> None:
    emulator = emulator_of("comfy")
    refused = posted(emulator, COMFY_REQUESTS, wan27(parameters={"duration": 99}), "key-2")
    taken = posted(emulator, COMFY_REQUESTS, wan27(), "key-2")

    assert (refused.status_code, taken.status_code) == (422, 201)
    assert "idempotent-replayed" not in taken.headers


@pytest.mark.parametrize(("length", "status"), [(0, 400), (1, 201), (255, 201), (256, 400)])
def test_the_stand_ins_keys_have_a_length(
    emulator_of: Callable[[str], Emulator], length: int, status: int
) -> None:
    assert posted(emulator_of("comfy"), COMFY_REQUESTS, wan27(), "k" * length).status_code == status


def test_the_stand_in_answers_an_early_result_by_its_state(
    emulator_of: Callable[[str], Emulator],
) -> None:
    emulator = emulator_of("comfy")
    made = posted(emulator, COMFY_REQUESTS, wan27()).json()["request_id"]
    early = emulator.http.get(f"{COMFY_REQUESTS}/{made}")

    assert (early.status_code, early.json()["status"]) == (202, "IN_QUEUE")
    assert emulator.http.get(f"{SEEDANCE}/{made}").status_code == 404


def test_every_row_of_the_engine_is_at_the_stand_in() -> None:
    assert set(MODELS) == set(AT_THE_STAND_IN)
