"""The setting `files`: what it needs, and what a server without it does without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from unstill.domain.errors import BadSetting
from unstill.files.storage import s3_bucket


def test_plain_http_has_to_be_allowed() -> None:
    variables = {"AWS_ENDPOINT_URL": "http://storage:9000"}

    with pytest.raises(BadSetting, match="AWS_ALLOW_HTTP"):
        s3_bucket("s3://videos", variables)
    s3_bucket("s3://videos", {**variables, "AWS_ALLOW_HTTP": "true"})


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['obstore'] = None\nfrom unstill.cli import main; main()"
    command = [sys.executable, "-c", code, "serve", "--data-dir", str(tmp_path / "data")]
    ended = subprocess.run(
        command,
        env={**os.environ, "UNSTILL_FILES": "s3://videos/unstill"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert "pip install 'unstill[s3]'" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_a_server_without_a_bucket_imports_nothing_of_obstore() -> None:
    code = "import sys, unstill.product, unstill.cli.commands; print('obstore' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "False"
