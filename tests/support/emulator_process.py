"""An emulator for its own tests, in a process of its own."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import msgspec

from support.fork_server import begun
from unstill.emulators import Options
from unstill.emulators.lifecycle import room_of

KEY = "sk-test"
PROGRAM = Path(__file__).with_name("emulating.py")


class Emulator:
    """An emulator on a free port of loopback, and a client that has its key."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.kind = kind
        text = msgspec.json.encode(Options(keys=(KEY,), **options)).decode()
        self.process = begun([str(PROGRAM), kind, text], environment=os.environ)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, f"the {kind} emulator did not start"
        certificate = options.get("certificate")
        self.http = httpx2.Client(
            base_url=self.url,
            headers={"authorization": f"{_scheme(kind)} {KEY}"},
            verify=certificate is None or ssl.create_default_context(cafile=certificate[0]),
            timeout=20,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        self.http.close()
        self.process.terminate()
        self.process.wait(timeout=20)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def kill(self) -> None:
        """kill -9: no goodbye."""
        self.process.kill()
        self.end()

    def next(self, place: str, *faults: str) -> None:
        """What the next requests at a place get."""
        answer = self.http.post("/_emulator/faults", json={"next": {place: faults}})
        assert answer.status_code == 200, answer.text

    @contextmanager
    def failing(self, rates: str) -> Iterator[None]:
        """Meanwhile, requests get faults by these rates."""
        self._set_rates(rates)
        try:
            yield
        finally:
            self._set_rates("")

    def _set_rates(self, rates: str) -> None:
        answer = self.http.post("/_emulator/faults", json={"rates": rates})
        assert answer.status_code == 200, answer.text

    def finish(self) -> None:
        """End all jobs now."""
        assert self.http.post("/_emulator/finish").status_code == 200

    def lose_jobs(self) -> None:
        assert self.http.post("/_emulator/lose_jobs").status_code == 200

    def charges(self) -> dict[str, Any]:
        return dict(self.http.get("/_emulator/charges").json())

    def book(self) -> list[dict[str, Any]]:
        """What it would charge for each job, oldest first."""
        return list(self.http.get("/_emulator/charges/jobs").json()["jobs"])

    def jobs(self) -> list[dict[str, Any]]:
        """Oldest first."""
        return list(self.http.get("/_emulator/jobs").json()["jobs"])

    def log(self) -> Sequence[Mapping[str, Any]]:
        """Oldest first."""
        return list(self.http.get("/_emulator/log").json()["requests"])


def _scheme(kind: str) -> str:
    """The word before a key."""
    return str(import_module(room_of(kind)).EMULATOR.key_scheme)
