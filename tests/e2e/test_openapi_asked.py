"""Schemathesis asks the real server what its description promises, and much that it forbids.

The short run is a part of the suite; `API_ASKED_DEEPLY=100` takes every model and every name, and
so many random examples of each operation.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.schemathesis_hooks import FEW_MODELS, FEW_NAMES
from support.servers import Serving

pytestmark = pytest.mark.slow

KEY = "sk-me"
DEEPLY = os.environ.get("API_ASKED_DEEPLY")
PROGRAM = shutil.which("schemathesis", path=Path(sys.executable).parent)
# The same schemas once more, at other paths.
TWINS = "^/openai/|/image2video/"
WITHIN_S = 420 if DEEPLY is None else 7200

CONFIG = f"""
hooks = "support.schemathesis_hooks"
seed = 20261120
request-timeout = 20

[output.sanitization]
enabled = false

[generation]
deterministic = {"true" if DEEPLY is None else "false"}
database = "none"

[auth.openapi.key]
api_key = "{KEY}"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "404"]

# For another scope of key.
[[operations]]
include-path-regex = "^/(metrics|admin/.*)$"
[operations.checks.positive_data_acceptance]
expected-statuses = ["403"]

# A forged link.
[[operations]]
include-path-regex = "^/files/"
[operations.checks.positive_data_acceptance]
expected-statuses = ["403"]

# What these answer depends on how far the job is; the last four are never possible.
[[operations]]
include-path-regex = "/(content|cancel|remix|edits|extensions)$|/characters"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "400", "404"]

# A form's file must be its last field.
[[operations]]
include-path-regex = "/uploads/objects$"
[operations.checks.positive_data_acceptance]
expected-statuses = ["200", "400", "403"]
"""


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("asked")
    environment = {
        "UNSTILL_API_KEYS": f"me:{KEY},you:sk-you",
        "UNSTILL_WEBHOOK_SECRET": f"whsec_{b64encode(bytes(32)).decode()}",
    }
    with Serving(folder, environment=environment) as server:
        yield server


def asked(server: Serving, folder: Path, phases: str) -> tuple[dict[str, Any], str]:
    """The report of a run, and what the program printed."""
    assert PROGRAM is not None
    config, report = folder / "schemathesis.toml", folder / "report.json"
    config.write_text(CONFIG)
    command = [PROGRAM, "--config-file", str(config), "run", f"{server.url}/openapi.json"]
    command += ["--report", "json", "--report-json-path", str(report), "--continue-on-failure"]
    command += ["--phases", phases, "--max-examples", DEEPLY or "5"]
    path = os.pathsep.join((str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")))
    environment = os.environ | {"PYTHONPATH": path}
    if DEEPLY is None:
        command += ["--exclude-path-regex", TWINS]
        environment[FEW_MODELS] = "1"
    if DEEPLY is None or "fuzzing" in phases:
        environment[FEW_NAMES] = "1"
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    return json.loads(report.read_text()), done.stdout


@pytest.mark.parametrize(
    ("phases", "least_cases"), [("examples,coverage", 2000), ("fuzzing,stateful", 150)]
)
def test_the_server_does_what_its_description_says_and_nothing_else(
    keyed: Serving, tmp_path: Path, phases: str, least_cases: int
) -> None:
    report, printed = asked(keyed, tmp_path, phases)

    assert report["failures"] == report["errors"] == [], printed
    assert report["complete"], printed
    assert report["operations"]["tested"] == report["operations"]["selected"] > 15
    assert {report["phases"][phase]["status"] for phase in phases.split(",")} == {"success"}
    assert report["test_cases"]["generated"] > least_cases
    # Some were accepted: else nothing behind the border was asked.
    created = keyed.http.get("/v1/videos?limit=10", headers={"authorization": KEY}).json()
    assert created["has_more"]
    assert "answer_failed" not in keyed.log
