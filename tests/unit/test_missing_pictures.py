"""A missing picture is named as the model's own document has it, else as the dialect's."""

from __future__ import annotations

import pytest

from support.create_calls import DIALECTS, body_of, made, picture_section
from support.requests import HAPPYHORSE11, KLING, MINIMAX, SEEDANCE20, SEEDANCE25
from unstill.domain.errors import MissingField
from unstill.models.catalogue import CARDS

# Modelverse's pages; the unified document and OpenAI's; DashScope's pages, of which the older one
# has img_url and the newer one media.
_USUAL = {
    "tasks": "input.first_frame_url",
    "videos": "input_reference",
    "openai": "input_reference",
    "dashscope": "input.media",
}
NAMES: dict[str, dict[str, str]] = {
    "Wan-AI/Wan2.2-I2V": {
        "tasks": "input.first_frame_url",
        "videos": "input_reference",
        "openai": "input_reference",
        "dashscope": "input.img_url",
    },
    "openai/sora-2/image-to-video-pro": {
        "tasks": "input.first_frame_url",
        "videos": "input_reference",
        "openai": "input_reference",
        "dashscope": "input.media",
    },
    "wan2.7-i2v": {
        "tasks": "input.first_frame_url",
        "videos": "input_reference",
        "openai": "input_reference",
        "dashscope": "input.media",
    },
    "happyhorse-1.0-i2v": {
        "tasks": "input.img_url",
        "videos": "input_reference",
        "openai": "input_reference",
        "dashscope": "input.media",
    },
    **dict.fromkeys((HAPPYHORSE11, SEEDANCE20, SEEDANCE25, KLING, MINIMAX), _USUAL),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model", NAMES)
def test_a_missing_picture_is_named_as_the_models_document_has_it(model: str, dialect: str) -> None:
    body = body_of(dialect, model)
    section = picture_section(dialect, body)
    for name in ("first_frame_url", "input_reference"):
        section.pop(name, None)

    with pytest.raises(MissingField) as missing:
        made(dialect, body)

    name = NAMES[model][dialect]
    usual = NAMES["wan2.7-i2v"][dialect]
    assert missing.value.param == name
    assert missing.value.message.startswith(f"{name} is required: a picture as http(s) URL")
    assert (f"{usual} is read too" in missing.value.message) is (name != usual)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model", NAMES)
def test_the_name_that_is_told_is_one_that_is_read(model: str, dialect: str) -> None:
    body = body_of(dialect, model)
    section = picture_section(dialect, body)
    for name in ("first_frame_url", "input_reference"):
        section.pop(name, None)
    told = NAMES[model][dialect].rpartition(".")[2]
    url = "https://example.com/a.png"
    section[told] = [{"type": "first_frame", "url": url}] if told == "media" else url

    assert made(dialect, body).request.first_frame.url == url


def test_every_model_is_in_the_table() -> None:
    assert set(NAMES) == {card.id for card in CARDS}
