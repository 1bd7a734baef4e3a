"""What a fork begins is, for a test, what `python` would have begun."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from support.fork_server import IMPORTED, Forked, begun, foreign, ran

SHOWS = """
import atexit, os, sys
atexit.register(print, "goodbye")
print(__name__, sys.argv[1:], os.getcwd(), os.environ.get("UNSTILL_HOST"))
print("an error", file=sys.stderr)
print(os.listdir("/proc/self/fd"))
sys.exit(7)
"""
WAITS = """
import sys, time
print("here", flush=True)
time.sleep(60)
"""
HERE = foreign(os.environ)


def program(folder: Path, text: str) -> str:
    file = folder / "program.py"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize("forks", [True, False])
def test_a_program_has_its_words_folder_variables_output_errors_and_status(
    tmp_path: Path, *, forks: bool
) -> None:
    words = [program(tmp_path, SHOWS), "a", "b c"]
    with (tmp_path / "log").open("w+") as log:
        process = begun(
            words,
            environment=HERE | {"UNSTILL_HOST": "::1"},
            folder=tmp_path,
            log=log,
            forks=forks,
        )
        assert process.stdout is not None
        with process.stdout as said:
            lines = said.read().splitlines()
        status = process.wait(20)

    assert isinstance(process, Forked) == forks
    assert lines[0] == f"__main__ ['a', 'b c'] {tmp_path} ::1"
    assert len(re.findall(r"'\d+'", lines[1])) == 4  # its three streams, and the list's own
    assert lines[2:] == ["goodbye"]
    assert status == 7
    assert (tmp_path / "log").read_text() == "an error\n"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1])
def test_the_end_by_a_signal_is_told_as_subprocess_tells_it(
    tmp_path: Path, sent: signal.Signals
) -> None:
    process = begun([program(tmp_path, WAITS)], environment=HERE)
    assert process.stdout is not None
    with process.stdout as said:
        first = said.readline()
        before = process.poll()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(sent)
        status = process.wait(20)
    process.send_signal(sent)  # of nobody: it has ended

    assert (first, before) == ("here\n", None)
    assert (status, process.poll()) == (-sent, -sent)


def test_the_end_of_one_is_not_the_end_of_another(tmp_path: Path) -> None:
    processes = [begun([program(tmp_path, WAITS)], environment=HERE) for _ in range(3)]
    processes[1].terminate()
    ended = processes[1].wait(20)
    others = [processes[0].poll(), processes[2].poll()]
    for process in processes:
        process.kill()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()

    assert ended == -signal.SIGTERM
    assert others == [None, None]
    assert len({process.pid for process in processes}) == 3


def test_what_runs_to_its_end_is_told_whole_and_does_not_run_for_ever(tmp_path: Path) -> None:
    much = (
        "import sys; sys.stderr.write('e' * 300_000); sys.stdout.write('o' * 300_000); sys.exit(3)"
    )

    done = ran([program(tmp_path, much)])
    endless = ran([program(tmp_path, WAITS)], within_s=0.5)

    assert (done.returncode, done.stdout, done.stderr) == (3, "o" * 300_000, "e" * 300_000)
    assert (endless.returncode, endless.stdout) == (-signal.SIGKILL, "here\n")


def shown(words: Sequence[str], environment: Mapping[str, str]) -> tuple[str, bool]:
    """What a program prints, and whether a fork has begun it."""
    process = begun(words, environment=environment)
    assert process.stdout is not None
    with process.stdout as said:
        text = said.read()
    assert process.wait(20) == 0
    return text, isinstance(process, Forked)


def test_a_variable_that_the_start_of_python_may_read_is_read(tmp_path: Path) -> None:
    words = [program(tmp_path, "import sys; print(sys.flags.utf8_mode)")]
    without_path = {name: value for name, value in HERE.items() if name != "PATH"}

    assert shown(words, HERE) == ("0\n", True)
    assert shown(words, HERE | {"PYTHONUTF8": "1"}) == ("1\n", False)
    assert shown(words, without_path) == ("0\n", False)


def test_a_fork_brings_nothing_that_a_server_has_not_imported_by_itself(tmp_path: Path) -> None:
    command = ["-X", "importtime", "-m", "unstill", "serve", "--port", "0"]
    with (tmp_path / "log").open("w+") as log:
        server = begun(command, environment=HERE, folder=tmp_path, log=log, forks=False)
        assert server.stdout is not None
        with server.stdout as said:
            assert " is ready at " in said.readline()
            server.terminate()
            server.wait(40)
    imported = re.findall(r"\| +([\w.]+)$", (tmp_path / "log").read_text(), re.MULTILINE)

    assert set(IMPORTED) <= set(imported)
