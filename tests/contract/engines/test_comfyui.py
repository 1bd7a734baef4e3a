"""ComfyUI: what a lost reply comes to, uploads, cancels, and what its strict stand-in takes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from support.emulator_process import Emulator
from support.engine_benches import ROWS, Bench, engine, only
from support.kinds.comfyui import comfyui
from unstill.engines.comfyui.answers import SURELY_ARRIVED_S
from unstill.engines.comfyui.engine import ComfyUiEngine
from unstill.net.fetcher import Fetcher
from unstill.upstreams.client import Trouble
from unstill.upstreams.port import (
    Accepted,
    Cancelled,
    Done,
    Doubt,
    Failed,
    PrepareRefused,
    SettlingRemote,
    TooLate,
    Unclear,
    not_taken,
)


def remote_of(bench: Bench) -> ComfyUiEngine:
    assert isinstance(bench.remote, ComfyUiEngine)
    assert isinstance(bench.remote, SettlingRemote)
    return bench.remote


@only("comfyui")
@pytest.mark.parametrize("fault", ["drop_after", "500_after", "html"])
async def test_a_call_whose_reply_was_lost_is_found_and_never_sent_again(
    bench: Bench, fault: str
) -> None:
    remote, prepared = remote_of(bench), await bench.prepared()
    before = bench.emulator.charges()["submits"]
    bench.emulator.next("submit", fault)

    assert isinstance(await remote.submit(prepared), Doubt)
    assert await remote.settle(prepared, age_s=1.0) == Accepted(prepared.key)
    bench.emulator.finish()
    assert await remote.settle(prepared, age_s=1.0) == Accepted(prepared.key)
    assert bench.emulator.charges()["submits"] == before + 1


@only("comfyui")
async def test_a_call_that_never_came_is_surely_not_taken_after_a_minute(bench: Bench) -> None:
    remote, prepared = remote_of(bench), await bench.prepared()
    bench.emulator.next("submit", "drop_before")
    await remote.submit(prepared)

    assert isinstance(await remote.settle(prepared, age_s=SURELY_ARRIVED_S - 1), Doubt)
    assert await remote.settle(prepared, age_s=SURELY_ARRIVED_S) == not_taken(
        "the upstream has no such task"
    )


@only("comfyui")
async def test_frames_are_uploaded_under_names_of_the_key_and_no_other_host(bench: Bench) -> None:
    prepared = await bench.prepared()
    sent = bench.requests("upload")[-1]

    assert sent["path"] == "/upload/image"
    assert sent["body"]["image"]["file_name"] == f"unstill-{prepared.key}-first.jpeg"
    assert (sent["body"]["type"], sent["body"]["overwrite"]) == ("input", "true")


@only("comfyui")
async def test_an_upload_that_is_refused_sends_nothing(bench: Bench) -> None:
    before = bench.emulator.charges()["submits"]
    bench.emulator.next("upload", "401", "500")

    with pytest.raises(PrepareRefused) as caught:
        await bench.prepared()
    assert caught.value.refusal.of_account
    with pytest.raises(Trouble):
        await bench.prepared()
    assert bench.emulator.charges()["submits"] == before


@only("comfyui")
async def test_many_tickets_ask_for_the_queue_once(bench: Bench) -> None:
    tickets = [await bench.ticket() for _ in range(3)]
    before = len(bench.requests("list"))

    assert len(await bench.look(*tickets)) == 3
    assert len(bench.requests("list")) == before + 1


@only("comfyui")
async def test_a_queue_that_cannot_be_read_is_no_verdict(bench: Bench) -> None:
    ticket = await bench.ticket()
    bench.emulator.next("list", "500", "drop_before", "html")

    for _ in range(3):
        (verdict,) = await bench.look(ticket)
        assert isinstance(verdict, Unclear)


@only("comfyui")
@pytest.mark.parametrize("fault", ["500", "drop_before", "html"])
async def test_what_has_ended_comes_home_whatever_becomes_of_the_queue(
    bench: Bench, fault: str
) -> None:
    """Of a long one, which has each task's graph, the answer may be too large to be read."""
    ended = await bench.ticket()
    bench.emulator.finish()
    waiting = await bench.ticket()
    bench.emulator.next("list", fault)

    seen = {ticket: verdict async for ticket, verdict in bench.remote.poll([ended, waiting])}

    assert isinstance(seen[ended], Done)
    assert isinstance(seen[waiting], Unclear)


@only("comfyui")
async def test_what_has_ended_is_too_late_to_cancel(bench: Bench) -> None:
    ticket = await bench.ticket()
    await bench.done(ticket)

    assert await bench.remote.cancel(ticket) == TooLate()


async def test_what_runs_is_interrupted_and_nothing_else(fetcher: Fetcher, photo: Path) -> None:
    with Emulator("comfyui", job_s=10.0) as emulator:  # a fifth of it waiting
        remote = engine("comfyui", emulator.url, fetcher)
        running = Bench("comfyui", emulator, remote, photo, ROWS["comfyui"].asked)
        ticket = await running.ticket()
        while not emulator.http.get("/queue").json()["queue_running"]:  # noqa: ASYNC110  - it tells by polls
            await asyncio.sleep(0.05)
        cancellation = await remote.cancel(ticket)
        (verdict,) = await running.look(ticket)
        told = [each["body"] for each in running.requests("cancel")]
        await remote.close()

    assert cancellation == Cancelled()
    assert verdict == Failed("cancelled", "the task was cancelled at the upstream")
    assert told == [{"prompt_id": ticket.id}]


# --- the emulator --------------------------------------------------------------------------------


def nodes(**changes: Any) -> dict[str, Any]:
    body = comfyui()
    body["prompt"] |= changes
    return body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "no_prompt"),
        (comfyui(prompt_ids=[]), "invalid_prompt"),
        (comfyui(prompt_id="job-1"), "invalid_prompt_id"),
        (comfyui(prompt_id="0B1C7F3E-2F43-4C8E-9D1B-4F7A3C1D2E5F"), "invalid_prompt_id"),
        (comfyui(prompt_id=7), "invalid_prompt_id"),
        (comfyui() | {"prompt": {}}, "prompt_no_outputs"),
        (nodes(**{"3": {"class_type": "PreviewImage", "inputs": {}}}), "prompt_no_outputs"),
        (nodes(**{"4": {"inputs": {}}}), "missing_node_type"),
        (
            nodes(**{"4": {"class_type": "LoadImage", "inputs": {"image": "none.jpg"}}}),
            "prompt_outputs_failed_validation",
        ),
        (
            nodes(**{"4": {"class_type": "VAEDecode", "inputs": {"samples": ["77", 0]}}}),
            "prompt_outputs_failed_validation",
        ),
    ],
)
@only("comfyui")
async def test_a_graph_that_cannot_run_is_refused_by_its_own_code(
    bench: Bench, body: dict[str, Any], code: str
) -> None:
    assert isinstance(bench.emulator, Emulator)
    answer = bench.emulator.http.post("/prompt", json=body)

    assert (answer.status_code, answer.json()["error"]["type"]) == (400, code)


@only("comfyui")
async def test_a_picture_that_was_never_uploaded_is_rejected_by_its_node(bench: Bench) -> None:
    assert isinstance(bench.emulator, Emulator)
    prepared = await bench.prepared()
    name = f"unstill-{prepared.key}-first".encode()
    body = prepared.body.replace(name, b"another")
    answer = bench.emulator.http.post("/prompt", content=body)

    assert answer.json()["node_errors"].keys() == {"4"}


@only("comfyui")
async def test_the_same_id_again_is_a_second_task(bench: Bench) -> None:
    assert isinstance(bench.emulator, Emulator)
    before, body = bench.emulator.charges()["accepted"], comfyui()
    for _ in range(2):
        assert bench.emulator.http.post("/prompt", json=body).status_code == 200

    assert bench.emulator.charges()["accepted"] == before + 2
