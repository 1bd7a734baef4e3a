"""PostgreSQL, as processes on free ports of loopback, with a database for whoever asks."""

from __future__ import annotations

import asyncio
import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from secrets import token_hex

import pytest

from support.free_ports import free_port
from unstill.store.postgres.migrations import migrate

STARTS_WITHIN_S = 60.0
USER = "unstill"
# What it says of itself as root: it does not run so.
_ACCOUNTS = ("postgres", "nobody")


@cache
def programs() -> Path:
    """The folder of its programs. Skips where they are lacking, never in CI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path is None:
        assert not os.environ.get("CI"), "CI must install postgresql"
        pytest.skip("no PostgreSQL on this machine")
    return Path(on_path).resolve().parent


def _account() -> str | None:
    """Who runs it, where the tests run as root."""
    if os.geteuid() != 0:
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return next(each for each in _ACCOUNTS if each in names)


class PostgresServer:
    """One with its data in a folder of its own, listening at `port` of loopback alone."""

    def __init__(self, *options: str) -> None:
        """`options`: settings of the server, `name=value`."""
        self._programs = programs()
        self._folder = Path(tempfile.mkdtemp(prefix="unstill-pg-"))
        self._options = options
        self._store: str | None = None  # a database that is up to date and stays empty
        self._account = _account()
        if self._account is not None:
            os.chown(self._folder, pwd.getpwnam(self._account).pw_uid, -1)
        self.port = free_port()
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

    def new_database(self, *, like: str = "template1") -> str:
        """The URL of one that nothing is in, or what is in the database `like`."""
        name = f"d{token_hex(6)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)

    def new_store(self) -> str:
        """The URL of a database that is up to date."""
        if self._store is None:
            url = self.new_database()
            # In a thread: whoever asks may be at work on an event loop.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, migrate(url)).result()
            self._store = url.rpartition("/")[2]
        return self.new_database(like=self._store)

    def sql(self, text: str, database: str = "postgres") -> str:
        """What it answers, a row on a line."""
        done = self._run("psql", "-At", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER,
                         "-d", database, "-v", "ON_ERROR_STOP=1", "-c", text)  # fmt: skip
        return done.stdout.strip()

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        # Into files: a server that is started keeps the ends of pipes.
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
        assert done.returncode == 0, f"{program} of {getpass.getuser()}: {text[-2000:]}"
        return subprocess.CompletedProcess(done.args, 0, text, "")


@contextmanager
def postgres(*options: str) -> Iterator[PostgresServer]:
    server = PostgresServer(*options)
    try:
        yield server
    finally:
        server.close()


@cache
def shared() -> PostgresServer:
    """One of the test process, ended with it: what a crash loses is none of its tests' business."""
    import atexit  # noqa: PLC0415

    server = PostgresServer("fsync=off", "synchronous_commit=off", "full_page_writes=off")
    atexit.register(server.close)
    return server


def within(seconds: float = 30.0) -> Iterator[float]:
    """Moments until then, some ten a second."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        yield time.monotonic()
        time.sleep(0.1)
