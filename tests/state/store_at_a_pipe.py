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

    def __init__(self, folder: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._sent = 0
        self._heard = 0

    def send(self, verb: str, keywords: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(pickle.dumps((self._sent, verb, keywords)))
        self._process.stdin.flush()
        self._sent += 1

    def hear(self) -> Any:
        """The next answer, which is to the next question. Raises EOFError at the end."""
        assert self._process.stdout is not None
        number, answer = pickle.load(self._process.stdout)  # noqa: S301  - our own child
        assert number == self._heard
        self._heard += 1
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
