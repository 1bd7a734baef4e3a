"""What is sent to Comfy Router."""

from __future__ import annotations

from typing import Any

import pytest

from support.requests import HAPPYHORSE, KLING, MINIMAX, SEEDANCE20, SORA, WAN27
from support.upstream_requests import LAST, request
from unstill.domain.request import Size
from unstill.engines.comfy.models import CHOICES, MODELS, PICTURE_BYTES, body_of, frame_form
from unstill.upstreams import ark_models, dashscope_models

URLS = {"first": "data:1", "last": "data:2"}


def test_wan_is_asked_in_dashscopes_words_with_every_default_said() -> None:
    asked = request(WAN27, last_frame=LAST, size=Size(720, 1280), negative_prompt="blur")

    assert body_of(MODELS[CHOICES[WAN27]], asked, URLS) == {  # type: ignore[arg-type]
        "input": {
            "prompt": "walk",
            "negative_prompt": "blur",
            "media": [
                {"type": "first_frame", "url": "data:1"},
                {"type": "last_frame", "url": "data:2"},
            ],
        },
        "parameters": {
            "resolution": "720P",
            "duration": 5,
            "watermark": False,
            "seed": 7,
            "prompt_extend": True,
        },
    }


def test_happyhorse_has_no_prompt_extend_and_says_its_watermark() -> None:
    asked = request(HAPPYHORSE, watermark=True)
    body = body_of(MODELS[CHOICES[HAPPYHORSE]], asked, {"first": "data:1"})

    assert body["parameters"] == {
        "resolution": "720P",
        "duration": 5,
        "watermark": True,
        "seed": 7,
    }


@pytest.mark.parametrize("model", [SORA, SEEDANCE20])
def test_seedance_is_asked_in_arks_words(model: str) -> None:
    asked = request(model, last_frame=LAST, generate_audio=False)

    assert body_of(MODELS[CHOICES[model]], asked, URLS) == {  # type: ignore[arg-type]
        "content": [
            {"type": "text", "text": "walk"},
            {"type": "image_url", "image_url": {"url": "data:1"}, "role": "first_frame"},
            {"type": "image_url", "image_url": {"url": "data:2"}, "role": "last_frame"},
        ],
        "resolution": "720p",
        "ratio": "adaptive",
        "duration": asked.duration_s,
        "watermark": False,
        "generate_audio": False,
    }


@pytest.mark.parametrize(
    ("changes", "mode", "sound"),
    [
        ({}, "std", "off"),
        ({"tier": "1080P", "generate_audio": True}, "pro", "on"),
        ({"size": Size(1080, 1920), "generate_audio": False}, "pro", "off"),
    ],
)
def test_klings_omni_is_asked_in_the_words_of_klings_first_api(
    changes: dict[str, Any], mode: str, sound: str
) -> None:
    asked = request(KLING, last_frame=LAST, duration_s=7, **changes)

    assert body_of(MODELS[CHOICES[KLING]], asked, {"first": "data:x,AA", "last": "data:x,BB"}) == {
        "prompt": "walk",
        "image_list": [
            {"image_url": "AA", "type": "first_frame"},
            {"image_url": "BB", "type": "end_frame"},
        ],
        "mode": mode,
        "duration": "7",
        "sound": sound,
        "multi_shot": False,
    }


def test_h3_is_asked_in_minimaxs_words() -> None:
    asked = request(MINIMAX, tier="2K", watermark=True)

    assert body_of(MODELS[CHOICES[MINIMAX]], asked, {"first": "data:1"}) == {
        "content": [
            {"type": "text", "text": "walk"},
            {"type": "image_url", "image_url": {"url": "data:1"}, "role": "first_frame"},
        ],
        "resolution": "2K",
        "duration": 5,
        "ratio": "adaptive",
        "aigc_watermark": True,
    }


@pytest.mark.parametrize(
    ("name", "changes", "param"),
    [
        ("kling/kling-v3-omni", {"duration_s": 2}, "duration"),
        ("kling/kling-v3-omni", {"duration_s": 3, "last_frame": LAST}, None),
        ("kling/kling-v3-omni", {"duration_s": 15, "tier": "1080P"}, None),
        ("kling/kling-v3-omni", {"duration_s": 16}, "duration"),
        ("kling/kling-v3-omni", {"tier": "4K"}, "resolution"),
        ("kling/kling-v3-omni", {"tier": "480P"}, "resolution"),
        ("kling/kling-v3-omni", {"watermark": True}, "watermark"),
        ("kling/kling-v3-omni", {"negative_prompt": "blur"}, "negative_prompt"),
        ("kling/kling-v3-omni", {"prompt": " "}, "prompt"),
        ("kling/kling-v3-omni", {"prompt": "x" * 2500}, None),
        ("kling/kling-v3-omni", {"prompt": "x" * 2501}, "prompt"),
        ("kling/kling-v3-omni", {"size": Size(1600, 640)}, None),
        ("kling/kling-v3-omni", {"size": Size(1602, 640)}, "size"),
        ("minimax/minimax-h3", {"tier": "768P", "duration_s": 4}, "duration"),
        ("minimax/minimax-h3", {"tier": "768P", "duration_s": 5}, None),
        ("minimax/minimax-h3", {"tier": "2K", "duration_s": 15}, None),
        ("minimax/minimax-h3", {"tier": "720P"}, "resolution"),
        ("wan/wan2.7-i2v", {"duration_s": 1}, "duration"),
        ("wan/wan2.7-i2v", {"duration_s": 2}, None),
        ("wan/wan2.7-i2v", {"duration_s": 15}, None),
        ("wan/wan2.7-i2v", {"duration_s": 16}, "duration"),
        ("wan/wan2.7-i2v", {"tier": "480P"}, "resolution"),
        ("wan/wan2.7-i2v", {"tier": "1080P"}, None),
        ("wan/wan2.7-i2v", {"options": {"prompt_extend": False}}, None),
        ("wan/wan3.0-video", {"duration_s": 30}, None),
        ("wan/wan3.0-video", {"duration_s": 31}, "duration"),
        ("wan/happyhorse-1.0-i2v", {"last_frame": LAST}, LAST.param),
        ("wan/happyhorse-1.0-i2v", {"negative_prompt": "blur"}, "negative_prompt"),
        ("wan/happyhorse-1.0-i2v", {"size": Size(1600, 640)}, None),
        ("wan/happyhorse-1.0-i2v", {"size": Size(1610, 640)}, "size"),
        ("byteplus/dreamina-seedance-2-0-260128", {"duration_s": 3}, "duration"),
        ("byteplus/dreamina-seedance-2-0-260128", {"duration_s": 4, "tier": "4K"}, None),
        ("byteplus/dreamina-seedance-2-5-260628", {"tier": "4K"}, "resolution"),
        ("byteplus/dreamina-seedance-2-5-260628", {"duration_s": 30}, None),
        ("byteplus/dreamina-seedance-2-5-260628", {"negative_prompt": "blur"}, "negative_prompt"),
        ("byteplus/seedance-1-0-pro-250528", {"generate_audio": True}, "generate_audio"),
    ],
)
def test_what_a_vendors_model_cannot_do_is_a_misfit(
    name: str, changes: dict[str, Any], param: str | None
) -> None:
    found = MODELS[name].misfit(request(WAN27, **changes))

    assert (None if found is None else found.param) == param


def test_a_frame_is_as_its_vendor_takes_it_and_small() -> None:
    wan = frame_form(MODELS["wan/happyhorse-1.0-i2v"], request(HAPPYHORSE))
    seedance = frame_form(MODELS[CHOICES[SORA]], request(SORA))

    assert wan.most_bytes == seedance.most_bytes == PICTURE_BYTES
    assert "BMP" not in wan.formats
    assert (seedance.least_side_px, seedance.most_side_px) == (300, 6000)
    assert wan.least_side_px == 300


def test_every_name_is_a_vendors_own_behind_its_provider() -> None:
    dated = set(ark_models.ABROAD.values())
    undated = "dreamina-seedance-2-0-mini"  # in Comfy's catalogue
    at_byteplus = (dated - {f"{undated}-260615"}) | {undated}
    names = {
        "wan": set(dashscope_models.MODELS),
        "byteplus": at_byteplus,
        "kling": {"kling-v3-omni"},  # of its image-to-video models the one that takes frames
        "minimax": {"minimax-h3"},
    }
    for name in MODELS:
        provider, _, own = name.partition("/")
        assert own in names[provider]
    assert {f"byteplus/{own}" for own in at_byteplus} <= set(MODELS)
