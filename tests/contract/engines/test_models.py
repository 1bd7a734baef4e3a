"""Every upstream model that an engine can be told takes the body that it is sent."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from support.emulator_process import Emulator
from support.engine_benches import Bench, engine
from support.requests import HAPPYHORSE, HAPPYHORSE11, KLING, SORA, WAN22, WAN27
from support.upstream_requests import LAST, request, upstream_request
from unstill.domain.request import Size, VideoRequest
from unstill.engines.modelverse import models as modelverse_models
from unstill.engines.openai_videos.servers import SERVERS
from unstill.net.fetcher import Fetcher
from unstill.upstreams import dashscope_models as models
from unstill.upstreams.port import Accepted

FULL = {
    "generate_audio": False,
    "options": {"prompt_extend": False},
}


Taken = Callable[[str, str, VideoRequest], Awaitable[dict[str, Any]]]


@pytest.fixture
def taken(emulator_of: Callable[[str], Emulator], fetcher: Fetcher, photo: Path) -> Taken:
    """Submits a request to the upstream model of that name; the body that was taken."""

    async def submit(kind: str, name: str, asked: VideoRequest) -> dict[str, Any]:
        upstream = emulator_of(kind)
        remote = engine(kind, upstream.url, fetcher, models={asked.model: name})
        bench = Bench(kind, upstream, remote, photo, asked)
        assert remote.misfit(asked) is None
        submission = await bench.submit(asked)
        await remote.close()
        assert isinstance(submission, Accepted), submission
        return dict(bench.requests("submit")[-1]["body"])

    return submit


@pytest.mark.parametrize("name", models.MODELS)
async def test_each_dashscope_model_takes_a_full_request(name: str, taken: Taken) -> None:
    model = models.MODELS[name]
    last = LAST if model.has_last_frame else None

    body = await taken(
        "dashscope",
        name,
        request(
            WAN22,
            tier=model.tiers[0],
            last_frame=last,
            negative_prompt="blur" if model.negative_chars else "",
            watermark=model.has_watermark,
            **FULL,
        ),
    )

    assert body["model"] == name
    first_tier = "std" if model.tier_in == "mode" else model.tiers[0]
    assert body["parameters"][model.tier_in] == first_tier
    assert body["parameters"].get("prompt_extend", False) is False


@pytest.mark.parametrize("name", modelverse_models.MODELS)
async def test_each_modelverse_model_takes_a_full_request(name: str, taken: Taken) -> None:
    model = modelverse_models.MODELS[name]
    last = LAST if model.has_last_frame else None
    length_s = model.durations_s[0]
    asked = request(
        WAN22,
        tier=model.tiers[0],
        duration_s=length_s,
        last_frame=last,
        negative_prompt="blur" if "negative_prompt" in model.extras else "",
        watermark=not model.extras.isdisjoint({"watermark", "watermark_enabled"}),
        **FULL,
    )

    body = await taken("modelverse", name, asked)

    assert body["model"] == name
    assert body["parameters"]["duration"] == length_s


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (request(WAN22), "wan2.2-i2v-flash"),
        (request(WAN22, last_frame=LAST), "wan2.2-kf2v-flash"),
        (request(WAN27, last_frame=LAST, duration_s=15), "wan2.7-i2v"),
        (request(HAPPYHORSE, watermark=True, prompt="", size=Size(640, 480)), "happyhorse-1.0-i2v"),
        (request(SORA, duration_s=12, prompt=""), "wan2.7-i2v"),
        (request(HAPPYHORSE11, duration_s=15, tier="480P"), "happyhorse-1.1-i2v"),
        (request(KLING, duration_s=3, last_frame=LAST), "kling/kling-v3-video-generation"),
    ],
)
async def test_dashscope_serves_every_card_by_its_own_choice(
    asked: VideoRequest,
    name: str,
    emulator_of: Callable[[str], Emulator],
    fetcher: Fetcher,
    photo: Path,
) -> None:
    upstream: Emulator = emulator_of("dashscope")
    remote = engine("dashscope", upstream.url, fetcher)

    prepared = await remote.prepare(upstream_request(asked, photo=photo))
    submission = await remote.submit(prepared)
    await remote.close()

    assert isinstance(submission, Accepted), submission
    assert prepared.upstream_model == name


@pytest.mark.parametrize("asked", [request(WAN27, generate_audio=True), request(SORA)])
async def test_the_unified_gateway_serves_every_model_that_is_its_own_choice(
    asked: VideoRequest, taken: Taken
) -> None:
    name = SERVERS["unified"].choices[asked.model]

    body = await taken("unified", name, asked)

    assert (body["model"], body["seconds"]) == (name, str(asked.duration_s))


def test_no_choice_of_the_unified_gateway_is_left_out() -> None:
    assert SERVERS["unified"].choices.keys() == {WAN27, SORA}
