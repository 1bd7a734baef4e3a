"""What a store has at the end of a fault campaign, read beside whoever works on it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import apsw
import msgspec

from unstill.domain.attempts import Attempt
from unstill.domain.money import Charge

T = TypeVar("T", bound=msgspec.Struct)

DATABASE = "unstill.sqlite3"
WITHIN_S = 60
_ATTEMPTS = f"SELECT {', '.join(Attempt.__struct_fields__)} FROM attempts ORDER BY job_id, n"  # noqa: S608  - field names
_CHARGES = f"SELECT {', '.join(Charge.__struct_fields__)} FROM charges ORDER BY id"  # noqa: S608  - field names
_JOBS = "SELECT id, state, is_hidden, {prompt} AS prompt, {code} AS code, {message} AS message FROM jobs"  # noqa: E501
_IN_FOLDER = _JOBS.format(
    prompt="json_extract(request, '$.prompt')",
    code="coalesce(json_extract(failure, '$.code'), '')",
    message="coalesce(json_extract(failure, '$.message'), '')",
)
_IN_DATABASE = _JOBS.format(
    prompt="request::jsonb ->> 'prompt'",
    code="coalesce(failure::jsonb ->> 'code', '')",
    message="coalesce(failure::jsonb ->> 'message', '')",
)


class Row(msgspec.Struct, frozen=True):
    """A job as the store has it at the end."""

    id: str
    state: str
    is_hidden: bool
    prompt: str
    code: str  # of its failure
    message: str


class Records(Protocol):
    """A store, and the commands over it."""

    def rows(self) -> Mapping[str, Row]:
        """All jobs, by id."""

    def attempts(self) -> Mapping[str, Sequence[Attempt]]:
        """The ledger by job, oldest first."""

    def charges(self) -> Sequence[Charge]:
        """The book of money, in its order."""

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One of unstill's own."""


class FolderRecords:
    """Of a data folder with its `unstill.toml` in it."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def rows(self) -> Mapping[str, Row]:
        return read_rows(self._data_dir / DATABASE)

    def attempts(self) -> Mapping[str, Sequence[Attempt]]:
        return by_job(read_all(self._data_dir / DATABASE, _ATTEMPTS, Attempt))

    def charges(self) -> Sequence[Charge]:
        return read_all(self._data_dir / DATABASE, _CHARGES, Charge)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        config = str(self._data_dir / "unstill.toml")
        return _run((*words, "--data-dir", str(self._data_dir), "--config", config), {})


class DatabaseRecords:
    """Of a PostgreSQL, and the settings file of the servers that share it."""

    def __init__(self, url: str, config: Path, environment: Mapping[str, str]) -> None:
        self._url = url
        self._config = config
        self._environment = environment

    def rows(self) -> Mapping[str, Row]:
        return {row.id: row for row in self._read(_IN_DATABASE, Row)}

    def attempts(self) -> Mapping[str, Sequence[Attempt]]:
        return by_job(self._read(_ATTEMPTS, Attempt))

    def charges(self) -> Sequence[Charge]:
        return self._read(_CHARGES, Charge)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return _run((*words, "--config", str(self._config)), self._environment)

    def _read(self, query: str, kind: type[T]) -> list[T]:
        import asyncpg  # noqa: PLC0415  - an extra

        async def fetched() -> list[Any]:
            connection = await asyncpg.connect(self._url)
            try:
                found: list[Any] = await connection.fetch(query)
            finally:
                await connection.close()
            return found

        return [_as(kind, tuple(row)) for row in asyncio.run(fetched())]


def read_rows(file: Path) -> dict[str, Row]:
    """The jobs of a database file of the embedded store, by id."""
    return {row.id: row for row in read_all(file, _IN_FOLDER, Row)}


def read_all(file: Path, query: str, kind: type[T]) -> list[T]:
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [_as(kind, row) for row in connection.execute(query)]
    finally:
        connection.close()


def by_job(attempts: Sequence[Attempt]) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        found[attempt.job_id].append(attempt)
    return found


def _as(kind: type[T], row: Sequence[Any]) -> T:
    return msgspec.convert(dict(zip(kind.__struct_fields__, row, strict=True)), kind, strict=False)


def _run(words: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "unstill", *words],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
        env={**os.environ, **environment},
    )
