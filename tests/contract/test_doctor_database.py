"""What the doctor says of a database, and that it tells nobody's password."""

from __future__ import annotations

import pytest

from support.free_ports import free_port
from support.postgres_servers import StorePostgres as Server
from support.postgres_servers import shared
from support.webhook_receiver import SECRET
from unstill.cli.doctor import jobs_findings, key_finding
from unstill.cli.doctor_database import database_finding
from unstill.cli.doctor_upstreams import webhook_findings
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings

PASSWORD = "not-to-be-told"


@pytest.fixture(scope="module")
def server() -> Server:
    return shared()


def with_password(url: str) -> str:
    return url.replace("@", f":{PASSWORD}@")


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def test_a_database_that_is_up_to_date_is_well(server: Server) -> None:
    url = server.new_store()
    found = database_finding(with_password(url))

    assert found.is_well
    assert found.detail.startswith(f"postgresql://127.0.0.1:{server.port}/{name_of(url)} answers, ")
    assert ", servers up: 0; asyncpg 0." in found.detail
    assert "pgqueuer 1." in found.detail


def test_an_empty_database_is_to_be_migrated(server: Server) -> None:
    found = database_finding(server.new_database())

    assert (found.is_well, found.is_needed) == (False, True)
    assert ": no schema, " in found.detail
    assert found.mend == "unstill migrate"


def test_a_database_of_a_newer_release_is_that_releases(
    server: Server,
) -> None:
    url = server.new_store()
    server.sql("INSERT INTO unstill_schema (number) VALUES (9999)", name_of(url))
    found = database_finding(url)

    assert not found.is_well
    assert found.detail.endswith("a newer unstill has written it, schema 9999")


def test_a_database_that_takes_no_writes_is_told(server: Server) -> None:
    url = server.new_store()
    server.sql(f"ALTER DATABASE {name_of(url)} SET default_transaction_read_only = on")

    found = database_finding(url)

    assert not found.is_well
    assert found.detail.endswith("it takes no writes, as a standby")


def test_servers_that_are_up_are_counted(server: Server) -> None:
    url = server.new_store()
    server.sql("INSERT INTO servers VALUES ('a', 'infinity'), ('b', '-infinity')", name_of(url))

    assert ", servers up: 1;" in database_finding(url).detail


def test_a_database_that_is_away_or_not_there_is_told_without_a_password(
    server: Server,
) -> None:
    away = f"postgresql://unstill:{PASSWORD}@127.0.0.1:{free_port()}/jobs"
    other = with_password(server.url("nowhere"))
    found = [database_finding(away), database_finding(other)]

    assert [each.is_well for each in found] == [False, False]
    assert '"nowhere" does not exist' in found[1].detail
    assert not any(PASSWORD in each.detail + each.mend for each in found)


def test_files_on_one_machine_beside_a_database_of_all_are_told(
    server: Server,
) -> None:
    settings = ServerSettings(database=server.new_database())
    findings = {each.what: each for each in jobs_findings(settings)}

    assert list(findings) == ["database", "files"]
    assert (findings["files"].is_well, findings["files"].is_needed) == (False, False)
    with_bucket = ServerSettings(database=settings.database, files="s3://videos")
    assert [each.what for each in jobs_findings(with_bucket)] == ["database"]


def test_what_else_is_asked_of_a_database_that_is_away_is_left_out() -> None:
    away = f"postgresql://unstill:{PASSWORD}@127.0.0.1:{free_port()}/jobs"
    settings = Settings(server=ServerSettings(database=away), webhook_secrets=(SECRET,))

    assert key_finding(settings, 0).detail == "what the database has is not known"
    assert [each.detail for each in webhook_findings(settings)] == ["signed with 1 secret"]
