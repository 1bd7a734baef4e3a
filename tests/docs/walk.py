"""A document's commands and programs, run in their order, and what came of them compared.

The rule for what differs from run to run: the server's address, the jobs' ids and API keys are put
in place of those that the document shows, in later commands too; times, request ids, signatures,
sizes of files and disks, pictures as text, and the headers that carry such are not compared.
Everything else has to be equal.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docs.pages import ROOT, Block
from support.node_sdk import MODULES

SHOWN_ADDRESS = "http://127.0.0.1:8000"  # the server has it; an emulator has the port it is given
ENDS_WITHIN_S = 60.0
LOOK_AGAIN_S = 0.2

# Of a job, an API key, and the row of one.
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|unstill_[\w-]{43}|key_[0-9a-f]{12}")
_ENDED = re.compile(
    r'"(Success|Failure|SUCCESS|FAILURE|completed|succeeded|failed|SUCCEEDED|FAILED|CANCELED)"'
)
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_PORT = re.compile(r"--port (\d+)")
_ASSIGNMENT = re.compile(r"^[A-Z_]+=[\w:/.-]+", re.MULTILINE)
_VARIES = (
    (_ID, "<id>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<request>"),
    (re.compile(r"\b1[0-9]{9}\b"), "1000000000"),
    (re.compile(r"\b1[0-9]{12}\b"), "1000000000000"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"), "<time>"),
    (re.compile(r"signature=[\w-]+"), "signature=<signature>"),
    (re.compile(r'(data:image/jpeg;base64,)[^"]*'), r"\1<picture>"),
    (re.compile(r"\d+\.\d MB"), "<size> MB"),
    (re.compile(r'("used_ms":\s*)(null|\d+)'), r"\g<1>0"),
    (re.compile(r'("\w+_ms_p\d\d":\s*)\d+'), r"\g<1>0"),
    (re.compile(r'("\w*(?:size|used|free)_bytes":\s*)\d+'), r"\g<1>0"),
    (re.compile(r"^(date|content-length|etag|last-modified): .*$", re.MULTILINE), r"\1: <varies>"),
)


class Walk:
    """One reader, in a folder with the photos and examples, at one server and its upstream."""

    def __init__(self, folder: Path, *, python: Path) -> None:
        """`python` runs the document's Python."""
        self.folder = folder
        self._python = python
        self._real: dict[str, str] = {}  # what the document shows -> what it is in this run
        self._assignments: list[str] = []
        for there in ("photos", "examples"):
            (folder / there).symlink_to(ROOT / there)
        (folder / "node_modules").symlink_to(MODULES)

    @property
    def _environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        # LiteLLM asks for its prices at import, and tests ask nobody.
        no_network = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        return inherited | no_network | {"PATH": path, "UNSTILL_PORT": "0"}

    @contextmanager
    def starting(self, block: Block) -> Iterator[str]:
        """Start the server of a `serves` block or the emulator of an `emulates` one.

        Gives its first line. Either listens on a free port, whatever the document shows.
        """
        port = _PORT.search(block.text)
        process = subprocess.Popen(
            ["bash", "-c", f"exec {_PORT.sub('--port 0', block.text)}"],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        with process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                address = _ADDRESS.search(line)
                assert address is not None, f"{block.text} did not start: {line}"
                shown = SHOWN_ADDRESS if port is None else f"http://127.0.0.1:{port[1]}"
                self._real[shown] = address[0]
                yield line
            finally:
                process.terminate()

    def settle(self, block: Block) -> None:
        """Write a `settings` block where a server looks for its own."""
        (self.folder / "unstill.toml").write_text(self._with_real(block.text), "utf-8")

    def run(self, block: Block) -> str:
        """Run a block; again and again while it shows a job that has ended and ours has not."""
        deadline = time.monotonic() + ENDS_WITHIN_S
        while True:
            came = self._run_once(block)
            is_pending = block.shown and _ENDED.search(block.shown.text) and not _ENDED.search(came)
            if not is_pending or time.monotonic() > deadline:
                break
            time.sleep(LOOK_AGAIN_S)
        if block.language == "sh":
            self._assignments += _ASSIGNMENT.findall(block.text)
        if block.shown:
            self._learn(block.shown.text, came)
        return came

    def _run_once(self, block: Block) -> str:
        match block.language:
            case "python":
                command = [str(self._python), "-c", self._with_real(block.text)]
            case "js":
                command = ["node", "--input-type=module", "-e", self._with_real(block.text)]
            case _:
                script = self._with_real("\n".join([*self._assignments, block.text]))
                command = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=ENDS_WITHIN_S,
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stderr}"
        return done.stdout

    def _with_real(self, text: str) -> str:
        for shown, real in self._real.items():
            text = text.replace(shown, real)
        return text

    def _learn(self, shown: str, came: str) -> None:
        self._real |= dict(zip(_ID.findall(shown), _ID.findall(came), strict=False))

    def masked(self, text: str, language: str) -> str:
        """The text without what differs from run to run."""
        for shown, real in self._real.items():
            if _ADDRESS.fullmatch(shown):
                text = text.replace(real, shown)
        text = text.replace("\r\n", "\n").strip()
        for pattern, word in _VARIES:
            text = pattern.sub(word, text)
        return _pretty(text) if language == "json" else text


def _pretty(text: str) -> str:
    """JSON in one shape, so that line breaks do not count; the order of keys does."""
    return json.dumps(json.loads(text), indent=1, ensure_ascii=False)


def tools_are_there() -> bool:
    return all(shutil.which(tool) for tool in ("bash", "curl", "base64"))
