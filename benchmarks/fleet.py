"""A fleet on this machine: servers and workers as real processes, on one PostgreSQL and one S3.

Each has a folder of its own and a cable of its own to the database, which can be cut.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
from benchmarks.free_ports import free_port
from benchmarks.process import line_of
from benchmarks.real_servers import PostgresServer
from benchmarks.s3_server import BUCKET, S3Server

from unstill.system.installed import note

STARTS_WITHIN_S = 60.0
ENDS_WITHIN_S = 60.0


class Member:
    """One process of the fleet; it comes back in the same folder, at the same port."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        port: int | None = None,
        database: str,
        environment: Mapping[str, str] = {},
    ) -> None:
        """`command`: what follows `unstill`; `port`: of one that answers."""
        self.name = name
        self.url = "" if port is None else f"http://127.0.0.1:{port}"
        self.is_frozen = False
        folder.mkdir()
        note(folder)  # no self-test beside what is shown
        self.log = folder / "log"
        self._cable = _Cable(int(database.rpartition(":")[2].partition("/")[0]))
        self._environment = {
            "UNSTILL_DATABASE": self._cable.through(database),
            "UNSTILL_DATA_DIR": str(folder),
            "UNSTILL_LOG_FORMAT": "json",
            **environment,
        }
        at = () if port is None else ("--port", str(port))
        self._command = [sys.executable, "-m", "unstill", *command, *at]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """It answers, or works, some moments later."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment},
            )

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def freeze(self) -> None:
        if self.is_up and self.process is not None:
            self.is_frozen = True
            self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.is_frozen = False
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)

    def cut(self) -> None:
        """Off the database, without a word to either side."""
        self._cable.send(signal.SIGUSR1)

    def mend(self) -> None:
        self._cable.send(signal.SIGUSR2)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(how)
            process.send_signal(signal.SIGCONT)
        self.is_frozen = False
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(ENDS_WITHIN_S)

    def close(self) -> None:
        self.end()
        self._cable.close()


class _Cable:
    def __init__(self, port: int) -> None:
        self._behind = port
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.cut_network", str(port)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        line = line_of(self._process, STARTS_WITHIN_S)
        if "ready at " not in line:
            raise RuntimeError("a relay did not start")
        self.port = int(line.split("ready at ")[1])

    def through(self, url: str) -> str:
        return url.replace(f":{self._behind}/", f":{self.port}/")

    def send(self, what: signal.Signals) -> None:
        self._process.send_signal(what)

    def close(self) -> None:
        self._process.kill()
        self._process.wait(20)
        if self._process.stdout is not None:
            self._process.stdout.close()


class Fleet:
    """Its members by name, over `database` and a place in the bucket."""

    def __init__(
        self,
        postgres: PostgresServer,
        s3: S3Server,
        config: str,
        *,
        roles: Mapping[str, Sequence[str]],
        environment: Mapping[str, str] = {},
    ) -> None:
        """`config`: the settings file of all; `roles`: by name, what follows `unstill`."""
        self._stack = ExitStack()
        folder = self._stack.enter_context(TemporaryDirectory(prefix="unstill-fleet-"))
        self.folder = Path(folder)
        self.postgres, self.s3 = postgres, s3
        self.database = postgres.new_database()
        self.config = self.folder / "unstill.toml"
        self.config.write_text(config)
        self.environment = {
            **environment,
            **s3.variables,
            "UNSTILL_FILES": f"s3://{BUCKET}/{self.folder.name}",
        }
        self.unstill("migrate").check_returncode()
        self.members: dict[str, Member] = {}
        for name, role in roles.items():
            member = self.members[name] = Member(
                name,
                [*role, "--config", str(self.config)],
                self.folder / name,
                port=free_port() if role[0] == "serve" else None,
                database=self.database,
                environment=self.environment,
            )
            self._stack.callback(member.close)

    def unstill(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of an operator's, with the fleet's settings."""
        return subprocess.run(
            [sys.executable, "-m", "unstill", *words, "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=STARTS_WITHIN_S,
            check=False,
            env={**os.environ, **self.environment, "UNSTILL_DATABASE": self.database},
        )

    @property
    def gateways(self) -> list[Member]:
        return [member for member in self.members.values() if member.url]

    def start(self) -> None:
        for member in self.members.values():
            member.start()

    def wait_ready(self, within_s: float = STARTS_WITHIN_S) -> None:
        """Until every gateway answers. Raises RuntimeError, with the log of one that does not."""
        until_s = time.monotonic() + within_s
        for member in self.gateways:
            while not _is_ready(member):
                if not member.is_up or time.monotonic() > until_s:
                    said = member.log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"{member.name} does not answer: {said}")
                time.sleep(0.1)

    def close(self) -> None:
        self._stack.close()


def _is_ready(member: Member) -> bool:
    try:
        return httpx2.get(f"{member.url}/health", timeout=5).is_success
    except httpx2.HTTPError:
        return False


@contextmanager
def fleet(
    postgres: PostgresServer,
    s3: S3Server,
    config: str,
    *,
    roles: Mapping[str, Sequence[str]],
    environment: Mapping[str, str] = {},
) -> Iterator[Fleet]:
    made = Fleet(postgres, s3, config, roles=roles, environment=environment)
    try:
        yield made
    finally:
        made.close()
