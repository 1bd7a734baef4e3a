"""Runware: what a lost reply comes to, and what its strict upstream takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from support.emulator_process import Emulator
from support.engine_benches import Bench, engine, only
from support.kind_rows import CHELSEA_URL, PICTURE
from support.kinds.runware import runware
from support.requests import WAN27
from support.upstream_requests import LAST, request
from unstill.domain.request import TierName
from unstill.emulators.runware_models import MODELS as AT_THE_STAND_IN
from unstill.engines.runware.engine import REMEMBERED_S, RunwareEngine
from unstill.engines.runware.models import MODELS
from unstill.net.fetcher import Fetcher
from unstill.upstreams.port import Accepted, Doubt, Prepared, SettlingRemote, Submission

LATER_S = REMEMBERED_S + 1


def remote_of(bench: Bench) -> RunwareEngine:
    assert isinstance(bench.remote, RunwareEngine)
    assert isinstance(bench.remote, SettlingRemote)
    return bench.remote


async def lost(bench: Bench, fault: str) -> tuple[Prepared, Submission]:
    prepared = await bench.prepared()
    bench.emulator.next("submit", fault)
    return prepared, await bench.remote.submit(prepared)


@only("runware")
@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "500", "500_after", "503", "html"])
async def test_a_lost_reply_is_settled_by_the_same_call_and_taken_once(
    bench: Bench, fault: str
) -> None:
    remote = remote_of(bench)
    before = bench.emulator.charges()["accepted"]
    prepared, submission = await lost(bench, fault)
    settled = [await remote.settle(prepared, age_s=1.0) for _ in range(2)]

    assert isinstance(submission, Doubt)
    assert settled == [Accepted(prepared.key)] * 2
    assert bench.emulator.charges()["accepted"] == before + 1


@only("runware")
@pytest.mark.parametrize("fault", ["429", "401", "404", "500"])
async def test_a_repeated_call_that_is_refused_says_nothing(bench: Bench, fault: str) -> None:
    prepared, _ = await lost(bench, "drop_after")
    bench.emulator.next("submit", fault)

    assert isinstance(await remote_of(bench).settle(prepared, age_s=1.0), Doubt)
    assert isinstance(await remote_of(bench).settle(prepared, age_s=1.0), Accepted)


@only("runware")
@pytest.mark.parametrize(("fault", "end"), [("drop_after", Accepted), ("drop_before", Doubt)])
async def test_a_call_of_long_ago_is_looked_up_and_not_sent_again(
    bench: Bench, fault: str, end: type
) -> None:
    prepared, _ = await lost(bench, fault)
    before = bench.emulator.charges()["submits"]
    settled = await remote_of(bench).settle(prepared, age_s=LATER_S)

    assert type(settled) is end
    assert bench.emulator.charges()["submits"] == before


@only("runware")
async def test_the_same_frames_and_key_make_the_same_bytes(bench: Bench) -> None:
    first = await bench.prepared()
    again = await bench.prepared()
    [one], [two] = msgspec.json.decode(first.body), msgspec.json.decode(again.body)

    assert one.pop("taskUUID") == first.key != two.pop("taskUUID")
    assert one == two


@only("runware")
async def test_many_tickets_are_asked_for_by_one_call(bench: Bench) -> None:
    tickets = [await bench.ticket() for _ in range(3)]
    before = len(bench.requests("poll"))

    assert len(await bench.look(*tickets)) == 3
    assert len(bench.requests("poll")) == before + 1


@pytest.mark.parametrize(
    ("name", "tier"), [(name, tier) for name, model in MODELS.items() for tier in model.tiers]
)
async def test_each_model_takes_a_full_request_in_each_tier(
    name: str,
    tier: TierName,
    emulator_of: Callable[[str], Emulator],
    fetcher: Fetcher,
    photo: Path,
) -> None:
    model, upstream = MODELS[name], emulator_of("runware")
    remote = engine("runware", upstream.url, fetcher, models={WAN27: name})
    last = {"last_frame": LAST} if model.has_last_frame else {}
    for sound in (True, False):
        asked = request(
            WAN27, tier=tier, duration_s=model.durations_s[-1], generate_audio=sound, **last
        )
        bench = Bench("runware", upstream, remote, photo, asked)

        assert remote.misfit(asked) is None
        assert isinstance(await bench.submit(), Accepted)
    await remote.close()


def test_every_row_of_the_engine_is_at_the_stand_in() -> None:
    assert set(MODELS) == set(AT_THE_STAND_IN)


@only("runware")
async def test_what_it_charges_comes_with_the_video(bench: Bench) -> None:
    done = await bench.done(await bench.ticket())

    assert done.usage == {"cost_usd": 0.2}


# --- the emulator --------------------------------------------------------------------------------

FRAMES = {"frameImages": [{"image": CHELSEA_URL, "frame": "first"}]}
NO_TASKS: tuple[object, ...] = ({"taskType": "videoInference"}, [], [1], [{"taskType": "upload"}])


def seedance(**changes: object) -> dict[str, object]:
    return runware(model="bytedance:seedance@2.5", **changes)


def frames(image: str = PICTURE, frame: str = "first") -> dict[str, object]:
    return {"frameImages": [{"image": image, "frame": frame}]}


@pytest.mark.parametrize(
    ("task", "code"),
    [
        (runware(taskUUID="0b1c7f3e-2f43-1c8e-9d1b-4f7a3c1d2e5f"), "invalidParameter"),
        (runware(model="nobody:none@1"), "modelNotFound"),
        (runware(width=1280, height=720), "invalidParameterCombination"),
        (runware(inputs={}), "invalidParameterCombination"),
        (runware(safety={"checkContent": True}), "unsupportedParameter"),
        (runware(duration=16), "invalidParameter"),
        (runware(duration=True), "invalidParameter"),
        (runware(outputQuality=19), "invalidParameter"),
        (runware(resolution="480p"), "invalidParameter"),
        (runware(settings={"audio": True}), "unsupportedParameter"),
        (seedance(seed=1), "unsupportedParameter"),
        (seedance(settings={"audio": "on"}), "invalidParameter"),
        (seedance(positivePrompt=None), "invalidParameter"),
        (runware(model="bytedance:seedance@2.0"), "missingPositivePrompt"),
        (seedance(positivePrompt="x"), "invalidParameter"),
        (seedance(positivePrompt="   "), "invalidParameter"),
        (
            runware(inputs={"frameImages": [{"image": PICTURE, "frame": "first", "z": 1}]}),
            "unsupportedParameter",
        ),
        (seedance(duration=31), "invalidParameter"),
        (runware(model="minimax:h3@0", positivePrompt="walk"), "invalidParameter"),
        (
            runware(model="minimax:h3@0", positivePrompt="walk", resolution="2k"),
            "invalidParameter",
        ),
        (runware(inputs={"frameImages": [{"image": "%%", "frame": "first"}]}), "invalidImage"),
        (
            runware(inputs={"frameImages": [{"image": PICTURE, "frame": "last"}]}),
            "invalidParameter",
        ),
    ],
)
@only("runware")
async def test_what_its_documents_do_not_allow_is_refused_by_its_own_code(
    bench: Bench, task: dict[str, object], code: str
) -> None:
    emulator = bench.emulator
    assert isinstance(emulator, Emulator)
    answer = emulator.http.post("/v1", json=[task])

    assert answer.status_code in {400, 404}
    assert answer.json()["errors"][0]["code"] == code
    assert answer.json()["errors"][0]["taskUUID"] == task["taskUUID"]


@only("runware")
async def test_a_used_id_is_refused_whatever_else_is_sent(bench: Bench) -> None:
    emulator = bench.emulator
    assert isinstance(emulator, Emulator)
    task = runware(inputs=FRAMES)
    first = emulator.http.post("/v1", json=[task])
    again = emulator.http.post("/v1", json=[task | {"duration": 70}])

    assert first.json() == {"data": [{"taskType": "videoInference", "taskUUID": task["taskUUID"]}]}
    assert (again.status_code, again.json()["errors"][0]["code"]) == (400, "conflictTaskUUID")


@only("runware")
@pytest.mark.parametrize(
    "body", [{"taskType": "videoInference"}, [], [1], [{"taskType": "upload"}]]
)
async def test_a_body_that_is_no_list_of_known_tasks_is_refused(bench: Bench, body: object) -> None:
    assert isinstance(bench.emulator, Emulator)

    assert bench.emulator.http.post("/v1", json=body).status_code == 400
