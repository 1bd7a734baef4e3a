"""What is OpenRouter's alone: its list of models, content that needs the key, its price."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from support.emulator_process import Emulator
from support.engine_benches import Bench, engine, only
from support.in_process import create_body, created, ended, served, settings_of
from support.kind_rows import PICTURE
from support.requests import HAPPYHORSE, WAN22, WAN27
from support.settings_files import engine as engine_table
from support.settings_files import model as model_table
from support.upstream_requests import LAST, request
from unstill.emulators.openrouter_models import LISTED
from unstill.engines.openrouter.engine import OpenRouterEngine
from unstill.engines.openrouter.models import CHOICES, MODELS
from unstill.net.fetcher import Fetcher
from unstill.product import Product
from unstill.steps.learning import Learner
from unstill.upstreams.client import Trouble
from unstill.upstreams.port import Accepted, Failed, LearningRemote, Rejected

VEO = "google/veo-3.1"


@pytest.fixture
def remote(bench: Bench) -> OpenRouterEngine:
    assert isinstance(bench.remote, OpenRouterEngine)
    return bench.remote


@only("openrouter")
async def test_what_the_list_says_replaces_what_is_built_in(
    bench: Bench, remote: OpenRouterEngine
) -> None:
    tier = request("kling-v3", tier="720P")
    before = remote.misfit(tier)
    await remote.learn()

    assert isinstance(remote, LearningRemote)
    assert before is not None
    assert remote.misfit(tier) is None
    assert bench.requests("list")[-1]["path"] == "/api/v1/videos/models"


@only("openrouter")
async def test_a_model_that_is_not_in_the_list_is_gone(bench: Bench, fetcher: Fetcher) -> None:
    remote = engine(
        "openrouter", bench.emulator.url, fetcher, models={WAN22: "openai/sora-2-pro", WAN27: VEO}
    )
    assert isinstance(remote, OpenRouterEngine)
    before = remote.misfit(request(WAN22))
    await remote.learn()
    gone, blind = remote.misfit(request(WAN22)), remote.misfit(request(WAN27))
    await remote.close()

    assert before is None
    assert gone is not None
    assert "openai/sora-2-pro is gone" in gone.message
    assert blind is not None  # it takes no first frame
    assert blind.param == "model"


@only("openrouter")
async def test_an_edition_lasts_for_as_long_as_the_list_says_the_same(
    remote: OpenRouterEngine,
) -> None:
    editions = [remote.edition]
    for _ in range(2):
        await remote.learn()
        editions.append(remote.edition)

    assert editions == [0, 1, 1]


async def test_models_are_told_as_the_list_has_them(
    emulator_of: Callable[[str], Emulator], tmp_path: Path
) -> None:
    emulator = emulator_of("openrouter")
    emulator.next("list", "delay")  # 2 s, in which the built-in rows hold
    toml = engine_table("far", emulator) + model_table("kling-v3", "far")
    told: list[list[str]] = []
    async with (
        served(Product(settings_of(tmp_path, toml))) as http,
        asyncio.timeout(20),
    ):
        while len(told) < 2:
            model = (await http.get("/v1/models/kling-v3")).json()
            tiers = [tier["name"] for tier in model["capabilities"]["tiers"]]
            told += [tiers] if tiers not in told else []
            await asyncio.sleep(0.1)

    assert told == [["1080P"], ["720P", "1080P"]]


@only("openrouter")
@pytest.mark.parametrize("fault", ["500", "404", "garbage", "html", "drop_before"])
async def test_a_list_that_is_not_there_leaves_what_was_known(
    bench: Bench, remote: OpenRouterEngine, fault: str
) -> None:
    await remote.learn()
    bench.emulator.next("list", fault)

    with pytest.raises(Trouble):
        await remote.learn()
    assert remote.misfit(request("kling-v3", tier="720P")) is None


@only("openrouter")
async def test_a_list_that_is_not_there_is_asked_for_again(
    bench: Bench, remote: OpenRouterEngine
) -> None:
    bench.emulator.next("list", "500", "drop_before")
    learner = Learner([remote], every_s=600.0, after_trouble_s=0.05)
    before = len(bench.requests("list"))
    learner.startup()
    await asyncio.sleep(1.0)  # time for more than it takes
    await learner.shutdown()

    assert len(bench.requests("list")) == before + 3
    assert remote.misfit(request("kling-v3", tier="720P")) is None


@only("openrouter")
async def test_the_content_is_asked_for_with_the_key_below_the_job(
    bench: Bench, tmp_path: Path
) -> None:
    ticket = await bench.ticket()
    done = await bench.done(ticket)
    await bench.remote.fetch(ticket, done, tmp_path / "video")

    (fetched,) = [each for each in bench.requests("fetch") if ticket.id in each["path"]]
    assert fetched["path"] == f"/api/v1/videos/{ticket.id}/content"
    assert fetched["query"] == {"index": "0"}


@only("openrouter")
async def test_its_price_is_told(bench: Bench) -> None:
    assert (await bench.done(await bench.ticket())).usage == {"cost_usd": 0.2}


@pytest.mark.slow
async def test_its_price_is_what_the_job_has_cost(tmp_path: Path) -> None:
    with Emulator("openrouter", job_s=0.2) as emulator:
        toml = (
            '[money]\ncurrency = "CNY"\nrates = { USD = "7.2" }\n'
            + engine_table("far", emulator)
            + model_table(WAN27, "far")
        )
        async with served(Product(settings_of(tmp_path, toml))) as http:
            status = await ended(http, await created(http, create_body()))
            usage = (await http.get("/v1/usage", params={"by": "model"})).json()

    assert status["output"]["task_status"] == "Success", status
    # 2 s, at 0.1 dollars each by the stand-in's list.
    assert [row["settled_cost"] for row in usage["data"]] == ["1.44"]


@only("openrouter")
async def test_a_reason_that_is_a_mere_text_is_told(bench: Bench) -> None:
    bench.emulator.next("submit", "fail")
    ticket = await bench.ticket()
    bench.emulator.finish()

    assert await bench.look(ticket) == [
        Failed("failed", "The video could not be generated.", {"cost_usd": 0})
    ]


@only("openrouter")
async def test_what_is_outside_a_models_list_is_rejected(bench: Bench) -> None:
    submission = await bench.submit(request(WAN27, duration_s=11))

    assert isinstance(submission, Rejected)
    assert submission.code == "invalid_request"


@pytest.mark.parametrize("name", MODELS)
async def test_each_model_takes_a_full_request(
    name: str, emulator_of: Callable[[str], Emulator], fetcher: Fetcher, photo: Path
) -> None:
    model, upstream = MODELS[name], emulator_of("openrouter")
    asked = request(
        WAN27,
        last_frame=LAST if model.has_last_frame else None,
        tier=model.tiers[-1],
        duration_s=model.durations_s[-1],
        generate_audio=False,
    )
    remote = engine("openrouter", upstream.url, fetcher, models={WAN27: name})
    bench = Bench("openrouter", upstream, remote, photo, asked)

    assert remote.misfit(asked) is None
    assert isinstance(await bench.submit(), Accepted)
    await remote.close()


# --- the stand-in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 202),
        ({"input_references": [{"type": "image_url", "image_url": {"url": PICTURE}}]}, 202),
        ({"duration": 11}, 400),
        ({"duration": "5"}, 400),
        ({"resolution": "480p"}, 400),
        ({"resolution": "720P"}, 400),
        ({"size": "1280x720"}, 400),
        ({"callback_url": "http://example.com"}, 400),
        ({"negative_prompt": "blur"}, 400),
        ({"frame_images": [{"type": "image_url", "image_url": {"url": PICTURE}}]}, 400),
        ({"frame_images": [], "prompt": ""}, 400),
        ({"model": "openai/sora-2-pro"}, 404),
    ],
)
def test_the_stand_in_takes_what_the_list_has_and_nothing_else(
    emulator_of: Callable[[str], Emulator], changes: dict[str, object], status: int
) -> None:
    emulator = emulator_of("openrouter")
    frame = {"type": "image_url", "image_url": {"url": PICTURE}, "frame_type": "first_frame"}
    body = {"model": "alibaba/wan-2.7", "prompt": "x", "duration": 5, "frame_images": [frame]}
    answer = emulator.http.post("/api/v1/videos", json=body | changes)

    assert answer.status_code == status, answer.text
    if status != 202:
        assert answer.json()["error"]["code"] == status
    else:
        assert answer.json()["polling_url"] == f"/api/v1/videos/{answer.json()['id']}"


def test_the_stand_ins_list_needs_no_key_and_has_every_choice(
    emulator_of: Callable[[str], Emulator],
) -> None:
    emulator = emulator_of("openrouter")
    del emulator.http.headers["authorization"]
    try:
        rows = emulator.http.get("/api/v1/videos/models").json()["data"]
    finally:
        emulator.http.headers["authorization"] = "Bearer sk-test"

    assert {row["id"] for row in rows} == LISTED.keys()
    assert {*CHOICES.values(), *MODELS} <= LISTED.keys()
    assert MODELS[CHOICES[HAPPYHORSE]].name in LISTED
