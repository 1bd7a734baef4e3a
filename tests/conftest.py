"""Fixtures that several suites share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.node_sdk import node_with_sdk
from support.s3_servers import S3Server, moto, seaweed
from support.servers import PictureHost, Serving, picture_host

# A busy machine is slow, and no test here is about speed.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# With real children, emulators or whole products: half of the time of all tests of one part. They
# are left out of `make test-quick`, and of nothing else.
LONG = (
    "contract/engines/test_engine",
    "contract/test_admin",
    "contract/test_budgets.py",
    "contract/test_cors.py",
    "contract/test_dashscope.py",
    "contract/test_dialects.py",
    "contract/test_diffusers",
    "contract/test_emulator",
    "contract/test_killed_0_1_0.py",
    "contract/test_metrics.py",
    "contract/test_openapi",
    "contract/test_toy_",
    "contract/test_untold_ends.py",
    "contract/test_usage_routes.py",
    "golden/test_documents.py",
    "unit/test_camera_path.py",
    "unit/test_camera_render.py",
    "unit/test_fuzz.py",
    "unit/test_least_pace.py",
    "unit/test_media_facade.py",
    "unit/test_media_large.py",
    "unit/test_media_pool",
    "unit/test_media_repair.py",
    "unit/test_media_video_check.py",
    "unit/test_weights_command.py",
)
# On a PostgreSQL or a storage of S3's that they start: a suite of their own. Beside these, whatever
# runs on every store, or on all files, and has one of these names in its id.
OF_FLEETS = (
    "contract/test_commands_on_a_database.py",
    "contract/test_doctor_database.py",
    "contract/test_equal_settings.py",
    "contract/test_fleet_",
    "contract/test_move_folder.py",
    "contract/test_postgres_",
    "contract/test_s3_",
    "e2e/test_fleet",
    "e2e/test_database_away.py",
    "e2e/test_move_folder.py",
    "e2e/test_roles.py",
)
FLEET_PARTS = ("postgres", "seaweed", "moto")
TESTS = Path(__file__).parent


def pytest_configure() -> None:
    """Look for no cycles while tests are collected: what is made then stays to the end."""
    gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Look for them again, but not among the tests: there are 16,000."""
    gc.freeze()
    gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file that has nothing for `make test-slow`, or for `make test-fleet`.

    Each worker imports all others: seconds of its core.
    """
    asked = config.getoption("markexpr").partition(" ")[0]
    if collection_path.suffix != ".py" or asked not in {"slow", "fleet"}:
        return None
    place = collection_path.relative_to(TESTS).as_posix()
    may_be = asked == "fleet" and place.startswith((*OF_FLEETS, "contract/"))
    return None if may_be or f"mark.{asked}" in collection_path.read_text("utf-8") else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(TESTS).as_posix()
        if place.startswith(LONG):
            item.add_marker(pytest.mark.long)
        if place.startswith("console/"):
            item.add_marker(pytest.mark.console)
        of = item.name.partition("[")[2] if place.startswith("contract/") else ""
        if place.startswith(OF_FLEETS) or any(name in of for name in FLEET_PARTS):
            item.add_marker(pytest.mark.fleet)


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


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A SeaweedFS for all tests that leave it as it was."""
    with seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Moto's server, likewise."""
    with moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def node() -> str:
    """The program `node`, with OpenAI's SDK installed in tests/node."""
    return node_with_sdk()
