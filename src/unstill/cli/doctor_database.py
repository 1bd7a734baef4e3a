"""Whether the database of the jobs answers, and is as this release needs it."""

from __future__ import annotations

import asyncio
import importlib.util
from importlib.metadata import version

from unstill.cli.doctor_finding import Finding
from unstill.domain.errors import OwnError
from unstill.settings.databases import shown_database
from unstill.store.stores import MEND, database_standing

DRIVERS = ("asyncpg", "pgqueuer")
WHAT = "database"


def database_finding(database: str) -> Finding:
    """Would a server with that setting `database` start? No password is told."""
    place = shown_database(database)
    missing = [each for each in DRIVERS if importlib.util.find_spec(each) is None]
    if missing:
        detail = f"{place} needs what is not installed: {', '.join(missing)}"
        return Finding(WHAT, False, detail, MEND)
    try:
        found = asyncio.run(database_standing(database))
    except OwnError as error:
        mend = "is it up, and do server.database and its rights there name it? docs/scaling.md"
        return Finding(WHAT, False, f"{place}: {error.message}", mend)
    where = f"{place} answers, PostgreSQL {found.version}"
    if found.is_read_only:
        mend = "set server.database to the primary"
        return Finding(WHAT, False, f"{where}: it takes no writes, as a standby", mend)
    if found.schema < found.needed:
        has = f"schema {found.schema}" if found.schema else "no schema"
        return Finding(WHAT, False, f"{where}: {has}, {found.needed} is needed", "unstill migrate")
    if found.schema > found.needed:
        detail = f"{where}: a newer unstill has written it, schema {found.schema}"
        return Finding(WHAT, False, detail, "start the newer release")
    drivers = ", ".join(f"{each} {version(each)}" for each in DRIVERS)
    detail = f"{where}, schema {found.schema}, servers up: {found.servers}; {drivers}"
    return Finding(WHAT, True, detail)


def own_files_finding() -> Finding:
    """What is to be known of a database whose jobs' files are on one machine's disk."""
    detail = "in the data folder of this machine, which no other server on the database sees"
    return Finding("files", False, detail, "set server.files = s3://...", is_needed=False)
