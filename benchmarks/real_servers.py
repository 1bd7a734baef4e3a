"""PostgreSQL as a process on a free port of loopback, by the programs that Debian installs."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from secrets import token_hex

from benchmarks.free_ports import free_port

STARTS_WITHIN_S = 60.0
USER = "unstill"
# PostgreSQL does not run as root: one of these accounts does it then.
_ACCOUNTS = ("postgres", "nobody")


class ProgramMissing(Exception):
    """A program is not on this machine."""


@cache
def postgres_programs() -> Path:
    """The folder of PostgreSQL's programs. Raises ProgramMissing."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise ProgramMissing("PostgreSQL's programs are not here: apt-get install postgresql")
    return Path(on_path).resolve().parent


class PostgresServer:
    """One with its data in a folder of its own, listening at `port` of loopback alone."""

    def __init__(self, *options: str, port: int | None = None) -> None:
        """`options`: settings of the server, `name=value`. Raises ProgramMissing."""
        self._programs = postgres_programs()
        self._folder = Path(tempfile.mkdtemp(prefix="unstill-pg-"))
        self._options = options
        self._account = _account()
        if self._account is not None:
            os.chown(self._folder, pwd.getpwnam(self._account).pw_uid, -1)
        self.port = port or free_port()
        self._run("initdb", "-D", str(self.data), "-U", USER, "-A", "trust", "-E", "UTF8",
                  "--locale=C", "--no-instructions")  # fmt: skip
        self.start()

    @property
    def data(self) -> Path:
        return self._folder / "data"

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Also again, with what it had on its disk."""
        settings = (f"port={self.port}", "listen_addresses=127.0.0.1", "max_connections=200",
                    f"unix_socket_directories={self._folder}", *self._options)  # fmt: skip
        flags = " ".join(f"-c {each}" for each in settings)
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self._folder / "log"), "-o", flags,
                  "-w", "-t", f"{STARTS_WITHIN_S:.0f}", "start")  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        """As a crash does; with `fast`, as an operator does."""
        self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def restart(self, mode: str = "immediate") -> None:
        self.stop(mode)
        self.start()

    def close(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def new_database(self, *, like: str = "template1") -> str:
        """The URL of one that nothing is in, or what is in the database `like`."""
        name = f"d{token_hex(6)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)

    def sql(self, text: str, database: str = "postgres") -> str:
        """What it answers, a row on a line."""
        return self._run("psql", "-At", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER,
                         "-d", database, "-v", "ON_ERROR_STOP=1", "-c", text).strip()  # fmt: skip

    def _run(self, program: str, *arguments: str) -> str:
        # Into a file: a server that is started keeps the ends of pipes.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                [str(self._programs / program), *arguments],
                stdout=said,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                user=self._account,
                cwd="/",
                check=False,
                timeout=120,
            )
            said.seek(0)
            text = said.read()
        if done.returncode:
            raise RuntimeError(f"{program}: {text[-2000:]}")
        return text


def _account() -> str | None:
    """Who runs it, where this is root."""
    if os.geteuid() != 0:
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return next(each for each in _ACCOUNTS if each in names)


@contextmanager
def postgres(*options: str) -> Iterator[PostgresServer]:
    server = PostgresServer(*options)
    try:
        yield server
    finally:
        server.close()
