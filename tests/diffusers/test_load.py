"""Loading: the ladder's rungs, what the options change, and folders that cannot be used."""

from __future__ import annotations

import gc
import json
import shutil
import weakref
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from safetensors.torch import load_file, save_file

from support.tiny_renders import Heard, digest, load_task, render_task
from support.tiny_weights import Kind, tiny_folder, tiny_lora
from unstill.domain.errors import BadSetting, OperatorError
from unstill.engines.diffusers.child.load import Held, Holder, check_compiler
from unstill.engines.diffusers.child.render import render
from unstill.engines.diffusers.options import Memory, Rung
from unstill.engines.diffusers.task import LoadTask
from unstill.progress.queue import TELLING

RUNGS: tuple[Rung, ...] = ("resident", "block-offload", "block-offload-fp8")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("folders")


@pytest.fixture(scope="module")
def folder(folders: Path) -> Path:
    return tiny_folder("wan-a14b", folders)


def held_of(folder: Path, **options: Any) -> Held:
    return Holder().have(load_task(folder, **options), Heard())


def made(held: Held, out: Path) -> str:
    render(held, render_task(held.task, out), Heard())
    return digest(out)


# --- the ladder ----------------------------------------------------------------------------------


def frames_without_metadata(held: Held, out: Path) -> bytes:
    """The file says on which rung it was made; its coded pictures do not."""
    render(held, render_task(held.task, out), Heard())
    data = out.read_bytes()
    return data[data.index(b"mdat") :]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_block_offload_makes_what_resident_makes_to_the_bit(
    kind: Kind, folders: Path, tmp_path: Path
) -> None:
    videos = {
        frames_without_metadata(
            held_of(tiny_folder(kind, folders), memory=memory), tmp_path / f"{memory}.mp4"
        )
        for memory in RUNGS[:2]
    }

    assert len(videos) == 1


def test_an_attention_that_reads_the_weights_of_its_parts_is_offloaded_as_a_whole(
    folders: Path,
) -> None:
    pipeline = held_of(tiny_folder("hunyuan15", folders), rungs_down=1).pipeline

    heads = [
        each
        for each in pipeline.image_encoder.modules()
        if isinstance(each, torch.nn.MultiheadAttention)
    ]
    assert heads
    assert not any(hasattr(each.out_proj, "_diffusers_hook") for each in heads)
    assert hasattr(pipeline.image_encoder, "_diffusers_hook")


def test_weights_in_8_bits_make_a_video_of_their_own_again_and_again(
    folder: Path, tmp_path: Path
) -> None:
    held = held_of(folder, memory="block-offload-fp8")
    stored = {each.dtype for each in held.pipeline.transformer.parameters()}

    assert torch.float8_e4m3fn in stored
    assert held.loaded.memory == "block-offload-fp8"
    once, again = (frames_without_metadata(held, tmp_path / name) for name in ("1.mp4", "2.mp4"))
    assert once == again
    resident = frames_without_metadata(held_of(folder, memory="resident"), tmp_path / "3.mp4")
    assert once != resident


@pytest.mark.parametrize(
    ("memory", "rungs_down", "rung"),
    [
        ("auto", 0, "resident"),
        ("auto", 1, "block-offload"),
        ("auto", 2, "block-offload-fp8"),
        ("auto", 9, "block-offload-fp8"),
        ("resident", 1, "resident"),
        ("block-offload", 0, "block-offload"),
    ],
)
def test_auto_goes_down_the_ladder_and_a_named_rung_stays(
    folder: Path, memory: Memory, rungs_down: int, rung: Rung
) -> None:
    task = load_task(folder, memory=memory, rungs_down=rungs_down)

    assert Holder().have(task, Heard()).loaded.memory == rung


def test_after_the_last_rung_a_decode_goes_by_tiles(folder: Path, tmp_path: Path) -> None:
    whole, tiled = (Holder().have(load_task(folder, rungs_down=each), Heard()) for each in (2, 3))

    assert not whole.pipeline.vae.use_tiling
    assert tiled.pipeline.vae.use_tiling
    assert made(tiled, tmp_path / "made.mp4")


def test_a_pipeline_stays_until_something_else_is_asked_for(folder: Path) -> None:
    holder, heard = Holder(), Heard()

    first = holder.have(load_task(folder), heard)
    assert holder.have(load_task(folder), heard) is first
    lower = holder.have(load_task(folder, rungs_down=1), heard)
    assert lower.loaded.memory == "block-offload"
    assert holder.have(load_task(folder, rungs_down=1), heard) is lower
    assert holder.have(load_task(folder), heard).loaded.memory == "resident"
    other = holder.have(load_task(folder, steps=3), heard)
    assert other is not lower
    assert [name for name, _ in heard.notes].count("weights_loaded") == 4


def test_what_was_held_is_freed_before_the_next_is_read(folder: Path, tmp_path: Path) -> None:
    holder = Holder()
    held = holder.have(load_task(folder, memory="block-offload"), Heard())
    made(held, tmp_path / "made.mp4")
    gone = weakref.ref(held.pipeline.transformer)
    del held

    class Next(Heard):
        def note(self, name: str, /, **fields: str | float) -> None:
            assert gone() is None
            super().note(name, **fields)

    heard = Next()
    holder.have(load_task(folder, memory="resident"), heard)

    assert heard.notes


# --- what is told --------------------------------------------------------------------------------


def test_loading_tells_each_component_and_at_the_end_how_it_lies(folder: Path) -> None:
    heard = Heard()
    Holder().have(load_task(folder, rungs_down=1), heard)

    components = [fields for name, fields in heard.notes if name == "weights_loading"]
    assert {each["component"] for each in components} == {
        "transformer",
        "transformer_2",
        "vae",
        "text_encoder",
    }
    assert components[0]["share"] == 0
    assert all(each < TELLING for each in heard.fractions)
    told = heard.noted("weights_loaded")
    assert told["profile"] == "wan2.2-a14b"
    assert (told["memory"], told["rungs_down"]) == ("block-offload", 1)
    assert told["attention"] == "native"
    assert told["torch"] == torch.__version__


# --- what the options change ---------------------------------------------------------------------


def test_loras_change_the_video_through_both_experts(folder: Path, tmp_path: Path) -> None:
    high, low = (
        tiny_lora(folder, part, tmp_path / f"{part}.safetensors")
        for part in ("transformer", "transformer_2")
    )
    loras: list[list[Path]] = [[], [high], [high, low]]

    videos = {
        made(held_of(folder, lora=tuple(map(str, each))), tmp_path / f"{number}.mp4")
        for number, each in enumerate(loras)
    }
    assert len(videos) == 3


@pytest.mark.parametrize("memory", RUNGS)
def test_a_lora_is_fused_before_the_weights_are_laid_out(
    folder: Path, tmp_path: Path, memory: Memory
) -> None:
    high = tiny_lora(folder, "transformer", tmp_path / "high.safetensors")

    fused = frames_without_metadata(
        held_of(folder, lora=(str(high),), memory=memory), tmp_path / "fused.mp4"
    )
    plain = frames_without_metadata(held_of(folder, memory=memory), tmp_path / "plain.mp4")

    assert fused != plain


def test_few_steps_have_a_scheduler_of_their_own_and_more_steps_the_folders(folder: Path) -> None:
    few, many = (held_of(folder, steps=steps).pipeline.scheduler for steps in (8, 9))

    assert few.config.solver_order == 1
    assert many.config.solver_order == 2


def test_the_operators_shift_changes_the_schedule(folder: Path) -> None:
    few, many = (held_of(folder, steps=each, shift=3.0).pipeline.scheduler for each in (4, 20))

    assert few.config.flow_shift == 3.0
    assert many.config.flow_shift == 3.0


# --- folders that cannot be used -----------------------------------------------------------------


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "weights"))


def test_files_of_a_variant_are_read_where_a_component_has_them(copy: Path, tmp_path: Path) -> None:
    plain = made(held_of(copy), tmp_path / "plain.mp4")
    for part in ("transformer", "transformer_2"):
        file = copy / part / "diffusion_pytorch_model.safetensors"
        file.rename(file.with_suffix(".bf16.safetensors"))

    assert made(held_of(copy), tmp_path / "variant.mp4") == plain


def refusal(task: LoadTask) -> str:
    with pytest.raises(OperatorError) as refused:
        Holder().have(task, Heard())
    gc.collect()
    assert str(Path(task.options.path).parent) not in refused.value.message
    return refused.value.message


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "vae" / "diffusion_pytorch_model.safetensors").unlink()

    assert "vae" in refusal(load_task(copy))


def test_a_component_without_weights_that_does_not_load_is_named(copy: Path) -> None:
    (copy / "tokenizer" / "tokenizer.json").write_text("{}")

    assert refusal(load_task(copy)).startswith("tokenizer: does not load: ")


def test_a_component_that_lacks_weights_is_named(copy: Path) -> None:
    file = copy / "transformer_2" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    lost = min(tensors)
    save_file({name: each for name, each in tensors.items() if name != lost}, file)

    message = refusal(load_task(copy))

    assert "transformer_2" in message
    assert lost in message


def test_weights_of_another_shape_are_named_by_their_component(copy: Path) -> None:
    file = copy / "transformer" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"ffn_dim": 48}))

    assert "transformer" in refusal(load_task(copy))


def test_a_rung_that_a_profile_does_not_have_is_the_operators_error(folder: Path) -> None:
    with pytest.raises(BadSetting):
        held_of(folder, lora=("/nowhere/high.safetensors",))


@pytest.mark.parametrize(
    ("device", "there", "named"),
    [("cuda", "clang", "gcc or clang"), ("cuda", "gcc", "gcc or clang"), ("cpu", "g++", r"g\+\+")],
)
def test_compiling_needs_a_compiler_before_anything_is_read(
    device: str, there: str, named: str
) -> None:
    check_compiler(device, lambda name: name if name == there else None)

    with pytest.raises(BadSetting, match=f"compile: needs a compiler on the PATH: {named}"):
        check_compiler(device, lambda _: None)
