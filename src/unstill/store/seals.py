"""Seals: by them it shows that a row is as it was written, in each of its values.

They are no secret, and keep nobody from writing another book. They find what an accident, or a hand
in the database, has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

_BYTES = 8
_encode = msgspec.json.Encoder().encode


def seal_of(values: Sequence[object]) -> str:
    """The seal of a row with these values, in the order of its columns."""
    return blake2b(_encode(values), digest_size=_BYTES).hexdigest()
