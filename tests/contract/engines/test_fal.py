"""What is fal's alone: paths below owner and app, consent that is no promise, failures' status."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from support.emulator_process import Emulator
from support.engine_benches import ROWS, Bench, engine, only
from support.kind_rows import PICTURE
from support.requests import WAN27
from support.upstream_requests import LAST, request
from unstill.emulators.fal_models import ENDPOINTS
from unstill.engines.fal.models import MODELS
from unstill.net.fetcher import Fetcher
from unstill.upstreams.port import Accepted, Cancelled, Done, Failed, Running, TooLate, Waiting

WAN = "/fal-ai/wan/v2.7/image-to-video"
SEEDANCE = "/bytedance/seedance-2.0/image-to-video"
H3 = "/minimax/h3/image-to-video"
KLING = "/fal-ai/kling-video/v3/pro/image-to-video"


@only("fal")
async def test_the_input_goes_to_the_whole_path_and_the_rest_below_owner_and_app(
    bench: Bench,
) -> None:
    ticket = await bench.ticket()
    await bench.done(ticket)

    assert bench.requests("submit")[-1]["path"] == WAN
    assert [each["path"] for each in bench.requests("poll")[-2:]] == [
        f"/fal-ai/wan/requests/{ticket.id}/status",
        f"/fal-ai/wan/requests/{ticket.id}",
    ]


@only("fal")
async def test_what_a_result_is_charged_with_is_told(bench: Bench) -> None:
    assert (await bench.done(await bench.ticket())).usage == {"billable_units": 2.0}


@only("fal")
async def test_what_is_completed_with_an_error_has_failed_and_is_told_by_its_kind(
    bench: Bench,
) -> None:
    bench.emulator.next("submit", "fail")
    ticket = await bench.ticket()
    bench.emulator.finish()

    assert await bench.look(ticket) == [
        Failed("internal_error", "The video could not be generated.")
    ]


@only("fal")
async def test_a_cancel_is_believed_when_the_request_has_ended(bench: Bench) -> None:
    ticket = await bench.ticket()

    assert await bench.remote.cancel(ticket) == Cancelled()
    (verdict,) = await bench.look(ticket)
    assert isinstance(verdict, Failed)
    assert verdict.code == "client_cancelled"


@only("fal")
async def test_what_is_over_cannot_be_cancelled(bench: Bench) -> None:
    ticket = await bench.ticket()
    done = await bench.done(ticket)

    assert await bench.remote.cancel(ticket) == TooLate()
    assert done.url


async def test_a_request_that_has_begun_consents_and_is_finished(
    fetcher: Fetcher, photo: Path, tmp_path: Path
) -> None:
    with Emulator("fal", job_s=5) as emulator:  # a fifth of it waits
        remote = engine("fal", emulator.url, fetcher)
        bench = Bench("fal", emulator, remote, photo, ROWS["fal"].asked)
        ticket = await bench.ticket()
        await asyncio.sleep(1.1)

        assert await bench.look(ticket) == [Running()]
        assert await remote.cancel(ticket) == TooLate()
        done = await bench.done(ticket)
        await remote.fetch(ticket, done, tmp_path / "video")
        await remote.close()
    assert (tmp_path / "video").read_bytes()[4:8] == b"ftyp"


@only("fal")
async def test_a_result_that_is_not_there_yet_is_no_end(bench: Bench) -> None:
    ticket = await bench.ticket()
    (early,) = await bench.look(ticket)
    bench.emulator.finish()
    bench.emulator.next("poll", "ok", "500")  # the state is told, the result is not
    (unclear,) = await bench.look(ticket)
    (then,) = await bench.look(ticket)

    assert isinstance(early, Waiting | Running)
    assert not isinstance(unclear, Done | Failed)
    assert isinstance(then, Done)


@pytest.mark.parametrize("name", MODELS)
async def test_each_endpoint_takes_a_full_request(
    name: str, emulator_of: Callable[[str], Emulator], fetcher: Fetcher, photo: Path
) -> None:
    model, upstream = MODELS[name], emulator_of("fal")
    asked = request(
        WAN27,
        last_frame=LAST if model.last else None,
        tier=model.tiers[-1],
        duration_s=model.durations_s[-1],
        negative_prompt="blur" if model.has_negative_prompt else "",
        generate_audio=False,
    )
    remote = engine("fal", upstream.url, fetcher, models={WAN27: name})
    bench = Bench("fal", upstream, remote, photo, asked)

    assert remote.misfit(asked) is None
    assert remote.upstream_model(asked) == name
    assert isinstance(await bench.submit(), Accepted)
    assert bench.requests("submit")[-1]["path"] == f"/{name}"
    await remote.close()


# --- the stand-in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "changes", "status"),
    [
        (WAN, {}, 200),
        (WAN, {"duration": "5"}, 422),
        (WAN, {"duration": True}, 422),
        (WAN, {"duration": 16}, 422),
        (WAN, {"resolution": "480p"}, 422),
        (WAN, {"seed": -1}, 422),
        (WAN, {"image_url": "a cat"}, 422),
        (WAN, {"prompt": "x" * 5001}, 422),
        (WAN, {"aspect_ratio": "16:9"}, 422),
        (SEEDANCE, {"duration": "5"}, 200),
        (SEEDANCE, {"duration": "auto"}, 200),
        (SEEDANCE, {"duration": 5}, 422),
        (SEEDANCE, {"generate_audio": "yes"}, 422),
        (KLING, {"duration": "5"}, 422),  # its first frame has another name
        (H3, {}, 200),
        (H3, {"prompt": ""}, 422),
        ("/fal-ai/nothing", {}, 404),
    ],
)
def test_the_stand_in_takes_what_the_pages_have_and_nothing_else(
    emulator_of: Callable[[str], Emulator], path: str, changes: dict[str, object], status: int
) -> None:
    emulator = emulator_of("fal")
    body = {"image_url": PICTURE, "prompt": "x", "duration": 5} | changes
    answer = emulator.http.post(path, json=body)

    assert answer.status_code == status, answer.text
    assert ("request_id" in answer.json()) is (status == 200)


def test_the_stand_in_knows_a_request_below_its_owner_and_app_alone(
    emulator_of: Callable[[str], Emulator],
) -> None:
    emulator = emulator_of("fal")
    made = emulator.http.post(WAN, json={"image_url": PICTURE}).json()["request_id"]
    below = {
        f"/fal-ai/wan/requests/{made}/status": 202,
        f"/fal-ai/wan/requests/{made}": 400,  # too early
        f"/fal-ai/kling-video/requests/{made}/status": 404,
        f"{WAN}/requests/{made}/status": 405,
        "/fal-ai/wan/requests/nothing/status": 404,
    }

    assert {path: emulator.http.get(path).status_code for path in below} == below


def test_every_row_of_the_engine_is_at_the_stand_in() -> None:
    assert MODELS.keys() == ENDPOINTS.keys()
