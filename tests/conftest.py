"""Fixtures that several suites share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import PictureHost, Serving, picture_host


@pytest.fixture(scope="session")
def pictures() -> Iterator[PictureHost]:
    """A host on loopback that serves the photos."""
    with picture_host() as host:
        yield host


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One real server for all tests that leave it as it was; pictures on loopback are allowed."""
    folder: Path = tmp_path_factory.mktemp("server")
    with Serving(folder) as serving:
        yield serving
