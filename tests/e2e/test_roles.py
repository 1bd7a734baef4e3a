"""Servers that answer alone and workers, as processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.test_cli import run

NOWHERE = "postgresql://u:hidden@127.0.0.1:9/x"


@pytest.mark.parametrize(
    "command", [("serve", "--no-work"), ("worker",), ("worker", "--lanes=save")]
)
def test_a_part_of_the_work_is_done_on_a_database_alone(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    ran = run(*command, cwd=tmp_path)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"unstill: server.database: is needed by unstill {command[0]}")
    assert "see docs/settings.md" in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--lanes", "frames,videos"), "--lanes: must be of frames, render, calls, polls, save, "),
        (("--lanes", ""), "--lanes: must be of frames, render"),
        (("--engines", "gpu2"), "--engines: must be of camera, gpu1, got 'gpu2'"),
        (("--engines", "gpu1", "--lanes", "frames"), "--engines: say nothing of frames"),
    ],
)
def test_work_that_there_is_not_is_refused_with_what_there_is(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / "unstill.toml").write_text('[engines.gpu1]\nkind = "camera"\n')
    ran = run("worker", *options, cwd=tmp_path, UNSTILL_DATABASE=NOWHERE)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"unstill: {said}")
    assert "hidden" not in ran.stderr
