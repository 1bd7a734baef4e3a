"""Which troubles of a system are the storage's, and not the fault of whoever wanted to use it.

A job that meets one of them waits, wherever it meets it: in the server or in a child program.
"""

from __future__ import annotations

import errno

from unstill.domain.errors import StorageFailed, StorageFull

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_FAILS = frozenset(
    {
        errno.EACCES,  # a folder whose rights an operator has changed
        errno.EIO,
        errno.ENODEV,  # the disk is gone
        errno.ENOTCONN,  # a mount of user space is gone
        errno.ENXIO,
        errno.EROFS,
        errno.ESTALE,  # a share of the network is gone
    }
)
# Not the disk's but the system's, and the same to a job: it can be stored later. Not ENOMEM: what
# runs into the limit on addresses is a bomb.
_WANT = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN})


def storage_trouble(error: OSError) -> StorageFull | StorageFailed | None:
    """What the caller can be told of it, no path is named; None if it is something else."""
    if error.errno in _NO_ROOM:
        return StorageFull("the server has no room left to store files")
    if error.errno in _WANT:
        return StorageFailed(f"the server has reached a limit of its machine: {error.strerror}")
    return storage_failure(error) if error.errno in _FAILS else None


def storage_failure(error: OSError) -> StorageFailed:
    """The same of whatever went wrong with a file of ours."""
    return StorageFailed(f"the server could not store a file: {error.strerror}")
