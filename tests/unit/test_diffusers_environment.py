"""What a child on a device finds in its environment."""

from __future__ import annotations

import pytest

from unstill.engines.diffusers.environment import VISIBLE, kind_of, of_all_devices, of_device
from unstill.system.machine import child_environment

SERVERS = {
    "DASHSCOPE_API_KEY": "sk-secret",
    "UNSTILL_API_KEYS": "sk-secret",
    "HF_TOKEN": "hf_secret",
    "HUGGING_FACE_HUB_TOKEN": "hf_secret",
    "HF_HOME": "/home/operator/.cache",
    "PATH": "/usr/bin",
}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def test_each_device_is_the_only_one_that_its_child_sees() -> None:
    seen = [
        of_device(device, devices=3, cores=6, own={})[VISIBLE]
        for device in ("cuda:0", "cuda:3", "cpu")
    ]

    assert seen == ["0", "3", ""]
    assert [kind_of(device) for device in ("cuda:0", "cuda:3", "cpu")] == ["cuda", "cuda", "cpu"]


@pytest.mark.parametrize(
    ("listed", "device", "entry"),
    [
        ("2,3", "cuda:0", "2"),
        (" 2 , 3 ", "cuda:1", "3"),
        ("GPU-8f2e,MIG-77a1", "cuda:1", "MIG-77a1"),
        ("2,3", "cpu", ""),
        ("", "cpu", ""),
    ],
)
def test_an_operators_own_list_is_counted_through(listed: str, device: str, entry: str) -> None:
    assert of_device(device, devices=1, cores=1, own={VISIBLE: listed})[VISIBLE] == entry


@pytest.mark.parametrize(
    ("listed", "device"), [("2,3", "cuda:2"), ("", "cuda:0"), ("-1", "cuda:0")]
)
def test_no_device_is_taken_that_the_operator_did_not_leave(listed: str, device: str) -> None:
    with pytest.raises(IndexError):
        of_device(device, devices=1, cores=1, own={VISIBLE: listed})


@pytest.mark.parametrize(
    ("devices", "cores", "threads"),
    [(1, 8, "8"), (2, 8, "4"), (3, 8, "2"), (8, 8, "1"), (9, 8, "1")],
)
def test_the_cores_are_shared_by_the_devices(devices: int, cores: int, threads: str) -> None:
    variables = of_device("cpu", devices=devices, cores=cores, own={})

    assert [variables[name] for name in THREADS] == [threads] * 2


def test_an_operators_own_count_of_threads_holds() -> None:
    for own in ({"OMP_NUM_THREADS": "3"}, {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": ""}):
        variables = of_device("cuda:0", devices=2, cores=16, own=own)
        assert [variables[name] for name in THREADS] == ["3"] * 2
    variables = of_device("cpu", devices=1, cores=16, own={"MKL_NUM_THREADS": "5"})
    assert [variables[name] for name in THREADS] == ["16", "5"]
    variables = of_device("cpu", devices=1, cores=16, own={"OPENBLAS_NUM_THREADS": "5"})
    assert variables["OPENBLAS_NUM_THREADS"] == "1"


def test_nothing_is_fetched_and_no_cache_of_the_operators_is_read() -> None:
    for variables in (of_device("cpu", devices=1, cores=1, own=SERVERS), of_all_devices(SERVERS)):
        assert variables["HF_HUB_OFFLINE"] == variables["TRANSFORMERS_OFFLINE"] == "1"
        assert variables["TOKENIZERS_PARALLELISM"] == "false"
        assert variables["HF_HOME"] == "/nonexistent/huggingface"


def test_no_key_of_the_servers_reaches_a_child() -> None:
    for variables in (of_device("cpu", devices=1, cores=1, own=SERVERS), of_all_devices(SERVERS)):
        whole = {**child_environment(SERVERS), **variables}
        assert "secret" not in str(whole)
        assert whole["PATH"] == "/usr/bin"


def test_memory_is_taken_in_segments_that_grow_unless_the_operator_says_otherwise() -> None:
    older, name, own = "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF", "max_split_size_mb:128"

    def said(variables: dict[str, str]) -> tuple[str | None, str | None]:
        told = of_device("cuda:0", devices=1, cores=1, own=variables)
        return told.get(older), told.get(name)

    assert said({}) == ("expandable_segments:True", None)
    assert said({older: own}) == (own, None)
    assert said({name: own}) == (None, own)


def test_who_looks_at_all_devices_sees_those_that_the_operator_leaves() -> None:
    assert VISIBLE not in of_all_devices({})
    assert of_all_devices({VISIBLE: "2,3"})[VISIBLE] == "2,3"
    assert of_all_devices({VISIBLE: ""})[VISIBLE] == ""
    assert of_all_devices({"CUDA_DEVICE_ORDER": "PCI_BUS_ID"})["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
