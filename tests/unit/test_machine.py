"""What only some systems have: the Linux way, and the way out that the others take."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from unstill.cli.doctor import confinement_finding
from unstill.domain.errors import OperatorError
from unstill.system.machine import (
    LEAST_ADDRESS_SPACE_BYTES,
    LEAST_OPEN_FILES,
    Confinement,
    check_address_space,
    check_open_files,
    child_environment,
    flush,
    give_back_memory,
    most_memory_bytes,
    steady_clock,
    steady_ns,
    usable_cores,
)

GIB = 1024**3
KEYS = {
    "UNSTILL_API_KEYS": "team-a:sk-1",
    "UNSTILL_WEBHOOK_SECRET": "whsec_1",
    "DASHSCOPE_API_KEY": "sk-2",
    "MODELVERSE_API_KEY": "sk-3",
    "OPENAI_API_KEY": "sk-4",
    "AWS_SECRET_ACCESS_KEY": "5",
    "LCKEY": "6",
}


def confined(wanted: int | None, *, system: str = "linux", before: str = "") -> Confinement:
    """What a process of its own has given up, after the shell's words."""
    program = (
        "import msgspec; from unstill.system.machine import confine;"
        f"print(msgspec.json.encode(confine({wanted}, system={system!r})).decode())"
    )
    command = ["/bin/sh", "-c", f'{before}\nexec "$0" -c "$1"', sys.executable, program]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return msgspec.json.decode(done.stdout, type=Confinement)


def test_the_cores_of_this_process_are_counted_or_all_where_nobody_tells() -> None:
    assert usable_cores(lambda _: {3, 5, 7}) == 3
    assert usable_cores(None) == os.cpu_count()
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def test_time_passes_by_the_clock_that_goes_on_in_sleep_or_by_the_one_that_is_there() -> None:
    before_ns, awake_ns = steady_ns(), time.monotonic_ns()

    assert steady_ns() >= before_ns
    assert before_ns >= awake_ns - 1_000_000_000  # since the machine's start, both
    assert steady_clock(None) is time.monotonic_ns


def test_a_child_sees_what_it_needs_to_start_and_no_key() -> None:
    needed = {
        "PATH": "/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C",
        "PYTHONPATH": "/src",
        "TMPDIR": "/tmp",
        "LD_LIBRARY_PATH": "/lib",
        "VIRTUAL_ENV": "/venv",
        "OMP_NUM_THREADS": "1",
    }

    assert child_environment(needed | KEYS) == needed


def test_a_child_of_linux_gets_no_new_rights_and_the_addresses_that_were_wanted() -> None:
    confinement = confined(4 * GIB)

    assert confinement.no_new_privileges
    assert confinement.address_space_bytes == 4 * GIB


def test_a_lower_limit_of_the_system_is_taken_as_it_is() -> None:
    assert confined(4 * GIB, before="ulimit -v 2000000").address_space_bytes == 2_000_000 * 1024
    assert confined(None, before="ulimit -v 2000000").address_space_bytes == 2_000_000 * 1024


@pytest.mark.parametrize("system", ["darwin", "freebsd14"])
def test_elsewhere_a_child_starts_unconfined_and_says_so(system: str) -> None:
    assert confined(4 * GIB, system=system) == Confinement(
        no_new_privileges=False, no_network=False, address_space_bytes=None
    )


@pytest.mark.parametrize("full", [None, fcntl.F_GETFD, 99_999])  # it is not there, works, fails
def test_what_was_written_is_flushed_by_the_best_that_the_system_has(
    tmp_path: Path, full: int | None
) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.write(b"kept")
        flush(file.fileno(), full=full)

    with pytest.raises(OSError, match="Bad file descriptor"):
        flush(file_descriptor_of_nobody(), full=full)


def file_descriptor_of_nobody() -> int:
    descriptor = os.dup(0)
    os.close(descriptor)
    return descriptor


@pytest.mark.parametrize("limit", [None, LEAST_ADDRESS_SPACE_BYTES, 4 * GIB])
def test_a_limit_on_addresses_that_is_enough_stops_nothing(limit: int | None) -> None:
    check_address_space(limit)


def test_a_limit_on_addresses_that_is_too_low_for_any_child_is_named_at_the_start() -> None:
    with pytest.raises(OperatorError, match=r"ulimit -v\) is 1048575 KiB.*1048576 at least"):
        check_address_space(LEAST_ADDRESS_SPACE_BYTES - 1)


@pytest.mark.parametrize("limit", [None, LEAST_OPEN_FILES, 2**30])
def test_a_limit_on_open_files_that_is_enough_stops_nothing(limit: int | None) -> None:
    check_open_files(limit)


def test_a_limit_on_open_files_with_which_jobs_would_wait_for_ever_is_named_at_the_start() -> None:
    with pytest.raises(OperatorError, match=r"ulimit -Hn\) is 63.*64 at least"):
        check_open_files(LEAST_OPEN_FILES - 1)


def test_doctor_says_what_children_cannot_do_and_what_they_still_can() -> None:
    whole = confinement_finding(
        Confinement(no_new_privileges=True, no_network=True, address_space_bytes=4 * GIB)
    )
    lacking = confinement_finding(
        Confinement(no_new_privileges=True, no_network=False, address_space_bytes=None)
    )

    assert whole.is_well
    assert (lacking.is_well, lacking.is_needed) == (False, False)
    assert lacking.detail.endswith("not here: no network, a limit on memory")


def test_freed_memory_goes_back_where_the_c_library_can_be_asked() -> None:
    class Glibc:
        def __init__(self) -> None:
            self.kept: list[int] = []

        def malloc_trim(self, kept: int) -> None:
            self.kept.append(kept)

    libc = Glibc()

    assert give_back_memory(libc)
    assert libc.kept == [0]
    assert not give_back_memory(object())


def test_the_most_memory_is_counted_in_the_systems_own_unit() -> None:
    linux, macos = most_memory_bytes(system="linux"), most_memory_bytes(system="darwin")

    assert 10 * 1024**2 < linux < 100 * GIB
    assert linux == pytest.approx(macos * 1024, rel=0.1)
