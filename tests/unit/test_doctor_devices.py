"""What the doctor says of open models: their weights, and how they fit the devices here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from support.weight_folders import write_folder
from unstill.cli.doctor_devices import device_finding, device_findings
from unstill.cli.doctor_finding import Finding
from unstill.domain.errors import OperatorError
from unstill.engines.diffusers.folder import Component, Folder
from unstill.engines.diffusers.machine import INSTALL, Device, Machine
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.profiles import PROFILES
from unstill.settings.engines import DiffusersSettings, EngineSettings
from unstill.settings.reader import Settings

BY_NAME = {profile.name: profile for profile in PROFILES}
GB = 10**9
# The published weights of A14B: two experts of 14.289 B, a text encoder of 5.7 B, a VAE of 0.127 B.
A14B = Folder(
    "/weights",
    BY_NAME["wan2.2-a14b"],
    {
        name: Component(name, "diffusers", "", ("a",), loaded_bytes=size)
        for name, size in {
            "transformer": 28_578_000_000,
            "transformer_2": 28_578_000_000,
            "text_encoder": 11_400_000_000,
            "vae": 508_000_000,
        }.items()
    },
    hidden=5120,
    blocks=40,
)
VERSIONS = {"torch": "2.13.0", "diffusers": "0.42.1"}


def gpu(free_gb: float, number: int = 0) -> Device:
    return Device(
        name=f"cuda:{number}",
        title="NVIDIA H200",
        capability=(9, 0),
        total_bytes=150 * GB,
        free_bytes=int(free_gb * GB),
    )


def cpu(free_gb: float) -> Device:
    return Device(name="cpu", title="CPU", total_bytes=256 * GB, free_bytes=int(free_gb * GB))


def machine(*devices: Device, host_free_gb: float = 128) -> Machine:
    return Machine(
        versions=VERSIONS,
        cuda="12.8",
        devices=(*devices, cpu(host_free_gb)),
        host_free_bytes=int(host_free_gb * GB),
        attention={"cuda:0": ("cudnn", "native", "efficient")},
    )


def fitted(free_gb: float, host_free_gb: float = 128, **options: object) -> Finding:
    here = machine(gpu(free_gb), host_free_gb=host_free_gb)
    wanted = msgspec.convert({"path": "", **options}, PipelineOptions)
    return device_finding("engine gpu", A14B, here.devices[0], here, wanted)


def asked(look: Callable[[], Machine], **engines: EngineSettings) -> list[Finding]:
    return list(device_findings(Settings(engines=engines), lambda _: " (line 3)", look))


# --- one device ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free_gb", "rung"),
    [
        (140, "memory = resident, encoders too, 77.1 GB for the largest video"),
        (80, "memory = resident, 77.1 GB for the largest video"),
        (48, "memory = block-offload, 21.4 GB for the largest video"),
    ],
)
def test_a_device_is_told_with_the_rung_that_fits_it(free_gb: float, rung: str) -> None:
    finding = fitted(free_gb)

    assert finding.is_well
    assert finding.detail.startswith(
        f"cuda:0 is NVIDIA H200, capability 9.0, {free_gb:.1f} GB free of 150.0 GB; {rung}; "
        "attention = cudnn"
    )


def test_a_device_that_is_too_small_is_told_with_what_to_do() -> None:
    finding = fitted(16)

    assert (finding.is_well, finding.is_needed) == (False, False)
    assert "memory = block-offload-fp8, 20.7 GB" in finding.detail
    assert finding.detail.endswith("; that is more than is free")
    assert "smaller weights or a larger card" in finding.mend


def test_a_chosen_rung_is_judged_and_not_replaced() -> None:
    enough, too_much = fitted(24, memory="block-offload"), fitted(24, memory="resident")

    assert enough.is_well
    assert not too_much.is_well
    assert "memory = resident, 77.1 GB" in too_much.detail


@pytest.mark.parametrize(
    ("host_free_gb", "is_well", "said"),
    [
        (128, True, "68.6 GB wait in the machine's own memory, pinned for 2 of 2"),
        (70, True, "68.6 GB wait in the machine's own memory, pinned for 1 of 2"),
        (64, False, "68.6 GB wait in the machine's own memory, where 64.0 GB are free"),
    ],
)
def test_what_is_offloaded_needs_the_machines_own_memory(
    host_free_gb: float, *, is_well: bool, said: str
) -> None:
    finding = fitted(48, host_free_gb)

    assert finding.is_well is is_well
    assert finding.detail.endswith(said)


@pytest.mark.parametrize(
    ("wanted", "taken"), [("auto", "cudnn"), ("cudnn", "cudnn"), ("efficient", "efficient")]
)
def test_the_attention_is_told_that_weights_will_run_with(wanted: str, taken: str) -> None:
    finding = fitted(80, attention=wanted)

    assert finding.is_well
    assert finding.detail.endswith(f"; attention = {taken}")


def test_an_attention_that_does_not_run_is_told_with_those_that_do() -> None:
    finding = fitted(80, attention="sage")

    assert (finding.is_well, finding.is_needed) == (False, False)
    assert finding.detail.endswith("attention = native, since sage does not run there")
    assert finding.mend.endswith("set one that runs: cudnn, native, efficient")


def test_an_attention_of_a_device_that_was_not_tried_is_told_so() -> None:
    here = machine(gpu(80, 1))

    finding = device_finding("gpu", A14B, here.devices[0], here, PipelineOptions(path=""))

    assert finding.is_well
    assert finding.detail.endswith("attention = auto, not tried")


@pytest.mark.parametrize(("free_gb", "is_well"), [(138, True), (136, False)])
def test_a_cpu_has_all_weights_in_32_bits(free_gb: float, *, is_well: bool) -> None:
    here = machine(host_free_gb=free_gb)

    finding = device_finding("cpu", A14B, here.devices[0], here, PipelineOptions(path=""))

    assert finding.is_well is is_well
    assert "memory = resident, weights take 137.6 GB in float32" in finding.detail


def test_a_cpu_is_told_with_the_rung_that_was_chosen() -> None:
    here = machine(host_free_gb=138)

    options = PipelineOptions(path="", memory="block-offload")
    finding = device_finding("cpu", A14B, here.devices[0], here, options)

    assert "; memory = block-offload, " in finding.detail


# --- engines ------------------------------------------------------------------------------------


def engine(path: Path, **values: object) -> DiffusersSettings:
    return msgspec.convert({"kind": "diffusers", "path": str(path), **values}, DiffusersSettings)


def test_without_such_an_engine_nothing_is_looked_at() -> None:
    def look() -> Machine:
        raise AssertionError

    assert asked(look) == []


def test_an_engine_is_told_with_its_licence_and_each_of_its_devices(tmp_path: Path) -> None:
    root = write_folder(tmp_path, BY_NAME["wan2.2-5b"])
    here = machine(gpu(80), gpu(80, 1))

    packages, weights, *devices = asked(lambda: here, gpu=engine(root))

    assert packages == Finding("open models", True, "torch 2.13.0, diffusers 0.42.1; CUDA 12.8")
    assert weights.is_well
    assert weights.detail.startswith("Wan 2.2 TI2V 5B, whole, 0.0 MB in ")
    assert weights.detail.endswith("licence: Apache-2.0")
    assert [each.detail.partition(" ")[0] for each in devices] == ["cuda:0", "cuda:1"]
    assert all(each.is_well and each.what == "engine gpu" for each in devices)


def test_terms_that_an_operator_has_to_know_are_told(tmp_path: Path) -> None:
    root = write_folder(tmp_path, BY_NAME["hunyuan-video-1.5"])

    _, weights, *_ = asked(lambda: machine(gpu(80)), gpu=engine(root))

    assert (
        "licence: Tencent Hunyuan Community License (not for the European Union" in weights.detail
    )


def test_a_folder_that_is_not_whole_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    root = write_folder(tmp_path, BY_NAME["wan2.2-5b"])
    (root / "vae/config.json").unlink()

    _, *findings = asked(lambda: machine(gpu(80)), gpu=engine(root))

    assert [each.is_well for each in findings] == [False]
    assert findings[0].detail == f"{root}, vae/config.json: is missing"
    assert "set engines.gpu.path (line 3) to another folder" in findings[0].mend


def test_without_torch_the_weights_are_told_and_what_to_install(tmp_path: Path) -> None:
    root = write_folder(tmp_path, BY_NAME["wan2.2-5b"])
    bare = Machine(versions={}, missing=("torch", "diffusers"))

    packages, weights = asked(lambda: bare, gpu=engine(root))

    assert not packages.is_well
    assert "needs torch, diffusers" in packages.detail
    assert INSTALL in packages.mend
    assert weights.is_well


def test_a_machine_that_cannot_be_looked_at_is_told_in_its_words(tmp_path: Path) -> None:
    def look() -> Machine:
        raise OperatorError("torch did not say")

    packages, _ = asked(look, gpu=engine(write_folder(tmp_path, BY_NAME["wan2.2-5b"])))

    assert (packages.is_well, packages.detail) == (False, "torch did not say")


def test_a_device_that_is_not_there_is_told_with_the_setting(tmp_path: Path) -> None:
    root = write_folder(tmp_path, BY_NAME["wan2.2-5b"])

    *_, finding = asked(lambda: machine(gpu(80)), gpu=engine(root, devices=["cuda:3"]))

    assert not finding.is_well
    assert "engines.gpu.devices: names cuda:3" in finding.detail
    assert finding.detail.endswith("(line 3)")


def test_without_a_gpu_the_setting_that_allows_a_cpu_is_told(tmp_path: Path) -> None:
    root = write_folder(tmp_path, BY_NAME["wan2.2-5b"])

    *_, refused = asked(machine, gpu=engine(root))
    *_, allowed = asked(machine, gpu=engine(root, allow_cpu=True))

    assert "allow_cpu" in refused.detail
    assert allowed.is_well
    assert allowed.detail.startswith("cpu, 128.0 GB free")


def test_two_engines_on_one_device_are_told(tmp_path: Path) -> None:
    root = write_folder(tmp_path, BY_NAME["wan2.2-5b"])
    here = machine(gpu(80), gpu(80, 1))
    own: dict[str, EngineSettings] = {
        "a": engine(root, devices=["cuda:0"]),
        "b": engine(root, devices=["cuda:1"]),
    }

    apart = asked(lambda: here, **own)
    together = asked(lambda: here, **own, c=engine(root, devices=["cuda:1"]))

    assert all(each.is_well for each in apart)
    assert [each.detail for each in together if not each.is_well] == [
        "cuda:1 is of b and c, whose weights it has to hold together"
    ]
