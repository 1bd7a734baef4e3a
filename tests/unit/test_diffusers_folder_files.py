"""JSON of a folder of weights, as the libraries that wrote it understand the word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unstill.engines.diffusers.folder_files import BadFolder, read_json

NAME = "scheduler_config.json"


def test_a_number_without_an_end_is_read_as_python_writes_it(tmp_path: Path) -> None:
    # DPMSolverMultistepScheduler of diffusers 0.42.1
    (tmp_path / NAME).write_text('{"lambda_min_clipped": -Infinity, "solver_order": 2}')

    read = read_json(tmp_path, NAME, dict[str, Any])

    assert read == {"lambda_min_clipped": float("-inf"), "solver_order": 2}


@pytest.mark.parametrize("text", ['{"a": -Infinit}', '{"a": -Infinity', "[-Infinity]", "\ufeff{}"])
def test_what_python_does_not_read_or_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text, "utf-8")

    with pytest.raises(BadFolder, match="is not the JSON that it should be") as refused:
        read_json(tmp_path, NAME, dict[str, Any])
    assert refused.value.what == NAME
