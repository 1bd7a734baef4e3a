"""What `unstill doctor` has tried, and what it found."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One thing that was tried; `mend` says what to do where it is not well."""

    what: str
    is_well: bool
    detail: str
    mend: str = ""
    is_needed: bool = True
