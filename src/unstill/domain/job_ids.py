"""The ids of jobs: they sort by the time when their jobs were made."""

from __future__ import annotations

import os
from itertools import chain

_RANDOM_CHARS = 20  # an id has so many, in hex; a pool of them is a system call for 256 ids
_VARIANTS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))  # two random bits behind 0b10


def _random_texts() -> list[str]:
    pool = os.urandom(_RANDOM_CHARS // 2 * 256).hex()
    return [pool[at : at + _RANDOM_CHARS] for at in range(0, len(pool), _RANDOM_CHARS)]


_randoms = chain.from_iterable(iter(_random_texts, []))  # without end; of any thread


def new_id(now_ms: int) -> str:
    """A UUID version 7 (RFC 9562): sorts by time, is safe in a path, tells nothing else."""
    # A system call hands the interpreter to the writer's thread in the midst of a submit:
    # measured, one in each was an eighth of its time.
    random = next(_randoms)
    moment = f"{now_ms & 0xFFFF_FFFF_FFFF:012x}"
    variant = _VARIANTS[random[3]]
    return f"{moment[:8]}-{moment[8:]}-7{random[:3]}-{variant}{random[4:7]}-{random[7:19]}"


def made_ms(job_id: str) -> int:
    """When an id was made, in Unix milliseconds."""
    return int(job_id[:8] + job_id[9:13], 16)


def first_id(since_ms: int) -> str:
    """A text that all ids made from that moment on sort behind, and all earlier ones before."""
    text = f"{since_ms:012x}"
    return f"{text[:8]}-{text[8:]}"
