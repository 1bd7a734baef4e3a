"""One server that asks for a key, and the documents' four videos made on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from golden.documents import DOCUMENTS, KEY, Documents
from support.servers import LOOPBACK_ALLOWED, PictureHost, Serving


@pytest.fixture(scope="session")
def documents(
    tmp_path_factory: pytest.TempPathFactory, pictures: PictureHost
) -> Iterator[Documents]:
    folder = tmp_path_factory.mktemp("golden")
    with Serving(folder, environment=LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": KEY}) as serving:
        yield Documents(serving, pictures)


@pytest.fixture(scope="session")
def finished(documents: Documents) -> dict[str, str]:
    """Task ids of the four documents' own samples, each polled to its end."""
    tasks = {folder: documents.send(folder, "submit") for folder in DOCUMENTS}
    for folder, task_id in tasks.items():
        documents.poll(folder, task_id, "success")
    return tasks
