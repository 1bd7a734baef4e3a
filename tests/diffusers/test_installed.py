"""What the extra brings is what was tried with it."""

from __future__ import annotations

from importlib.metadata import version

import torch
from diffusers import WanImageToVideoPipeline

from support.pins import pins


def test_the_extra_is_installed_as_it_is_pinned() -> None:
    for name in ("diffusers", "transformers", "accelerate", "peft", "safetensors", "ftfy"):
        assert version(name) == pins()[name]


def test_a_pipeline_can_be_imported_beside_this_torch() -> None:
    assert torch.__version__
    assert WanImageToVideoPipeline.__name__ == "WanImageToVideoPipeline"
