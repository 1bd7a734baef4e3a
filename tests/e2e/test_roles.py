"""Servers that answer alone and workers, as processes of their own."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from benchmarks.fleet import Fleet, Member, fleet

from e2e.test_cli import run
from support.emulator_process import Emulator
from support.in_process import create_body
from support.postgres_servers import shared
from support.s3_servers import seaweed
from support.server_children import children
from support.settings_files import engine, model
from support.waits import hold_until

NOWHERE = "postgresql://u:hidden@127.0.0.1:9/x"


@pytest.mark.parametrize(
    "command", [("serve", "--no-work"), ("worker",), ("worker", "--lanes=save")]
)
def test_a_part_of_the_work_is_done_on_a_database_alone(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    ran = run(*command, cwd=tmp_path)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"unstill: server.database: is needed by unstill {command[0]}")
    assert "see docs/settings.md" in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--lanes", "frames,videos"), "--lanes: must be of frames, render, calls, polls, save, "),
        (("--lanes", ""), "--lanes: must be of frames, render"),
        (("--engines", "gpu2"), "--engines: must be of camera, gpu1, got 'gpu2'"),
        (("--engines", "gpu1", "--lanes", "frames"), "--engines: say nothing of frames"),
    ],
)
def test_work_that_there_is_not_is_refused_with_what_there_is(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / "unstill.toml").write_text('[engines.gpu1]\nkind = "camera"\n')
    ran = run(
        "worker", *options, cwd=tmp_path, UNSTILL_DATABASE=NOWHERE, UNSTILL_FILES="s3://videos"
    )

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"unstill: {said}")
    assert "hidden" not in ran.stderr


def test_files_on_a_disk_are_no_other_servers(tmp_path: Path) -> None:
    ran = run("worker", cwd=tmp_path, UNSTILL_DATABASE=NOWHERE)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("unstill: server.files: is needed by unstill worker, whose jobs'")


# --- a fleet ---------------------------------------------------------------------------------

ON_GPU = """
[engines.gpu1]
kind = "camera"
slots = 1

[models.on-gpu]
like = "wan2.7-i2v"
engines = ["gpu1"]
"""
ALIVE = "alive"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Emulator]:
    with Emulator("dashscope", job_s=600.0) as emulator:  # no job of it ends by itself
        yield emulator


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, upstream: Emulator) -> Iterator[Fleet]:
    """One that answers, one that renders for gpu1, one that does all else but rendering."""
    config = "\n".join((ON_GPU, engine("paid", upstream), model("solo", "paid", like="wan2.7-i2v")))
    folder = tmp_path_factory.mktemp("s3")
    alive = folder / ALIVE
    roles = {
        "gateway": ["serve", "--no-work"],
        "gpu": ["worker", "--engines", "gpu1", "--health-file", str(alive)],
        "rest": ["worker", "--lanes", "frames,calls,polls,save,webhooks,upkeep"],
    }
    s3 = seaweed(folder)
    try:
        with fleet(shared(), s3, config, roles=roles) as members:
            members.start()
            for name in roles:
                first_line(members, name)
            yield members
    finally:
        s3.end()


def first_line(members: Fleet, name: str) -> str:
    """What a member says once it is ready."""
    member = members.members[name]
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        lines = member.log.read_text().splitlines()
        found = next((line for line in lines if line.startswith("unstill ")), None)
        if found is not None:
            return found
        assert member.is_up, member.log.read_text()
        time.sleep(0.05)
    raise TimeoutError(member.log.read_text())


def pid_of(member: Member) -> int:
    assert member.process is not None
    return member.process.pid


def listening(pid: int) -> bool:
    """Whether a process has a socket that takes connections."""
    folder = Path(f"/proc/{pid}")
    lines = (folder / "net/tcp").read_text().splitlines()[1:]
    lines += (folder / "net/tcp6").read_text().splitlines()[1:]
    taking = {f"socket:[{line.split()[9]}]" for line in lines if line.split()[3] == "0A"}
    own = set()
    for each in (folder / "fd").iterdir():
        with suppress(OSError):
            own.add(str(each.readlink()))
    return not taking.isdisjoint(own)


@pytest.mark.slow
def test_a_fleet_of_parts_makes_a_video_and_each_does_its_own(small: Fleet) -> None:
    gateway, gpu, rest = (small.members[name] for name in ("gateway", "gpu", "rest"))
    with httpx2.Client(base_url=gateway.url, timeout=60) as http:
        on_gpu, on_camera = (
            http.post("/v1/tasks/submit", json=create_body(model)).json()["output"]["task_id"]
            for model in ("on-gpu", "wan2.7-i2v")
        )
        ended = ended_by(http, on_gpu)
        video = http.get(ended["urls"][0]).content
        waits = http.get("/v1/tasks/status", params={"task_id": on_camera}).json()["output"]

    assert ended["task_status"] == "Success"
    assert video[4:8] == b"ftyp"
    assert waits["task_status"] == "Pending"  # nobody renders for the camera
    assert "is ready to work: render, calls, polls of gpu1" in first_line(small, "gpu")
    assert "is ready to work: frames, calls, polls, save, webhooks" in first_line(small, "rest")
    of_camera = {m.name: bool(children(pid_of(m), "unstill.engines")) for m in (gateway, gpu, rest)}
    assert of_camera == {"gateway": False, "gpu": True, "rest": False}
    assert [listening(pid_of(each)) for each in (gateway, gpu, rest)] == [True, False, False]


def ended_by(http: httpx2.Client, task_id: str) -> dict[str, Any]:
    until_s = time.monotonic() + 120
    while time.monotonic() < until_s:
        params = {"task_id": task_id, "wait": "10"}
        told = http.get("/v1/tasks/status", params=params).json()["output"]
        if told["task_status"] in {"Success", "Failure"}:
            return dict(told)
    raise TimeoutError(told)


@pytest.mark.slow
def test_a_server_without_work_cancels_at_an_upstream_that_another_one_polls(
    small: Fleet, upstream: Emulator
) -> None:
    with httpx2.Client(base_url=small.members["gateway"].url, timeout=60) as http:
        answer = http.post("/v1/tasks/submit", json=create_body("solo"))
        task_id = answer.json()["output"]["task_id"]
        hold_until(lambda: word(http, task_id) == "RUNNING")
        cancelled = http.post(f"/api/v1/tasks/{task_id}/cancel")
        after = word(http, task_id)

    assert (cancelled.status_code, after) == (200, "CANCELED")
    assert [each["state"] for each in upstream.jobs()] == ["cancelled"]


def word(http: httpx2.Client, task_id: str) -> str:
    """Its state, in DashScope's words."""
    return str(http.get(f"/api/v1/tasks/{task_id}").json()["output"]["task_status"])


@pytest.mark.slow
def test_a_server_with_other_files_is_refused_while_they_are_up(small: Fleet) -> None:
    ran = run(
        "worker",
        "--config",
        str(small.config),
        cwd=small.folder,
        **{**small.environment, "UNSTILL_FILES": "s3://elsewhere"},
        UNSTILL_DATABASE=small.database,
        UNSTILL_DATA_DIR=str(small.folder / "other"),
    )

    assert (ran.returncode, ran.stdout) == (1, "")
    said = f"server.files is s3://elsewhere here and {small.environment['UNSTILL_FILES']} at a"
    assert said in ran.stderr


@pytest.mark.slow
def test_a_worker_is_seen_alive_by_its_file_and_ends_with_0(small: Fleet) -> None:
    """Last: it ends the fleet's own."""
    gpu = small.members["gpu"]
    first_line(small, "gpu")
    (alive,) = (Path(each) for each in gpu._command if each.endswith(f"/{ALIVE}"))
    touched_ns = alive.stat().st_mtime_ns
    until_s = time.monotonic() + 60
    while alive.stat().st_mtime_ns == touched_ns:
        assert time.monotonic() < until_s
        time.sleep(0.1)
    process = gpu.process
    assert process is not None
    process.send_signal(signal.SIGTERM)

    assert process.wait(60) == 0
    assert not alive.exists()
