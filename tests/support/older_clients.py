"""Programs of clients of other people, in an environment of their own.

LiteLLM needs `openai` before 3, which the tests themselves have: `make test` puts both into
`.venv-clients`, with the versions of constraints-clients.txt, and providers' clients beside them.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.servers import Serving

TESTS = Path(__file__).parents[1]
PYTHON = TESTS.parent / ".venv-clients" / "bin" / "python"
ENDS_WITHIN_S = 120

# Where tests have to be complete, a missing environment fails them.
needs_older_clients = pytest.mark.skipif(
    not PYTHON.exists() and "CI" not in os.environ,
    reason="there is no .venv-clients: make test sets it up",
)


class Steps:
    """What a program under tests/clients printed."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._said: dict[str, Any] = {said["step"]: said for said in map(json.loads, lines)}

    def got(self, name: str) -> Any:
        said = self._said[name]
        assert "error" not in said, said
        return said["got"]

    def error(self, name: str) -> dict[str, Any]:
        said = self._said[name]
        assert "got" not in said, said
        return dict(said["error"])


def steps_of(
    program: str,
    *arguments: str,
    home: Path,
    server: Serving | None = None,
    environment: Mapping[str, str] = {},
) -> Steps:
    """Run a program of tests/clients to its end, with nothing inherited but the PATH.

    server: whose log is told where the program fails.
    """
    done = subprocess.run(
        [str(PYTHON), "-m", f"clients.{program}", *arguments],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(TESTS),
            "HOME": str(home),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks for its prices at import
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr + ("" if server is None else server.log)
    return Steps(done.stdout.splitlines())
