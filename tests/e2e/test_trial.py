"""A server whose installation makes no video says so and does not serve."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.servers import Serving
from unstill.engines.camera.self_test import FOLDER
from unstill.system.installed import STAMP

pytestmark = pytest.mark.slow

# As PyAV 19 was to a program of PyAV 18: an argument is gone, all else works.
OF_ANOTHER_TIME = """
import sys
from pathlib import Path
sys.path.remove(str(Path(__file__).parent))
del sys.modules["av"]
import av
real = av.open
def opened(*args, **options):
    if args[1:2] == ("r",):
        raise TypeError("open got an unexpected argument")
    return real(*args, **options)
av.open = opened
sys.modules["av"] = av
"""
BROKEN = {
    # Which package of another time, and a word of what is told.
    "no decoder of videos": ("av", "raise ImportError('this av is of another time')"),
    "no argument that is needed": ("av", OF_ANOTHER_TIME),
    "no camera": ("cv2", "raise ImportError('this cv2 is of another time')"),
    "no pictures": ("PIL", "raise ImportError('this PIL is of another time')"),
}


def environment(folder: Path, package: str, source: str) -> dict[str, str]:
    """As if that was what is installed."""
    packages = folder / "packages"
    packages.mkdir()
    (packages / f"{package}.py").write_text(source)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")}
    return kept | {"PYTHONPATH": str(packages)}


def served(folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unstill", "serve", "--port", "0", "--data-dir", "data"]
    return subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=150, check=False
    )


@pytest.mark.parametrize(("package", "source"), BROKEN.values(), ids=BROKEN.keys())
def test_a_start_on_a_broken_installation_ends_with_what_mends_it(
    tmp_path: Path, package: str, source: str
) -> None:
    ran = served(tmp_path, environment(tmp_path, package, source))

    assert ran.returncode == 1
    assert "self_test_failed" in ran.stderr
    assert "unstill: the self-test failed, no video can be made here: " in ran.stderr
    assert "constraints.txt" in ran.stderr
    assert not (tmp_path / "data" / STAMP).exists()
    assert list((tmp_path / "data").glob(f"{FOLDER}*")) == []


def test_a_start_after_a_bad_upgrade_does_not_begin_to_serve(tmp_path: Path) -> None:
    variables = environment(tmp_path, "av", "raise ImportError('this av is of another time')")
    data = tmp_path / "data"
    data.mkdir()
    (data / STAMP).write_text("what was installed yesterday")

    ran = served(tmp_path, variables)

    assert ran.returncode == 1
    assert " is ready at " not in ran.stdout
    assert "the self-test failed" in ran.stderr
    assert (data / STAMP).read_text() == "what was installed yesterday"


def test_a_good_installation_is_tried_once_and_leaves_no_child(tmp_path: Path) -> None:
    with Serving(tmp_path, is_tried=False) as server:
        until_tried(server)
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        left = children.read_text()
        health = server.http.get("/health")
    with Serving(tmp_path, is_tried=False) as again:
        at_once = [path.name for path in tmp_path.glob(f"{FOLDER}*")]
        again_health = again.http.get("/health")

    assert left == ""
    assert (health.status_code, again_health.status_code) == (200, 200)
    assert at_once == []


def until_tried(server: Serving) -> None:
    for _ in range(300):
        if (server.data_dir / STAMP).exists() and not list(server.data_dir.glob(f"{FOLDER}*")):
            return
        time.sleep(0.1)
    raise AssertionError(server.log)
