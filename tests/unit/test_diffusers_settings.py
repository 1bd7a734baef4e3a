"""`[engines.NAME]` of kind diffusers: what is taken, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from support.settings_files import read_in, refused_in
from unstill.engines.diffusers.options import Attention, Memory, PipelineOptions
from unstill.settings.engines import DiffusersSettings

ENGINE = '[engines.gpu]\nkind = "diffusers"\n'
PATH = 'path = "weights"\n'
WAN22 = "Wan-AI/Wan2.2-I2V"


def own(tmp_path: Path, toml: str = "") -> DiffusersSettings:
    engine = read_in(tmp_path, ENGINE + PATH + toml).engines["gpu"]
    assert isinstance(engine, DiffusersSettings)
    return engine


def refused(tmp_path: Path, toml: str) -> str:
    return refused_in(tmp_path, ENGINE + PATH + toml)


def test_a_path_is_all_that_it_needs(tmp_path: Path) -> None:
    assert own(tmp_path) == DiffusersSettings(path="weights")
    assert refused_in(tmp_path, ENGINE) == (
        "engines.gpu.path: is needed: a folder of weights, with model_index.json in it"
    )


def test_the_words_for_memory_and_attention_are_those_that_a_child_is_told() -> None:
    types = get_type_hints(DiffusersSettings)

    # The engine's Memory is a word beside the rungs, and reads as one set of words.
    memory = {word for part in get_args(Memory) for word in get_args(part) or (part,)}
    assert set(get_args(types["memory"])) == memory
    assert get_args(types["attention"]) == get_args(Attention)


def test_what_a_child_is_told_are_settings_of_the_same_name_and_default() -> None:
    told, settings = PipelineOptions(path=""), DiffusersSettings(path="")

    for field in PipelineOptions.__struct_fields__:
        assert getattr(told, field) == getattr(settings, field), field


@pytest.mark.parametrize("path", ["", "  ", "$HOME/weights", "~nobody-here/weights"])
@pytest.mark.parametrize("setting", ["path", "lora"])
def test_a_path_that_is_none_is_refused(tmp_path: Path, path: str, setting: str) -> None:
    value = f'"{path}"' if setting == "path" else f'["{path}"]'
    toml = ENGINE + (PATH if setting == "lora" else "") + f"{setting} = {value}"

    assert refused_in(tmp_path, toml).startswith(f"engines.gpu.{setting}: ")


def test_a_tilde_is_a_home_and_any_other_path_stays_as_it_is(tmp_path: Path) -> None:
    toml = ENGINE + 'path = "~/weights"\nlora = ["~/high", "low"]\n'
    engine = read_in(tmp_path, toml).engines["gpu"]
    home = str(Path.home())

    assert isinstance(engine, DiffusersSettings)
    assert (engine.path, engine.lora) == (f"{home}/weights", (f"{home}/high", "low"))


@pytest.mark.parametrize(
    "devices", [[], ["cpu"], ["cuda:0"], ["cuda:3", "cuda:0"], ["cuda:999"]], ids=str
)
def test_devices_are_taken_in_the_order_they_have(tmp_path: Path, devices: list[str]) -> None:
    toml = f"devices = {devices}".replace("'", '"')

    assert own(tmp_path, toml).devices == tuple(devices)


@pytest.mark.parametrize("device", ["cuda", "cuda:", "cuda:01", "cuda:-1", "cuda:1000", "CPU", ""])
def test_a_device_that_is_none_is_refused_by_its_setting(tmp_path: Path, device: str) -> None:
    told = refused(tmp_path, f'devices = ["cuda:0", "{device}"]')

    assert told == (
        f"engines.gpu.devices: must be cuda:0, cuda:1 and so on, or cpu, got {device!r}"
    )


def test_a_device_twice_and_a_cpu_beside_others_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, 'devices = ["cuda:1", "cuda:0", "cuda:1"]') == (
        "engines.gpu.devices: names cuda:1 twice"
    )
    assert own(tmp_path, 'devices = ["cpu", "cpu"]').devices == ("cpu", "cpu")
    assert "names cpu beside others" in refused(tmp_path, 'devices = ["cuda:0", "cpu"]')


def test_two_lora_files_are_taken_and_three_refused(tmp_path: Path) -> None:
    assert own(tmp_path, 'lora = ["high", "low"]').lora == ("high", "low")
    told = refused(tmp_path, 'lora = ["a", "b", "c"]')
    assert told == "engines.gpu.lora: must be a list of at most two, got a list of 3"
    told = refused(tmp_path, 'lora = ["a", 1]')
    assert told == "engines.gpu.lora: must be a list of at most two, got a list with 1 in it"


@pytest.mark.parametrize("setting", ["guidance", "guidance_2", "shift"])
def test_a_number_that_may_be_left_out_has_no_value_then(tmp_path: Path, setting: str) -> None:
    assert getattr(own(tmp_path), setting) is None
    assert getattr(own(tmp_path, f"{setting} = 5"), setting) == 5.0


@pytest.mark.parametrize("value", ['"strong"', "true", "{ a = 1 }", "[1]", "nan", "inf"])
@pytest.mark.parametrize("setting", ["guidance", "shift"])
def test_what_is_no_such_number_is_refused_with_its_range(
    tmp_path: Path, setting: str, value: str
) -> None:
    told = refused(tmp_path, f"{setting} = {value}")

    assert told.startswith(f"engines.gpu.{setting}: must be a number ")


@pytest.mark.parametrize("setting", ["memory", "attention"])
def test_a_word_that_is_none_of_the_ladder_or_the_kernels_is_refused_with_the_near_one(
    tmp_path: Path, setting: str
) -> None:
    told = refused(tmp_path, f'{setting} = "autos"')

    assert told.startswith(f"engines.gpu.{setting}: must be auto or ")
    assert told.endswith("got 'autos'; did you mean auto?")


def test_models_are_canonical_ids_each_once(tmp_path: Path) -> None:
    assert own(tmp_path, f'models = ["{WAN22.upper()}", "wan2.7-i2v"]').models == (
        WAN22,
        "wan2.7-i2v",
    )
    twice = refused(tmp_path, f'models = ["{WAN22}", "{WAN22.lower()}"]')
    assert twice == f"engines.gpu.models: names {WAN22} twice"
    none = refused(tmp_path, 'models = ["wan2.7-i2w"]')
    assert none.startswith("engines.gpu.models: must be one of ")
    assert none.endswith("did you mean wan2.7-i2v?")


def test_a_setting_of_another_kind_is_refused_as_that(tmp_path: Path) -> None:
    assert refused(tmp_path, "slots = 2") == "engines.gpu.slots: is of kind camera only"


def test_an_engine_of_weights_may_stand_anywhere_in_a_route_and_a_camera_only_first(
    tmp_path: Path,
) -> None:
    toml = (
        ENGINE
        + PATH
        + '[engines.still]\nkind = "camera"\n'
        + '[engines.far]\nkind = "modelverse"\nbase_url = "http://far/v1"\n'
    )

    def route(*engines: str) -> str:
        listed = ", ".join(f'"{each}"' for each in engines)
        return f'{toml}[models."{WAN22}"]\nengines = [{listed}]\n'

    for taken in (("gpu", "far"), ("far", "gpu"), ("still", "gpu", "far"), ("camera", "far")):
        assert read_in(tmp_path, route(*taken)).models[WAN22].engines == taken
    for camera in ("still", "camera"):
        told = refused_in(tmp_path, route("gpu", camera))
        assert told.endswith(f"{camera} may only come first: no job falls through to a camera")
