"""The other end of store_process.py: a store in a process that may be killed at any moment."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("store_process.py")


class Store:
    """The store in its process."""

    def __init__(self, folder: str, *database: str) -> None:
        """database: the URL of one that it shares with other servers; none: it is embedded."""
        command = [sys.executable, str(PROGRAM), folder, *database]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._sent = 0
        self._heard = 0

    def send(self, verb: str, keywords: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(pickle.dumps((self._sent, verb, keywords)))
        self._process.stdin.flush()
        self._sent += 1

    def hear(self) -> Any:
        """The next answer, which is to the next question. Raises EOFError at the end."""
        number, answer = self._read()
        assert number == self._heard
        self._heard += 1
        return answer

    def _read(self) -> tuple[int, Any]:
        assert self._process.stdout is not None
        answer: tuple[int, Any] = pickle.load(self._process.stdout)  # noqa: S301  - our own child
        return answer

    def ask(self, verb: str, **keywords: Any) -> Any:
        """Ask while nothing is under way."""
        self.send(verb, keywords)
        return self.hear()

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> list[Any]:
        """The last answers. The process was killed, or now finishes what it began."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        answers: list[Any] = []
        if self._process.stdin.closed:
            return answers
        self._process.stdin.close()
        try:
            while True:
                answers.append(self.hear())
        except (EOFError, pickle.UnpicklingError):  # the second: killed within a word
            self._process.stdout.close()
            self._process.wait()
        return answers


class StoreOnDatabase(Store):
    """The store of one of several servers: its answers come as they are ready."""

    def __init__(self, folder: str, database: str) -> None:
        super().__init__(folder, database)
        self._ready: dict[int, Any] = {}

    def hear(self) -> Any:
        """The answer to the next question. Raises EOFError at the end."""
        while self._heard not in self._ready:
            number, answer = self._read()
            self._ready[number] = answer
        self._heard += 1
        return self._ready.pop(self._heard - 1)


class TwoServers:
    """Two servers on one database; what is sent goes to one after the other."""

    def __init__(self, folder: str, database: str) -> None:
        self._stores = [StoreOnDatabase(f"{folder}/{name}", database) for name in ("a", "b")]
        self._sent = 0
        self._heard = 0

    def send(self, verb: str, keywords: dict[str, Any]) -> None:
        self._stores[self._sent % 2].send(verb, keywords)
        self._sent += 1

    def hear(self) -> Any:
        answer = self._stores[self._heard % 2].hear()
        self._heard += 1
        return answer

    def ask(self, verb: str, **keywords: Any) -> Any:
        """Ask while nothing is under way."""
        self.send(verb, keywords)
        return self.hear()

    def kill(self) -> None:
        """One of them; the other one goes on."""
        self._stores[0].kill()

    def end(self) -> None:
        for store in self._stores:
            store.end()
