"""Which troubles of the system a job waits out, and in what words it says so."""

from __future__ import annotations

import errno
import os

import pytest

from unstill.domain.errors import StorageFailed, StorageFull
from unstill.system.storage_errors import storage_trouble


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, StorageFull, "no room left"),
        (errno.EDQUOT, StorageFull, "no room left"),
        (errno.EROFS, StorageFailed, "could not store a file: Read-only file system"),
        (errno.EIO, StorageFailed, "could not store a file: Input/output error"),
        (errno.EMFILE, StorageFailed, "a limit of its machine: Too many open files"),
        (errno.EAGAIN, StorageFailed, "a limit of its machine: Resource temporarily unavailable"),
    ],
)
def test_a_trouble_of_the_storage_is_told_from_a_limit_of_the_machine(
    number: int, kind: type[Exception], words: str
) -> None:
    trouble = storage_trouble(OSError(number, os.strerror(number), "/data/jobs/1/first-frame"))

    assert type(trouble) is kind
    assert words in str(trouble)
    assert "/data" not in str(trouble)


@pytest.mark.parametrize("number", [errno.ENOMEM, errno.EINVAL, errno.ENOENT])
def test_what_is_no_trouble_of_the_storage_is_none(number: int) -> None:
    assert storage_trouble(OSError(number, os.strerror(number))) is None
