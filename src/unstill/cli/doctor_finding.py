"""One thing that `unstill doctor` tried."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """What was tried; `mend` says what to do where it is not well."""

    what: str
    is_well: bool
    detail: str
    mend: str = ""
    # What is configured, or needed by any server: without it the doctor ends with 1.
    is_needed: bool = True
