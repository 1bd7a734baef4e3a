"""LoRA files in the weights: one expert or two, and what cannot be fused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WanImageToVideoPipeline
from diffusers.hooks import apply_group_offloading
from PIL import Image
from safetensors.torch import load_file, save_file

from support.profiles import a_profile
from support.tiny_weights import LoraSpelling, tiny_folder, tiny_lora
from unstill.domain.errors import BadSetting
from unstill.engines.diffusers.child.lora import fuse
from unstill.engines.diffusers.profile import Profile

EXPERTS = ("transformer", "transformer_2")


def profile_of(*denoisers: str) -> Profile:
    return a_profile(title="Tiny Wan", denoisers=denoisers)


TWO = profile_of(*EXPERTS)
ONE = profile_of("transformer")


@pytest.fixture(scope="module")
def a14b(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder("wan-a14b", tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def files(a14b: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("lora")
    high = tiny_lora(a14b, "transformer", folder / "high.safetensors", seed=3)
    low = tiny_lora(a14b, "transformer_2", folder / "low.safetensors", seed=4)
    return high, low


@pytest.fixture(scope="module")
def plain(a14b: Path) -> np.ndarray:
    return rendered(loaded(a14b))


def loaded(folder: Path) -> Any:
    pipeline = WanImageToVideoPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def rendered(pipeline: Any) -> np.ndarray:
    """The latents after two steps, of which each expert has one.

    Not the pixels: a tiny VAE makes much of little, and what LoRAs change is ahead of it.
    """
    result = pipeline(
        image=Image.linear_gradient("L").resize((48, 32)).convert("RGB"),
        prompt="a cat",
        height=32,
        width=48,
        num_frames=5,
        num_inference_steps=2,
        guidance_scale=1.0,
        generator=torch.Generator().manual_seed(5),
        output_type="latent",
    )
    return np.asarray(result.frames, np.float32)


def weights(pipeline: Any, denoiser: str) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in getattr(pipeline, denoiser).state_dict().items()}


def is_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def test_one_file_changes_the_first_expert_alone(
    a14b: Path, files: tuple[Path, Path], plain: np.ndarray
) -> None:
    pipeline = loaded(a14b)
    first, second = weights(pipeline, "transformer"), weights(pipeline, "transformer_2")

    fuse(pipeline, files[:1], TWO)

    assert not is_same(weights(pipeline, "transformer"), first)
    assert is_same(weights(pipeline, "transformer_2"), second)
    assert np.abs(rendered(pipeline) - plain).max() > 1e-3


def test_two_files_change_an_expert_each(
    a14b: Path, files: tuple[Path, Path], plain: np.ndarray
) -> None:
    with_first, with_both = loaded(a14b), loaded(a14b)

    fuse(with_first, files[:1], TWO)
    fuse(with_both, files, TWO)

    one, both = rendered(with_first), rendered(with_both)
    assert np.abs(both - plain).max() > 1e-3
    assert np.abs(both - one).max() > 1e-3
    assert is_same(weights(with_both, "transformer"), weights(with_first, "transformer"))


def test_fused_is_what_active_adapters_make(a14b: Path, files: tuple[Path, Path]) -> None:
    fused, active = loaded(a14b), loaded(a14b)
    active.load_lora_weights(files[0].parent, weight_name=files[0].name, adapter_name="a")
    active.load_lora_weights(
        files[1].parent, weight_name=files[1].name, adapter_name="b", load_into_transformer_2=True
    )

    fuse(fused, files, TWO)

    assert np.abs(rendered(fused) - rendered(active)).max() < 4e-6


def test_no_adapter_is_left(a14b: Path, files: tuple[Path, Path]) -> None:
    pipeline = loaded(a14b)
    names = set(weights(pipeline, "transformer"))

    fuse(pipeline, files, TWO)

    assert pipeline.get_list_adapters() == {}
    assert set(weights(pipeline, "transformer")) == names


@pytest.mark.parametrize("spelling", ["diffusers", "original"])
def test_files_are_taken_as_diffusers_and_as_the_models_own_code_spell_them(
    a14b: Path, tmp_path: Path, files: tuple[Path, Path], spelling: LoraSpelling
) -> None:
    file = tiny_lora(a14b, "transformer", tmp_path / "it", seed=3, spelling=spelling)
    file = file.rename(tmp_path / "it.safetensors")
    pipeline, usual = loaded(a14b), loaded(a14b)

    fuse(pipeline, [file], TWO)
    fuse(usual, files[:1], TWO)

    assert is_same(weights(pipeline, "transformer"), weights(usual, "transformer"))


def test_fused_then_stored_in_8_bits_then_offloaded_it_still_renders(
    a14b: Path, files: tuple[Path, Path]
) -> None:
    pipeline, without = loaded(a14b), loaded(a14b)

    fuse(pipeline, files, TWO)
    results = []
    for each in (pipeline, without):
        for denoiser in EXPERTS:
            expert = getattr(each, denoiser)
            expert.enable_layerwise_casting(
                storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.float32
            )
            apply_group_offloading(
                expert,
                onload_device=torch.device("cpu"),
                offload_type="block_level",
                num_blocks_per_group=1,
            )
        results.append(rendered(each))

    assert np.isfinite(results[0]).all()
    assert np.abs(results[0] - results[1]).max() > 1e-3


def test_a_pipeline_of_one_expert_takes_one_file(tmp_path: Path) -> None:
    folder = tiny_folder("wan-5b", tmp_path)
    file = tiny_lora(folder, "transformer", tmp_path / "one.safetensors")
    pipeline = loaded(folder)
    before = weights(pipeline, "transformer")

    with pytest.raises(BadSetting, match="2 files for Tiny Wan, which takes 1"):
        fuse(pipeline, [file, file], ONE)
    assert is_same(weights(pipeline, "transformer"), before)

    fuse(pipeline, [file], ONE)
    assert not is_same(weights(pipeline, "transformer"), before)


# --- what cannot be fused ------------------------------------------------------------------------


def missing(folder: Path) -> Path:
    return folder / "it.safetensors"


def no_tensors_at_all(folder: Path) -> Path:
    file = folder / "it.safetensors"
    file.write_text("not a file of tensors")
    return file


def cut_short(folder: Path, whole: Path) -> Path:
    file = folder / "it.safetensors"
    file.write_bytes(whole.read_bytes()[:-8])
    return file


def renamed(folder: Path, whole: Path) -> Path:
    """As of a model with other layers."""
    file = folder / "it.safetensors"
    tensors = load_file(whole)
    save_file({name.replace(".blocks.", ".layers."): it for name, it in tensors.items()}, file)
    return file


def of_other_widths(folder: Path, whole: Path) -> Path:
    file = folder / "it.safetensors"
    tensors = load_file(whole)
    save_file({name: torch.cat([it, it], dim=1) for name, it in tensors.items()}, file)
    return file


def of_zeros(folder: Path, whole: Path) -> Path:
    file = folder / "it.safetensors"
    tensors = load_file(whole)
    save_file({name: torch.zeros_like(it) for name, it in tensors.items()}, file)
    return file


def of_no_numbers(folder: Path, whole: Path) -> Path:
    file = folder / "it.safetensors"
    tensors = load_file(whole)
    save_file({name: it * float("nan") for name, it in tensors.items()}, file)
    return file


def of_no_lora(folder: Path, whole: Path) -> Path:
    file = folder / "it.safetensors"
    save_file({"transformer.proj_out.weight": next(iter(load_file(whole).values()))}, file)
    return file


def refused(a14b: Path, files: Sequence[Path]) -> str:
    """What is said of them; the weights are as they were."""
    pipeline = loaded(a14b)
    before = {denoiser: weights(pipeline, denoiser) for denoiser in EXPERTS}

    with pytest.raises(BadSetting) as caught:
        fuse(pipeline, files, TWO)

    for denoiser in EXPERTS:
        assert is_same(weights(pipeline, denoiser), before[denoiser])
    assert caught.value.setting == "lora"
    return caught.value.reason


def test_a_file_that_is_not_there_is_named(a14b: Path, tmp_path: Path) -> None:
    assert refused(a14b, [missing(tmp_path)]) == "it.safetensors is not there"


def test_the_second_file_is_looked_at_before_the_first_is_fused(
    a14b: Path, tmp_path: Path, files: tuple[Path, Path]
) -> None:
    assert "it.safetensors" in refused(a14b, [files[0], missing(tmp_path)])


def test_a_file_that_is_no_safetensors_is_named(
    a14b: Path, tmp_path: Path, files: tuple[Path, Path]
) -> None:
    expected = "it.safetensors is not a whole safetensors file"
    assert refused(a14b, [no_tensors_at_all(tmp_path)]).startswith(expected)
    assert refused(a14b, [cut_short(tmp_path, files[0])]).startswith(expected)


@pytest.mark.parametrize("spoiled", [renamed, of_other_widths, of_zeros, of_no_lora, of_no_numbers])
def test_a_file_that_changes_nothing_or_spoils_all_is_refused_and_not_ignored(
    a14b: Path, tmp_path: Path, files: tuple[Path, Path], spoiled: Any
) -> None:
    reason = refused(a14b, [spoiled(tmp_path, files[0])])

    assert reason.startswith("it.safetensors ")
    assert "transformer" in reason
    assert str(tmp_path) not in reason
