"""Hooks on blocks: a render can be stopped anywhere, and its pipeline is as it was then."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from support.tiny_renders import Heard, digest, load_task, render_task
from support.tiny_weights import Kind, tiny_folder
from unstill.engines.diffusers.child.block_hooks import (
    DECODING_ENDS,
    DENOISING_BEGINS,
    DENOISING_ENDS,
    ENCODING_ENDS,
    before_each_call,
    part_of,
    parts_of,
)
from unstill.engines.diffusers.child.load import Held, Holder
from unstill.engines.diffusers.child.render import render
from unstill.engines.diffusers.options import Memory
from unstill.media.child_main import TaskStopped
from unstill.progress.queue import TELLING

# Two experts with two blocks each, a step each, two passes a step: so many reports of denoising.
FIRST_EXPERT, SECOND_EXPERT = range(4), range(4, 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder("wan-a14b", tmp_path_factory.mktemp("folders"))


def held_of(folder: Path, **options: Any) -> Held:
    """With two passes a step, where the pipeline does not make one of them."""
    return Holder().have(load_task(folder, **{"guidance": 4.0} | options), Heard())


def made(held: Held, out: Path, heard: Heard | None = None) -> tuple[str, Heard]:
    heard = heard or Heard()
    render(held, render_task(held.task, out), heard)
    return digest(out), heard


def place_of(fractions: list[float], begin: float, end: float, number: int) -> int:
    """How many reports come before the one of this number between two fractions."""
    before = sum(each < begin for each in fractions)
    assert begin <= fractions[before + number] < end
    return before + number


PLACES = {
    "text encoder": (0.0, ENCODING_ENDS, 1),
    "first expert, its first block": (DENOISING_BEGINS, DENOISING_ENDS, FIRST_EXPERT[0]),
    "first expert, between blocks": (DENOISING_BEGINS, DENOISING_ENDS, FIRST_EXPERT[3]),
    "second expert": (DENOISING_BEGINS, DENOISING_ENDS, SECOND_EXPERT[1]),
    "decode": (DENOISING_ENDS, DECODING_ENDS, 2),
    "writing": (DECODING_ENDS, 1.0, 1),
}


@pytest.mark.parametrize("memory", ["resident", "block-offload", "block-offload-fp8"])
def test_after_a_stop_the_pipeline_makes_the_same_as_before(
    folder: Path, tmp_path: Path, memory: Memory
) -> None:
    held = held_of(folder, memory=memory)
    before, whole = made(held, tmp_path / "before.mp4")

    for begin, end, number in PLACES.values():
        stop = Heard(stop_after=place_of(whole.fractions, begin, end, number))
        with pytest.raises(TaskStopped):
            made(held, tmp_path / "stopped.mp4", stop)

        assert not (tmp_path / "stopped.mp4").exists()
        assert stop.fractions == whole.fractions[: len(stop.fractions)]
        assert made(held, tmp_path / "after.mp4")[0] == before


def test_a_stop_in_the_very_first_render_leaves_the_pipeline_usable(
    folder: Path, tmp_path: Path
) -> None:
    wanted, whole = made(held_of(folder, memory="block-offload"), tmp_path / "wanted.mp4")
    fresh = held_of(folder, memory="block-offload")

    with pytest.raises(TaskStopped):
        made(fresh, tmp_path / "stopped.mp4", Heard(stop_after=len(whole.fractions) // 2))

    assert made(fresh, tmp_path / "after.mp4")[0] == wanted


def test_a_render_leaves_no_hook_behind(folder: Path, tmp_path: Path) -> None:
    held = held_of(folder)
    made(held, tmp_path / "made.mp4")

    networks = [each for each in held.pipeline.components.values() if hasattr(each, "modules")]
    assert networks
    assert not any(
        module._forward_pre_hooks for network in networks for module in network.modules()
    )


KINDS: tuple[Kind, ...] = ("wan-a14b", "wan-5b", "ltx", "hunyuan15")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_pipeline_tells_of_every_phase(
    kind: Kind, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    held = held_of(tiny_folder(kind, tmp_path_factory.mktemp("folders")))

    _, heard = made(held, tmp_path / "made.mp4")

    bounds = (0.0, ENCODING_ENDS, DENOISING_ENDS, DECODING_ENDS, 1.001)
    for begin, end in pairwise(bounds):
        assert sum(begin <= each < end for each in heard.fractions) >= 2, (begin, end)
    assert max(each for each in heard.fractions if each < DENOISING_ENDS) > 0.6
    assert not any(TELLING <= each < DENOISING_BEGINS for each in heard.fractions)


def test_the_watched_blocks_are_those_of_the_largest_list(folder: Path) -> None:
    held = held_of(folder)
    parts = parts_of(held.pipeline, held.profile)

    assert [list(part.blocks) for part in parts.denoisers] == [
        list(held.pipeline.transformer.blocks),
        list(held.pipeline.transformer_2.blocks),
    ]
    assert list(parts.encoders[0].blocks) == list(held.pipeline.text_encoder.encoder.block)
    assert parts.decoder.root is held.pipeline.vae.decoder


def test_a_network_without_lists_is_its_own_block() -> None:
    network = torch.nn.Linear(2, 2)

    assert part_of(network).blocks == (network,)


class Doubling(torch.nn.Module):  # type: ignore[misc]  # Any to mypy
    def forward(self, given: Any) -> Any:
        return given * 2


def test_a_compiled_block_is_watched_without_a_change_to_its_graph() -> None:
    graphs: list[Any] = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    block = Doubling()
    block.compile(backend=backend)
    given = torch.ones(1, 2)
    with torch.no_grad():
        block(given)
        seen: list[int] = []
        undo = before_each_call(block, lambda: seen.append(1))
        block(given)
        block(given)
        undo()
        block(given)

    assert len(seen) == 2
    assert len(graphs) == 1
