"""Renders of tiny folders: the file, and what of a request changes it."""

from __future__ import annotations

import dataclasses
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import diffusers
import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from support.tiny_renders import (
    CAT,
    FPS,
    ROCKET,
    Heard,
    digest,
    frames_of,
    load_task,
    render_task,
)
from support.tiny_weights import Kind, tiny_folder
from unstill.domain.errors import BadImage
from unstill.domain.request import Size
from unstill.engines.diffusers.child.load import Held, Holder
from unstill.engines.diffusers.child.render import render, warm
from unstill.engines.diffusers.task import Generated, WarmTask


class Studio:
    """One kind of pipeline, loaded once for all tests of it."""

    def __init__(self, folder: Path, out: Path, **options: Any) -> None:
        self._out = Path(tempfile.mkdtemp(dir=out))
        self._load = load_task(folder, **options)
        self._holder = Holder()
        self._made = 0

    @property
    def held(self) -> Held:
        return self._holder.have(self._load, Heard())

    def render(self, heard: Heard | None = None, **fields: Any) -> tuple[Path, Generated]:
        self._made += 1
        out = self._out / f"{self._made}.mp4"
        return out, render(self.held, render_task(self._load, out, **fields), heard or Heard())

    def digest(self, **fields: Any) -> str:
        return digest(self.render(**fields)[0])


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("folders")


@pytest.fixture(scope="module")
def a14b(folders: Path, out: Path) -> Studio:
    return Studio(tiny_folder("wan-a14b", folders), out, guidance=4.0)  # few steps have 1


KINDS: tuple[Kind, ...] = ("wan-a14b", "wan-5b", "ltx", "hunyuan15")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_pipeline_makes_a_video_of_exactly_what_was_asked_for(
    kind: Kind, folders: Path, out: Path
) -> None:
    video, made = Studio(tiny_folder(kind, folders), out).render(size=Size(102, 70))

    with av.open(video) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (102, 70)
        assert stream.average_rate == FPS
        assert stream.frames == FPS
    assert len(frames_of(video)) == FPS
    assert (made.frame_count, made.frame_rate, made.steps) == (FPS, FPS, 2)
    assert made.loaded.memory == "resident"
    assert set(made.took_s) == {"encode", "denoise", "decode", "write"}


def test_at_its_own_rate_a_second_has_as_many_frames_as_the_model_was_trained_at(
    folders: Path, out: Path
) -> None:
    video, made = Studio(tiny_folder("wan-5b", folders), out, fps=0, steps=1).render()

    assert (made.frame_count, made.frame_rate) == (24, 24)
    assert len(frames_of(video)) == 24


def test_the_file_says_that_it_is_synthetic_and_what_made_it(a14b: Studio) -> None:
    video, _ = a14b.render(prompt="a secret", seed=7)

    with av.open(video) as container:
        told = dict(container.metadata)
    assert told["comment"].startswith("Synthetic: ")
    assert "Seed 7." in told["comment"]
    assert told["unstill_engine"] == "diffusers"
    assert told["unstill_trained_model"] == a14b.held.profile.title
    assert told["unstill_steps"] == "2"
    assert told["unstill_memory"] == "resident"
    assert told["unstill_diffusers"]
    assert (told["unstill_seed"], told["unstill_job"]) == ("7", "job-1")
    assert b"secret" not in video.read_bytes()


def test_the_file_has_the_prompt_where_its_server_may_tell_it(a14b: Studio) -> None:
    video, _ = a14b.render(prompt="no secret", tells_prompt=True)

    with av.open(video) as container:
        assert container.metadata["description"] == "no secret"


def test_what_is_asked_twice_is_made_twice_to_the_byte(a14b: Studio) -> None:
    assert a14b.digest() == a14b.digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 2},
        {"prompt": "another"},
        {"prompt": ""},
        {"negative_prompt": "blurred"},
        {"first": ROCKET},
        {"last": ROCKET},
        {"watermark": True},
    ],
    ids=" ".join,
)
def test_what_is_asked_otherwise_looks_otherwise(a14b: Studio, changed: dict[str, Any]) -> None:
    assert a14b.digest(**changed) != a14b.digest()


def test_a_last_frame_decides_the_last_frame_more_than_the_first(a14b: Studio) -> None:
    plain, towards = frames_of(a14b.render()[0]), frames_of(a14b.render(last=ROCKET)[0])

    differences = [
        np.abs(one.astype(int) - other).mean() for one, other in zip(plain, towards, strict=True)
    ]
    assert differences[-1] > differences[0]


def test_with_guidance_1_no_pass_is_made_for_what_is_not_wanted(folders: Path, out: Path) -> None:
    guided = Studio(tiny_folder("wan-a14b", folders), out, guidance=4.0)
    unguided = Studio(tiny_folder("wan-a14b", folders), out, guidance=1.0)

    assert guided.render()[1].forwards == 4
    assert unguided.render()[1].forwards == 2
    assert unguided.digest(negative_prompt="blurred") == unguided.digest()


def test_progress_grows_in_more_steps_than_the_sampler_has(a14b: Studio) -> None:
    heard = Heard()

    a14b.render(heard)

    assert all(before < after for before, after in pairwise(heard.fractions))
    assert heard.fractions[0] > 0
    assert heard.fractions[-1] == 1
    denoising = [each for each in heard.fractions if 0.02 <= each < 0.92]
    assert len(denoising) >= 2 * a14b.held.task.options.steps


def test_a_frame_that_cannot_be_decoded_is_refused_by_its_name(
    a14b: Studio, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(CAT.read_bytes()[:2000])

    with pytest.raises(BadImage) as refused:
        a14b.render(last=broken)

    assert refused.value.param == "last_image"


def test_a_picture_of_another_shape_is_covered_and_not_squeezed(
    a14b: Studio, tmp_path: Path
) -> None:
    wide = tmp_path / "wide.png"
    middle = Image.open(CAT).convert("RGB").resize((96, 64))
    around = Image.new("RGB", (288, 64), (255, 0, 0))
    around.paste(middle, (96, 0))
    around.save(wide)
    plain = tmp_path / "plain.png"
    middle.save(plain)

    assert a14b.digest(first=wide) == a14b.digest(first=plain)


def test_a_pipeline_without_a_size_of_its_own_choice_renders_by_the_pictures_shape(
    folders: Path, out: Path
) -> None:
    studio = Studio(tiny_folder("hunyuan15", folders), out)

    upright, _ = studio.render(size=Size(64, 112))

    assert frames_of(upright)[0].shape == (112, 64, 3)


def test_the_guidance_of_a_guider_is_the_operators(folders: Path, out: Path) -> None:
    folder = tiny_folder("hunyuan15", folders)
    plain, guided = (Studio(folder, out, steps=9), Studio(folder, out, steps=9, guidance=9.0))

    assert plain.digest() != guided.digest()
    assert guided.held.pipeline.guider.guidance_scale == 9.0


# diffusers' own, which it hands to NumPy
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_last_frame_goes_in_as_a_condition_where_the_pipeline_takes_conditions(
    folders: Path, out: Path, tmp_path: Path
) -> None:
    held = Studio(tiny_folder("ltx", folders), out).held
    profile = msgspec.structs.replace(held.profile, last_frame="conditions")
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler()  # as its folders have it
    components = held.pipeline.components | {"scheduler": scheduler}
    pipeline = diffusers.LTXConditionPipeline(**components)
    conditioned = dataclasses.replace(held, pipeline=pipeline, profile=profile)

    def made(name: str, **fields: Any) -> str:
        task = render_task(held.task, tmp_path / name, **fields)
        render(conditioned, task, Heard())
        return digest(tmp_path / name)

    assert made("first.mp4") == made("same.mp4")
    assert made("first.mp4") != made("last.mp4", last=ROCKET)


# torch's own, where its compiler is imported
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")
def test_warming_calls_both_experts_for_each_shape_and_decodes_nothing(folders: Path) -> None:
    folder = tiny_folder("wan-a14b", folders)
    held, plain = (
        Holder().have(load_task(folder, compile=each), Heard()) for each in (True, False)
    )
    called: list[str] = []
    for name, network in (
        ("first", held.pipeline.transformer),
        ("second", held.pipeline.transformer_2),
        ("decoder", held.pipeline.vae.decoder),
    ):
        network.register_forward_pre_hook(lambda *_, name=name: called.append(name))
    heard, unheard = Heard(), Heard()
    shapes = (Size(96, 64), Size(64, 96))

    with torch.compiler.set_stance("force_eager"):  # without the minute that a compiler takes
        warm(held, WarmTask(load=held.task, shapes=shapes, duration_s=1), heard)
    warm(plain, WarmTask(load=plain.task, shapes=shapes, duration_s=1), unheard)

    assert called == ["first", "second"] * 2
    assert all(before <= after for before, after in pairwise(heard.fractions))
    assert heard.fractions[-1] <= 1
    assert not unheard.fractions
