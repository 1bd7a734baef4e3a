"""One thing that `unstill doctor` tried."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

Place = Callable[[str], str]  # says where a setting stands: ` (unstill.toml, line 3)`, or nothing


def nowhere(setting: str) -> str:
    del setting
    return ""


class Finding(msgspec.Struct, frozen=True):
    """What was tried; `mend` says what to do where it is not well."""

    what: str
    is_well: bool
    detail: str
    mend: str = ""
    # What is configured, or needed by any server: without it the doctor ends with 1.
    is_needed: bool = True
