"""Which attention is run, where the only device is the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import diffusers
import pytest
from diffusers import WanImageToVideoPipeline
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry

from support.tiny_weights import Kind, tiny_folder
from unstill.engines.diffusers.child.attention import (
    BACKENDS,
    Chosen,
    choose,
    masks_text,
    set_on,
    usable,
)
from unstill.engines.diffusers.machine import look_closely
from unstill.engines.diffusers.options import Attention


def test_every_word_is_a_name_that_diffusers_knows() -> None:
    known = {name.value for name in AttentionBackendName}

    assert set(BACKENDS) == set(get_args(Attention)) - {"auto"}
    assert set(BACKENDS.values()) <= known


def test_the_cpu_runs_the_native_one_unasked() -> None:
    assert choose("auto", "cpu") == Chosen("native")
    assert choose("native", "cpu") == Chosen("native")


@pytest.mark.parametrize("wanted", ["cudnn", "flash", "flash-3", "xformers", "sage"])
def test_what_does_not_run_gives_way_to_the_native_one_and_says_why(wanted: Attention) -> None:
    chosen = choose(wanted, "cpu")

    assert chosen.name == "native"
    assert chosen.note.startswith(f"{wanted} does not run here: ")
    assert "\n" not in chosen.note
    assert len(chosen.note) > len(f"{wanted} does not run here: ")


def test_the_usable_ones_are_those_that_can_be_chosen() -> None:
    chosen = [name for name in get_args(Attention) if choose(name, "cpu").name == name]

    assert set(usable("cpu")) == set(chosen)
    assert {"native", "math"} <= set(chosen)
    assert usable("cpu")[0] == choose("auto", "cpu").name


def test_a_closer_look_at_the_machine_tells_them_by_device() -> None:
    machine = look_closely()

    assert machine.attention["cpu"] == usable("cpu")
    assert set(machine.attention) == {device.name for device in machine.devices}


@pytest.mark.parametrize(
    ("kind", "pipeline", "has_mask"),
    [
        ("wan-5b", "WanImageToVideoPipeline", False),
        ("ltx", "LTXImageToVideoPipeline", True),
        ("hunyuan15", "HunyuanVideo15ImageToVideoPipeline", True),
    ],
)
def test_a_mask_is_tried_where_the_denoisers_have_one(
    tmp_path: Path, kind: Kind, pipeline: str, *, has_mask: bool
) -> None:
    folder = tiny_folder(kind, tmp_path)
    loaded = getattr(diffusers, pipeline).from_pretrained(folder, local_files_only=True)

    assert masks_text(loaded, ("transformer",)) is has_mask
    assert choose("native", "cpu", has_mask=has_mask) == Chosen("native")
    assert choose("math", "cpu", has_mask=has_mask) == Chosen("math")


def test_it_is_set_on_every_denoiser(tmp_path: Path) -> None:
    folder = tiny_folder("wan-a14b", tmp_path)
    pipeline = WanImageToVideoPipeline.from_pretrained(folder, local_files_only=True)

    set_on(pipeline, ("transformer", "transformer_2"), "math")

    for expert in (pipeline.transformer, pipeline.transformer_2):
        for block in expert.blocks:
            assert block.attn1.processor._attention_backend == "_native_math"


def test_a_trial_does_not_change_what_runs_elsewhere() -> None:
    before = _AttentionBackendRegistry.get_active_backend()

    choose("math", "cpu")
    choose("efficient", "cpu")

    assert _AttentionBackendRegistry.get_active_backend() == before
