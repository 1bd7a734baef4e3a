"""The end of a child that is out of memory: a note, a last line, no more.

What a device gives after that cannot be relied on: its memory stays in pieces, and libraries keep
what they have half built. The next child begins clean, a rung further down.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import torch

from unstill.engines.diffusers.child.error_line import in_a_line
from unstill.engines.diffusers.task import OUT_OF_MEMORY, LoadTask
from unstill.media.child_main import CRASHED, Reports

# What torch raises as plain RuntimeErrors, for memory that a library or the host did not give.
# Source: torch 2.13, c10/core/impl/alloc_cpu.cpp, aten/src/ATen/cuda/Exceptions.cpp
_TOLD_BY = (
    "DefaultCPUAllocator: ",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


_WORK = "work_under_way"


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(each in str(error) for each in _TOLD_BY)


def say_during(error: BaseException, work: str) -> None:
    """Keep with an error what was under way, the innermost of it.

    Not as a note of Python's: these end a traceback, and its last line is what a job's owner reads.
    """
    vars(error).setdefault(_WORK, work)


@contextmanager
def during(work: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        say_during(error, work)
        raise


@contextmanager
def ended_without_memory(
    task: LoadTask, report: Reports, rung: Callable[[], str]
) -> Iterator[None]:
    """End this process where its block is out of memory; `rung` says on which it is then."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        _end(error, task, report, rung())


def _end(error: BaseException, task: LoadTask, report: Reports, rung: str) -> NoReturn:
    under_way = vars(error).get(_WORK, "its task")
    report.note(OUT_OF_MEMORY, memory=rung, rungs_down=task.rungs_down, during=under_way)
    print(  # noqa: T201  - its last words
        f"out of memory on the {task.device} during {under_way}, memory = {rung}: "
        f"{in_a_line(error)}",
        file=sys.stderr,
        flush=True,
    )
    os._exit(CRASHED)  # not sys.exit: a driver's threads must not hold up the end
