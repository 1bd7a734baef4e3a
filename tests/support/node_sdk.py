"""Node with OpenAI's SDK: installed once into tests/node, for the tests that use it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.npm_folders import found, installed

FOLDER = Path(__file__).parents[1] / "node"
MODULES = FOLDER / "node_modules"
LEAST_NODE = 20  # the SDK asks for 22 and works with 20.20; before that there is no File


def node_with_sdk() -> str:
    """The path of `node`; skips who calls where there is none or the SDK cannot be installed."""
    node = found("node")
    if node is None:
        pytest.skip("node is not installed")
    if _release(node) < LEAST_NODE:
        pytest.skip(f"node is older than release {LEAST_NODE}")  # as Debian 12's
    installed(FOLDER, "openai")
    return node


def _release(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.removeprefix("v").partition(".")[0])
