"""Routes in the settings that can never serve: each stops the start, or is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.settings_files import settings_in
from unstill.assembly import locals_of, remotes_of
from unstill.domain.errors import BadSetting
from unstill.engines.dashscope import models as dashscope
from unstill.engines.modelverse import models as modelverse
from unstill.models.card import Card
from unstill.models.catalogue import CARDS, Catalogue
from unstill.net.fetcher import Fetcher
from unstill.product import Product
from unstill.settings.model_engines import check_routes, never, unserved

SORA = '[models."sora-2"]\nengines = ["bailian"]'
HORSE = '[models."happyhorse-1.0-i2v"]\nengines = ["gateway"]'
WAN27 = '[models."wan2.7-i2v"]\nengines = ["bailian"]'
DASHSCOPE = '[engines.bailian]\nkind = "dashscope"\nbase_url = "http://127.0.0.1:9/api/v1"\n'
GATEWAY = '[engines.gateway]\nkind = "openai_videos"\nbase_url = "http://127.0.0.1:9/v1"\n'


def settled(folder: Path, toml: str) -> None:
    """As a start does it."""
    Product(settings_in(folder, f'[server]\ndata_dir = "{folder}/data"\n{toml}'))


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (
            f"{GATEWAY}{HORSE}",
            "its models are openai/sora-2/image-to-video-pro; engines.gateway.models",
        ),
        (
            f'{GATEWAY}[models."Wan-AI/Wan2.2-I2V"]\nengines = ["camera", "gateway"]',
            "gateway can never serve it",
        ),
        (
            f'{GATEWAY}[models."mine"]\nlike = "wan2.7-i2v"\nengines = ["gateway"]',
            'models."mine".engines: gateway can never serve it',
        ),
        # Sora's 4, 8 and 12 seconds at a model of 5 only.
        (
            f'{DASHSCOPE}models = {{ "sora-2" = "wan2.2-i2v-flash" }}\n{SORA}',
            "bailian can never serve it: duration must be 5, got 12",
        ),
    ],
)
def test_an_engine_that_can_never_serve_a_model_stops_the_start(
    tmp_path: Path, toml: str, said: str
) -> None:
    with pytest.raises(BadSetting) as caught:
        settled(tmp_path, toml)

    assert said in caught.value.message


@pytest.mark.parametrize(
    "toml",
    [
        f'{GATEWAY}[models."sora-2"]\nengines = ["gateway"]',
        f'{GATEWAY}models = {{ "happyhorse-1.0-i2v" = "x" }}\n{HORSE}',
        # Only with a last frame.
        f'{DASHSCOPE}models = {{ "wan2.7-i2v" = "wan2.2-kf2v-flash" }}\n{WAN27}',
        # Of 5 and 8 seconds only the first.
        f'{DASHSCOPE}[models."Wan-AI/Wan2.2-I2V"]\nengines = ["bailian"]',
    ],
)
def test_an_engine_that_can_serve_some_requests_of_a_model_is_taken(
    tmp_path: Path, toml: str
) -> None:
    settled(tmp_path, toml)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
async def test_the_documented_kinds_serve_what_their_pages_say(tmp_path: Path, card: Card) -> None:
    third = DASHSCOPE.replace("bailian", "modelverse").replace("dashscope", "modelverse")
    settings = settings_in(tmp_path, DASHSCOPE + GATEWAY + third)
    fetcher = Fetcher()
    engines = {**locals_of(settings), **remotes_of(settings, fetcher)}
    serving = {name for name, engine in engines.items() if never(engine, card) is None}
    for engine in engines.values():
        await engine.close()
    await fetcher.close()

    choosing = {"bailian": dashscope.CHOICES, "modelverse": modelverse.CHOICES}
    assert serving == {"camera"} | (
        {name for name, choices in choosing.items() if card.id in choices}
        | ({"gateway"} if "sora" in card.id else set())
    )


async def test_models_that_fall_to_a_default_engine_in_vain_are_known(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, f'[server]\ndefault_engine = "gateway"\n{GATEWAY}')
    fetcher = Fetcher()
    engines = {**locals_of(settings), **remotes_of(settings, fetcher)}
    catalogue = Catalogue({})
    check_routes(settings, catalogue, engines)
    in_vain = unserved(settings, catalogue, engines)
    for engine in engines.values():
        await engine.close()
    await fetcher.close()

    assert in_vain == [card.id for card in CARDS if "sora" not in card.id]
