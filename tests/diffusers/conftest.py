"""All here needs torch: without it each file is skipped, unread, or the run is refused."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

NEEDED = ("torch", "diffusers")


def is_installed(name: str) -> bool:
    """A folder of that name on the path, as this one, is none."""
    found = find_spec(name)
    return found is not None and found.origin is not None


MISSING = tuple(name for name in NEEDED if not is_installed(name))
REASON = f"needs {' and '.join(MISSING)}: make test-diffusers"

if MISSING and os.environ.get("TESTS_NEED_TORCH"):
    raise pytest.UsageError(REASON)


class Skipped(pytest.Module):
    """A file that is not even imported, for its imports would fail."""

    def collect(self) -> NoReturn:
        pytest.skip(REASON, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Skipped | None:
    return Skipped.from_parent(parent, path=module_path) if MISSING else None
