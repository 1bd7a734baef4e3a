"""Install unstill as a person does, without constraints, on each Python, and make videos with it.

For every Python that the classifiers name: a fresh environment, `pip install .`, then videos by
`unstill serve` through a documented API, by an emulated upstream, and by `unstill generate`, each
decoded to its last frame. A Python that this machine lacks is named, and skipped; arguments such
as 3.12 ask for those alone. Needs the standard library alone.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PARTS = ("src", "pyproject.toml", "constraints.txt", "README.md", "LICENSE")
CAT = ROOT / "photos" / "chelsea.jpg"

INSTALL_S = 400.0  # some 150 MB, once; later runs take them from pip's cache
STEP_S = 60.0
TASK: dict[str, Any] = {
    "model": "Wan-AI/Wan2.2-I2V",
    "input": {"prompt": "slow push in"},
    "parameters": {"resolution": "480P", "duration": 5},
}
FRAMES = 120  # 5 s have so many, at 24 a second
EMULATED_FRAMES = 15  # the emulator writes 3 s, at 5 a second
SHORT_FRAMES = 60  # `generate` makes 2 s, at 30 a second

CONFIG = """
[engines.paid]
kind = "modelverse"
base_url = "{address}"
api_key = "a-key"
poll_interval_s = 0.2

[models."happyhorse-1.0-i2v"]
engines = ["paid"]
"""
# Every packet, not only what unstill itself looks at.
DECODE = """
import sys, av
with av.open(sys.argv[1]) as file:
    print(sum(1 for _ in file.decode(video=0)))
"""
VERSIONS = """
import re
from importlib.metadata import requires, version
names = [re.match(r"[\\w-]+", line)[0] for line in requires("unstill") if "extra" not in line]
print(" ".join(f"{name} {version(name)}" for name in names))
"""
# What extras bring and nothing else: gigabytes, some of it.
HEAVY = """
from importlib.util import find_spec
names = ("diffusers", "obstore", "opentelemetry", "torch", "transformers")
print(" ".join(name for name in names if find_spec(name)))
"""


Command = list[str | Path]


class Wrong(Exception):
    """What an install lacks, in words for whoever reads the check."""


def main() -> int:
    wanted = sys.argv[1:] or named_pythons()
    found = {version: path for version in wanted if (path := python_of(version)) is not None}
    failed = 0
    for version in wanted:
        if version not in found:
            say(version, "SKIPPED: this machine has no such Python")
            continue
        begun = time.monotonic()
        try:
            # A child that was just ended may still have been writing what it compiled.
            with tempfile.TemporaryDirectory(
                prefix="unstill-install-", ignore_cleanup_errors=True
            ) as folder:
                check(version, found[version], Path(folder))
        except (Wrong, OSError, subprocess.SubprocessError) as error:
            failed += 1
            say(version, f"FAILED after {time.monotonic() - begun:.0f} s: {error}")
        else:
            say(version, f"ok, {time.monotonic() - begun:.0f} s")
    if not found:
        say("none", f"FAILED: none of {', '.join(wanted)} is here")
    return 1 if failed or not found else 0


def say(version: str, words: str) -> None:
    print(f"install-check {version}: {words}", flush=True)  # noqa: T201  - it is a program


# --- the Pythons --------------------------------------------------------------------------------


def named_pythons() -> list[str]:
    """The versions that the classifiers name, such as 3.12."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = (re.fullmatch(r".*:: Python :: (3\.\d+)", each) for each in project["classifiers"])
    return [match[1] for match in named if match is not None]


def python_of(version: str) -> Path | None:
    """On PATH, or one that pyenv keeps; None if there is none that can make environments."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [
        sys.executable,
        shutil.which(f"python{version}"),
        *sorted(map(str, kept.glob(f"{version}.*/bin/python")), reverse=True),
    ]
    return next((Path(each) for each in candidates if each and _is(version, each)), None)


def _is(version: str, python: str) -> bool:
    asked = "import ensurepip, venv, sys; print('%d.%d' % sys.version_info[:2])"
    ran = subprocess.run(
        [python, "-c", asked], capture_output=True, text=True, check=False, timeout=STEP_S
    )
    return ran.stdout.strip() == version


# --- one of them --------------------------------------------------------------------------------


def check(version: str, python: Path, folder: Path) -> None:
    binaries = installed(python, folder)
    say(version, ran([binaries / "python", "-c", VERSIONS], folder).strip())
    if heavy := ran([binaries / "python", "-c", HEAVY], folder).strip():
        raise Wrong(f"a plain installation has {heavy}")
    with serving(binaries, folder) as address:
        made = submit(address, TASK, {"first_frame_url": data_url()})
        refused_at_once(address)
        for variant in ("thumbnail", "spritesheet"):  # each drawn by another way to the decoder
            fetched(f"{address}/v1/videos/{made}/content?variant={variant}")
        whole(binaries, saved(address, made, folder / "served.mp4"), FRAMES)
        body = {"model": "happyhorse-1.0-i2v", "input": {}, "parameters": {"duration": 3}}
        made = submit(address, body, {"img_url": data_url()})
        whole(binaries, saved(address, made, folder / "upstream.mp4"), EMULATED_FRAMES)
    # Not beside the settings: their upstream is gone, which doctor would say.
    (folder / "new").mkdir()
    ran([binaries / "unstill", "doctor", "--data-dir", "data"], folder / "new")
    out = folder / "generated.mp4"
    command: Command = [
        binaries / "unstill",
        "generate",
        CAT,
        "slow push in",
        "--duration",
        "2",
        "-o",
        out,
    ]
    ran(command, folder)
    whole(binaries, out, SHORT_FRAMES)
    pinned: Command = ["install", "-q", "--dry-run", "-c", folder / "source" / "constraints.txt"]
    ran([binaries / "pip", *pinned, folder / "source"], folder, timeout_s=INSTALL_S)


def installed(python: Path, folder: Path) -> Path:
    """The programs of a new environment with unstill in it, from a copy of the sources.

    A `build` that lies beside them would be taken into the package, long gone modules included.
    """
    source = folder / "source"
    source.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            unwanted = shutil.ignore_patterns("*.egg-info", "__pycache__")
            shutil.copytree(ROOT / part, source / part, ignore=unwanted)
        else:
            shutil.copy(ROOT / part, source / part)
    ran([python, "-m", "venv", folder / "venv"], folder)
    binaries = folder / "venv" / "bin"
    ran([binaries / "pip", "install", "-q", source], folder, timeout_s=INSTALL_S)
    return binaries


@contextmanager
def serving(binaries: Path, folder: Path) -> Iterator[str]:
    """A server with an emulated upstream behind one of its models; its address."""
    emulate: Command = [binaries / "unstill", "emulate", "modelverse", "--job-seconds", "0.5"]
    with running([*emulate, "--key", "a-key"], folder) as upstream:
        config = folder / "unstill.toml"
        config.write_text(CONFIG.format(address=upstream))
        serve: Command = [binaries / "unstill", "serve", "--port", "0"]
        data: Command = ["--data-dir", folder / "data", "--config", config]
        with running([*serve, *data], folder) as address:
            yield address


@contextmanager
def running(command: Command, folder: Path) -> Iterator[str]:
    """A server process, and the address in its first line."""
    with (folder / "servers.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            address = re.search(r"http://[\w.:]+", line)
            if address is None:
                raise Wrong(f"{shown(command)} did not start: {tail(folder)}")
            yield address[0]
            if process.poll() is not None:
                raise Wrong(f"{shown(command)} ended by itself: {tail(folder)}")
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=STEP_S)
            finally:
                process.kill()
                if process.stdout is not None:
                    process.stdout.close()


def submit(address: str, body: Mapping[str, Any], picture: Mapping[str, str]) -> str:
    """The id of a task that has succeeded."""
    asked = {**body, "input": {**body["input"], **picture}}
    made = json.loads(fetched(f"{address}/v1/tasks/submit", json.dumps(asked).encode()))
    task_id = str(made["output"]["task_id"])
    until = time.monotonic() + STEP_S
    while time.monotonic() < until:
        status = f"{address}/v1/tasks/status?task_id={task_id}&wait=5"
        output = json.loads(fetched(status))["output"]
        if output["task_status"] == "Success":
            return task_id
        if output["task_status"] == "Failure":
            raise Wrong(f"{body['model']}: {output.get('error_message')}")
    raise Wrong(f"{body['model']}: no video within {STEP_S:g} s")


def refused_at_once(address: str) -> None:
    """A HEIC is known by its first bytes, and this installation has no extra for it."""
    heic = base64.b64encode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").decode("ascii")
    asked = {**TASK, "input": {**TASK["input"], "first_frame_url": heic}}
    try:
        fetched(f"{address}/v1/tasks/submit", json.dumps(asked).encode())
    except urllib.error.HTTPError as answer:
        said = answer.read().decode()
        if answer.code != 400 or "pillow-heif" not in said:
            raise Wrong(f"a HEIC without the extra: {answer.code} {said}") from answer
    else:
        raise Wrong("a HEIC was taken without the extra that reads it")


def saved(address: str, task_id: str, out: Path) -> Path:
    out.write_bytes(fetched(f"{address}/v1/videos/{task_id}/content"))
    return out


def whole(binaries: Path, video: Path, frames: int) -> None:
    decoded = ran([binaries / "python", "-c", DECODE, video], video.parent).strip()
    if decoded != str(frames):
        raise Wrong(f"{video.name} has {decoded} frames that decode, expected {frames}")


# --- programs and addresses ---------------------------------------------------------------------


def fetched(url: str, body: bytes | None = None) -> bytes:
    headers = {"Authorization": "any-key", "Content-Type": "application/json"}
    asked = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  - our own server
    with urllib.request.urlopen(asked, timeout=STEP_S) as answer:  # noqa: S310
        return bytes(answer.read())


def ran(command: Command, folder: Path, *, timeout_s: float = STEP_S) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-2000:]
        raise Wrong(f"{shown(command)} ended with {done.returncode}: {said}")
    return done.stdout


def environment() -> dict[str, str]:
    """Nothing that would lend the new environment a module or a setting of this one."""
    left_out = ("UNSTILL_", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_CONSTRAINT")
    return {k: v for k, v in os.environ.items() if not k.startswith(left_out)}


def data_url() -> str:
    return "data:image/jpeg;base64," + base64.b64encode(CAT.read_bytes()).decode("ascii")


def shown(command: Command) -> str:
    return " ".join(Path(each).name if Path(each).is_absolute() else str(each) for each in command)


def tail(folder: Path) -> str:
    return (folder / "servers.log").read_text(errors="replace")[-2000:]


if __name__ == "__main__":
    sys.exit(main())
