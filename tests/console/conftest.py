"""Real servers, and real browsers before them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page

from support.browsing import Visits, chromium_browser
from support.servers import Serving

_FAILED = pytest.StashKey[bool]()


class KeyedServing(NamedTuple):
    """A server that asks for a key, and keys of it."""

    server: Serving
    ann: str  # of an owner
    bob: str  # of another owner
    operator: str  # of scope admin


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all tests; each has contexts of its own."""
    with chromium_browser() as browser:
        yield browser


@pytest.fixture
def visits(browser: Browser, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Visits]:
    """Opens pages. In the end none may have complained; a failed test leaves pictures of them."""
    visits = Visits(browser)
    yield visits
    if request.node.stash.get(_FAILED, False):
        for n, page in enumerate(visits.pages()):
            page.screenshot(path=tmp_path / f"page-{n}.png")
            print(f"page {n}: {page.url} in {tmp_path}/page-{n}.png")  # noqa: T201  - shown by pytest
    visits.close()
    assert not (wrong := visits.unexpected()), "\n".join(wrong)


@pytest.fixture
def page(visits: Visits, server: Serving) -> Page:
    """The console of the server that asks for no key, in English, light, on a desk."""
    return visits.open(server.url)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Serving]:
    """A server of this test alone, without a key and without a job."""
    with Serving(tmp_path / "server") as serving:
        yield serving


@pytest.fixture(scope="session")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServing]:
    """One for all tests that leave its keys as they were."""
    with Serving(tmp_path_factory.mktemp("keyed")) as server:
        operator = _key(server, owner="ops", scope="admin")
        ann, bob = (_key(server, by=operator, owner=owner) for owner in ("ann", "bob"))
        yield KeyedServing(server, ann=ann, bob=bob, operator=operator)


def _key(server: Serving, *, by: str | None = None, **fields: str) -> str:
    headers = {} if by is None else {"authorization": f"Bearer {by}"}
    answer = server.http.post("/admin/keys", json=fields, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["key"])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report
