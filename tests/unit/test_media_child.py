"""The main loop of a child program, spoken to by hand."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

HERE = Path(__file__).parent
PATIENCE_S = 10.0  # for what must happen at once on a machine that is busy


@contextmanager
def child(*arguments: str, system: str = sys.platform) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "media_children", *arguments],
        cwd=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"MEDIA_CHILDREN_SYSTEM": system},
    ) as process:
        yield process


def told(task: str, *, numbered: int = 0, **args: object) -> bytes:
    return msgspec.json.encode({"task": task, "args": args, "number": numbered}) + b"\n"


def stopped(number: int) -> bytes:
    return b'{"stop":%d}\n' % number


def test_events_are_one_line_each_and_begin_with_ready() -> None:
    with child() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(told("count", number=2) + told("refuse_image", text="too dark"))
        process.stdin.flush()
        lines = [msgspec.json.decode(process.stdout.readline()) for _ in range(5)]

    assert lines.pop(0)["event"] == "ready"
    assert lines == [
        {"event": "progress", "fraction": 0.5},
        {"event": "progress", "fraction": 1.0},
        {"event": "done", "result": 2},
        {
            "event": "failed",
            "code": "invalid_image",
            "message": "img_url: too dark",
            "param": "img_url",
        },
    ]


def test_the_end_of_stdin_ends_a_child_in_the_middle_of_its_task(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    with child() as process:
        assert process.stdin is not None
        process.stdin.write(told("note_and_sleep", text=str(note), number=60))
        process.stdin.flush()
        while not note.exists():
            time.sleep(0.01)
        process.stdin.close()

        assert process.wait(PATIENCE_S) == 0


def test_a_child_whose_server_is_already_gone_ends_at_once() -> None:
    with child("1") as process:  # a process that did not start this one
        assert process.wait(PATIENCE_S) == 0
        assert process.stdout is not None
        assert process.stdout.read() == b""


def test_a_stop_ends_the_task_of_its_number_and_no_other() -> None:
    nap = told("nap", numbered=1, number=200)
    second, third = told("echo", numbered=2), told("count", numbered=3, number=1)
    with child() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(nap + second + stopped(2))  # heard before its task begins
        process.stdin.flush()
        lines = [msgspec.json.decode(process.stdout.readline())["event"] for _ in range(3)]
        process.stdin.write(stopped(2) + third)
        process.stdin.flush()
        lines += [msgspec.json.decode(process.stdout.readline())["event"] for _ in range(2)]

    assert lines == ["ready", "done", "left", "progress", "done"]


@pytest.mark.parametrize(
    "line",
    [b"not json\n", b"{}\n", b'{"stop":"all"}\n', told("no_such_task"), told("echo", number="one")],
)
def test_a_line_that_is_no_task_is_a_crash_with_a_reason(line: bytes) -> None:
    with child() as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(line)
        process.stdin.flush()

        assert process.wait(PATIENCE_S) == 70
        assert b"Error" in process.stderr.read()


def test_a_child_of_another_system_works_and_ends_without_what_only_linux_has() -> None:
    with child(str(os.getpid()), system="darwin") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(told("count", number=1))
        process.stdin.flush()
        lines = [msgspec.json.decode(process.stdout.readline()) for _ in range(3)]
        limits = Path(f"/proc/{process.pid}/status").read_text()
        process.stdin.close()

        assert process.wait(PATIENCE_S) == 0

    assert lines[0]["confinement"] == {
        "no_new_privileges": False,
        "no_network": False,
        "address_space_bytes": None,
    }
    assert lines[1:] == [{"event": "progress", "fraction": 1.0}, {"event": "done", "result": 1}]
    assert "NoNewPrivs:\t0" in limits
