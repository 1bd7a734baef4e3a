"""What counts as out of memory: what torch and Python raise for want of it, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unstill.engines.diffusers.child.memory_end import is_out_of_memory
from unstill.media.child_main import TaskStopped

TOO_MUCH_BYTES = 1 << 60


def test_what_the_host_does_not_give_is_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(TOO_MUCH_BYTES, dtype=torch.uint8)
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(TOO_MUCH_BYTES, dtype=np.uint8)

    assert is_out_of_memory(of_torch.value)
    assert is_out_of_memory(of_numpy.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_what_a_device_does_not_give_is_out_of_memory(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        ValueError("CUDA error: out of memory"),
        TaskStopped(),
    ],
)
def test_other_errors_are_not(error: BaseException) -> None:
    assert not is_out_of_memory(error)
