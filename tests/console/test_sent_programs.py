"""The programs that the page loads are those that were written."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import unstill
from support.browsing import FOLDER
from support.npm_folders import found, installed
from unstill.server.console_files import unremarked

CONSOLE = Path(unstill.__file__).parent / "server" / "console"


def test_what_is_sent_without_comments_is_the_same_program() -> None:
    installed(FOLDER, "acorn")
    programs = [path for path in sorted(CONSOLE.rglob("*.js")) if path.parent.name != "vendor"]
    pairs = [
        {
            "path": str(path.relative_to(CONSOLE)),
            "written": path.read_text("utf-8"),
            "sent": unremarked(path.read_bytes()).decode(),
        }
        for path in programs
    ]
    node = found("node")
    assert node is not None

    done = subprocess.run(
        [node, str(FOLDER / "same_programs.mjs")],
        input=json.dumps(pairs),
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == {"compared": len(programs), "others": []}
