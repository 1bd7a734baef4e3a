"""What only some systems have, and what is done on the others; the one place that asks.

Linux gives all of it. Elsewhere each function takes its way out, which is said where it is taken;
`system` is a parameter so that the ways out are tried on Linux too.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from unstill.domain.errors import OperatorError

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
_CLONE_NEWUSER = 0x10000000  # linux/sched.h
_CLONE_NEWNET = 0x40000000  # linux/sched.h

# Measured: a render of 1080P takes 0.7 GB, a picture at its limits 1.3 GB.
LEAST_ADDRESS_SPACE_BYTES = 1024**3
# Measured: with 40 no child is started any more, with 48 jobs of two cores are done.
LEAST_OPEN_FILES = 64

# What a child program needs to find its libraries, its language and its temporary files. Nothing
# else: it opens files of strangers, and a hole in a decoder must not be the bill.
_KEPT = frozenset(
    {
        "LANG",
        "LANGUAGE",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",  # an operator's own allocator
        "PATH",
        "TEMP",
        "TMP",
        "TMPDIR",
        "TZ",
        "VIRTUAL_ENV",
    }
)
_KEPT_PREFIXES = ("DYLD_", "LC_", "MKL_", "OMP_", "OPENBLAS_", "OPENCV_", "PYTHON")


class Confinement(msgspec.Struct, frozen=True):
    """What keeps a child program from doing more than its task."""

    no_new_privileges: bool
    no_network: bool
    address_space_bytes: int | None  # its limit; None: as much as there is


_AFFINITY: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)


def usable_cores(affinity: Callable[[int], set[int]] | None = _AFFINITY) -> int:
    """The cores that this process may use; elsewhere all that there are."""
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def steady_clock(clock: int | None) -> Callable[[], int]:
    """Nanoseconds that pass, also while the machine sleeps; elsewhere while it is awake."""
    return time.monotonic_ns if clock is None else partial(time.clock_gettime_ns, clock)


steady_ns = steady_clock(getattr(time, "CLOCK_BOOTTIME", None))


def memory_bytes(
    proc: Path = Path("/proc/meminfo"), group: Path = Path("/sys/fs/cgroup")
) -> tuple[int, int]:
    """The machine's memory, and what of it is free or in caches; within a container's limit.

    Elsewhere than on Linux all of it counts as free.
    """
    try:
        lines = proc.read_text(encoding="ascii").splitlines()
        kib = {name: int(rest.split()[0]) for name, _, rest in (x.partition(":") for x in lines)}
        total, free = kib["MemTotal"] * 1024, kib["MemAvailable"] * 1024
    except (OSError, LookupError, ValueError):
        total = free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _group_limit(group)
    return (total, free) if limit is None else (min(total, limit[0]), min(free, limit[1]))


def _group_limit(group: Path) -> tuple[int, int] | None:
    """The limit of this process's group, and what is left of it; None where there is none.

    Source: Linux, control group v2, memory interface files.
    """
    try:
        most = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
        stat = (group / "memory.stat").read_text(encoding="ascii").split()
    except (OSError, ValueError):  # also "max"
        return None
    counts = dict(zip(stat[::2], map(int, stat[1::2]), strict=True))
    cached = counts.get("active_file", 0) + counts.get("inactive_file", 0)
    return most, max(0, most - used + cached)


def most_memory_bytes(*, system: str = sys.platform) -> int:
    """The most memory that this process has had so far; in 1024 bytes, but bytes on macOS."""
    unit = 1 if system == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def child_environment(own: Mapping[str, str]) -> dict[str, str]:
    """Those of the server's variables that a child program may see: no key is among them."""
    return {
        name: value
        for name, value in own.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }


def die_with(parent_pid: int | None, *, system: str = sys.platform) -> None:
    """Be killed when the thread that started this process ends; it runs the server's loop.

    Elsewhere the end of stdin is all that tells, which a library that holds the interpreter delays.
    """
    if system == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The server may have died before the line above took effect.
    if parent_pid is not None and os.getppid() != parent_pid:
        os._exit(0)


def confine(
    wanted_address_space_bytes: int | None = None, *, system: str = sys.platform
) -> Confinement:
    """Take from this process for good what no task of a child needs.

    Before any thread is started: a namespace of its own is refused to a process that has some.
    """
    return Confinement(
        no_new_privileges=system == "linux" and _refuse_new_privileges(),
        no_network=system == "linux" and _leave_network(),
        address_space_bytes=_limit_address_space(wanted_address_space_bytes, system),
    )


def address_space_limit() -> int | None:
    """The most bytes of addresses that a child may have here; None: as many as it likes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [each for each in (soft, hard) if each != resource.RLIM_INFINITY]
    return min(limits, default=None)


def check_address_space(limit_bytes: int | None) -> None:
    """Raises OperatorError where no child could do its work."""
    if limit_bytes is not None and limit_bytes < LEAST_ADDRESS_SPACE_BYTES:
        least, got = LEAST_ADDRESS_SPACE_BYTES // 1024, limit_bytes // 1024
        raise OperatorError(
            f"the limit on addresses (ulimit -v) is {got} KiB, and the programs that open pictures"
            f" and render need {least} at least, better 4194304: raise it where unstill is started"
        )


def open_files_limit() -> int | None:
    """The most files that this process may open once it asks for them; None: no limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return None if hard == resource.RLIM_INFINITY else hard


def check_open_files(limit: int | None) -> None:
    """Raises OperatorError where no job could be done: it would wait for ever."""
    if limit is not None and limit < LEAST_OPEN_FILES:
        raise OperatorError(
            f"the limit on open files (ulimit -Hn) is {limit}, and a server with its child programs"
            f" needs {LEAST_OPEN_FILES} at least, better 1024: raise it where unstill is started"
        )


def check_limits() -> None:
    """Raises OperatorError where this process may have too little for a server's work."""
    check_address_space(address_space_limit())
    check_open_files(open_files_limit())


# macOS hands what was written to the drive only when asked so (fsync(2) there); databases do too.
_FULL_FLUSH: int | None = getattr(fcntl, "F_FULLFSYNC", None)


def flush(descriptor: int, *, full: int | None = _FULL_FLUSH) -> None:
    """Make what was written to it survive a power cut."""
    if full is not None:
        with suppress(OSError):  # not every file system there has it
            fcntl.fcntl(descriptor, full)
            return
    os.fsync(descriptor)


def give_back_memory(libc: object = None) -> bool:
    """Hand freed memory to the system, as far as the C library can; whether it was asked.

    glibc keeps what large bodies took, in the pool of each thread that handled one, until a body
    as large comes by again. Other libraries give it back by themselves, or cannot be asked.
    """
    trim = getattr(libc or _libc(), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return trim is not None


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _prctl(option: int, value: int) -> bool:
    """Whether the kernel did it. All of its arguments are read, as whole words."""
    given = (ctypes.c_ulong(each) for each in (value, 0, 0, 0))
    return bool(_libc().prctl(option, *given) == 0)


def _refuse_new_privileges() -> bool:
    """No program that it starts may have more rights than it has."""
    return _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _leave_network() -> bool:
    """Into a network namespace without any interface, as root or as anybody where that is let."""
    libc = _libc()
    return any(
        libc.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET)
    )


def _limit_address_space(wanted_bytes: int | None, system: str) -> int | None:
    """The lower one of what is wanted and what is allowed."""
    allowed = address_space_limit()
    limits = [each for each in (wanted_bytes, allowed) if each is not None]
    # macOS maps more than any such limit before a program begins, and refuses to set one.
    if not limits or system != "linux":
        return allowed
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), min(limits)))
    return min(limits)
