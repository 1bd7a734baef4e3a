"""What the server learns of devices and packages, from a program that it asks."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from unstill.domain.errors import BadSetting, OperatorError
from unstill.engines.diffusers.child.look import NEEDED
from unstill.engines.diffusers.machine import (
    PROGRAM,
    Device,
    Machine,
    check_packages,
    devices_of,
    look_by,
)
from unstill.system.machine import memory_bytes

SRC = str(Path(__file__).parents[2] / "src")
VERSIONS = dict.fromkeys(NEEDED, "1.0")
TORCH_OF_TWO_DEVICES = """
import os
print("a library that prints")
class version: cuda, hip = "13.0", None
class cuda:
    class _Properties:
        name, major, minor = "Card", 9, 0
    init = staticmethod(lambda: None)
    listed = os.environ.get("CUDA_VISIBLE_DEVICES", "0,1").split(",")
    device_count = staticmethod(lambda: len(cuda.listed))
    get_device_properties = staticmethod(lambda number: cuda._Properties)
    mem_get_info = staticmethod(lambda number: (10 + number, 100))
"""
TORCH_WITHOUT_DRIVER = """
class version: cuda, hip = "13.0", None
class cuda:
    @staticmethod
    def init(): raise RuntimeError("Found no driver on your system.\\nMore of it.")
"""
TORCH_FOR_CPUS = "class version: cuda = hip = None\n"
TORCH_THAT_IS_BROKEN = "raise ImportError('libcudart.so.13: no such file')\n"


def seen_with(folder: Path, torch: str, **variables: str) -> Machine:
    """What the real program says of a torch that is a few lines, and of packages by name alone."""
    (folder / "torch.py").write_text(torch)
    for name in NEEDED:
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    return look_by(PROGRAM, own=environment(folder, **variables))


def environment(folder: Path, **variables: str) -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), SRC))} | variables


def test_devices_are_told_with_their_memory_and_capability_and_the_cpu_last(tmp_path: Path) -> None:
    seen = seen_with(tmp_path, TORCH_OF_TWO_DEVICES)

    first, second, cpu = seen.devices
    assert first == Device(
        name="cuda:0", title="Card", capability=(9, 0), total_bytes=100, free_bytes=10
    )
    assert (second.name, second.free_bytes) == ("cuda:1", 11)
    assert (cpu.name, cpu.capability) == ("cpu", None)
    assert 0 < cpu.free_bytes <= cpu.total_bytes
    assert seen.cuda_devices == ("cuda:0", "cuda:1")
    assert (seen.versions, seen.missing, seen.trouble) == (VERSIONS, (), "")
    assert (seen.cuda, seen.attention) == ("13.0", {})


def test_only_the_devices_that_the_operator_leaves_are_seen(tmp_path: Path) -> None:
    seen = seen_with(tmp_path, TORCH_OF_TWO_DEVICES, CUDA_VISIBLE_DEVICES="7")

    assert seen.cuda_devices == ("cuda:0",)


def test_a_driver_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    seen = seen_with(tmp_path, TORCH_WITHOUT_DRIVER)

    assert seen.trouble == "Found no driver on your system."
    assert (seen.cuda, seen.cuda_devices) == ("13.0", ())
    check_packages(seen)


def test_a_torch_for_cpus_is_no_trouble(tmp_path: Path) -> None:
    seen = seen_with(tmp_path, TORCH_FOR_CPUS)

    assert (seen.cuda, seen.trouble) == ("", "")
    assert [device.name for device in seen.devices] == ["cpu"]


def test_a_torch_that_cannot_be_imported_is_told_with_why(tmp_path: Path) -> None:
    seen = seen_with(tmp_path, TORCH_THAT_IS_BROKEN)

    assert "torch" not in seen.versions
    with pytest.raises(OperatorError, match=r"libcudart\.so\.13: no such file"):
        check_packages(seen)


def test_packages_that_are_missing_are_named_with_what_to_install() -> None:
    seen = Machine(versions={"torch": "2"}, missing=("diffusers", "ftfy"))

    with pytest.raises(OperatorError) as refusal:
        check_packages(seen)

    assert refusal.value.message == "needs diffusers, ftfy: pip install 'unstill[diffusers]'"
    check_packages(Machine(versions=VERSIONS))


def test_on_this_very_machine_each_package_is_there_or_missing() -> None:
    seen = look_by(PROGRAM, own={**os.environ, "PYTHONPATH": SRC})

    assert {*seen.versions, *seen.missing} == set(NEEDED)
    assert seen.devices[-1].name == "cpu"
    assert "torch" not in sys.modules


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import time; time.sleep(60)", r"torch did not say within 0\.5 s"),
        ("raise SystemExit('a driver crashed')", "ended without a result: 'a driver crashed'"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "a result, and said nothing$"),
        ("print('nonsense')", "a result, and said nothing$"),
    ],
)
def test_a_program_that_fails_is_an_operators_error(tmp_path: Path, program: str, why: str) -> None:
    (tmp_path / "scripted_look.py").write_text(program)

    within_s = 0.5 if "sleep" in program else 60.0
    with pytest.raises(OperatorError, match=why):
        look_by("scripted_look", own=environment(tmp_path), within_s=within_s)


# --- which devices an engine has -----------------------------------------------------------------


def a_machine(cuda: int = 0, trouble: str = "") -> Machine:
    names = (*(f"cuda:{number}" for number in range(cuda)), "cpu")
    devices = tuple(Device(name=name, title="", total_bytes=1, free_bytes=1) for name in names)
    return Machine(versions=VERSIONS, devices=devices, trouble=trouble)


def devices(
    *wanted: str, cuda: int = 0, allow_cpu: bool = False, trouble: str = ""
) -> tuple[str, ...]:
    machine = a_machine(cuda, trouble)
    return devices_of(wanted, machine, allow_cpu=allow_cpu, setting="engines.gpu.devices")


def test_an_engine_has_the_devices_that_it_wants_else_all_of_cudas_else_the_cpu() -> None:
    assert devices("cuda:1", cuda=2) == ("cuda:1",)
    assert devices("cpu", cuda=2) == ("cpu",)
    assert devices("cpu") == ("cpu",)
    assert devices("cpu", "cpu") == ("cpu", "cpu")
    assert devices(cuda=2) == ("cuda:0", "cuda:1")
    assert devices(cuda=2, allow_cpu=True) == ("cuda:0", "cuda:1")
    assert devices(allow_cpu=True) == ("cpu",)


def test_a_machine_without_a_device_is_refused_with_what_would_do() -> None:
    with pytest.raises(BadSetting) as refusal:
        devices(trouble="Found no driver")

    assert refusal.value.setting == "engines.gpu.devices"
    assert "torch sees no CUDA device (Found no driver); allow_cpu = true" in refusal.value.reason


def test_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(BadSetting, match="names cuda:2, but torch sees cuda:0, cuda:1"):
        devices("cuda:0", "cuda:2", cuda=2)
    with pytest.raises(BadSetting, match="names cuda:0, but torch sees no CUDA device"):
        devices("cuda:0", allow_cpu=True)


# --- the machine's own memory --------------------------------------------------------------------


def memory(folder: Path, *, limit: str = "", used: int = 0, cached: int = 0) -> tuple[int, int]:
    """Of a machine with 1000 KiB, 600 of them free or in caches."""
    meminfo = folder / "meminfo"
    meminfo.write_text("MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\nHugePages: 0\n")
    if limit:
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        stat = f"anon 5\nactive_file {cached}\ninactive_file 1024\n"
        (folder / "memory.stat").write_text(stat)
    return memory_bytes(meminfo, folder)


def test_memory_is_what_the_machine_has_and_what_of_it_is_free_or_in_caches(tmp_path: Path) -> None:
    assert memory(tmp_path) == (1000 * 1024, 600 * 1024)
    assert memory(tmp_path, limit="max") == (1000 * 1024, 600 * 1024)


def test_a_containers_limit_counts_without_the_files_that_it_caches(tmp_path: Path) -> None:
    most = 500 * 1024

    assert memory(tmp_path, limit=str(most), used=400 * 1024, cached=9 * 1024) == (
        most,
        110 * 1024,
    )
    assert memory(tmp_path, limit=str(most), used=most + 2048, cached=0) == (most, 0)
    assert memory(tmp_path, limit=str(2**40), used=0) == (1000 * 1024, 600 * 1024)


def test_where_nothing_is_told_all_of_the_memory_counts_as_free(tmp_path: Path) -> None:
    total, free = memory_bytes(tmp_path / "nothing", tmp_path)

    assert total == free > 0
