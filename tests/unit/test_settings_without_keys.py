"""Commands for operators may lack the keys of upstreams: only what calls these needs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fork_server import ran
from unstill.domain.errors import BadSetting
from unstill.settings.engines import RemoteSettings
from unstill.settings.keys import key_if_there
from unstill.settings.reader import read_settings

TOML = """
[engines.far]
kind = "dashscope"
base_url = "http://127.0.0.1:9/api/v1"
api_key = "{key}"
"""


def key_in(folder: Path, key: str, **environment: str) -> str:
    file = folder / "unstill.toml"
    file.write_text(TOML.format(key=key), "utf-8")
    settings = read_settings(
        file=file, environment=environment, command_line={}, read_key=key_if_there
    )
    far = settings.engines["far"]
    assert isinstance(far, RemoteSettings)
    return far.api_key


def test_a_key_whose_variable_is_not_set_is_none_and_any_other_is_as_ever(tmp_path: Path) -> None:
    assert key_in(tmp_path, "env:NOT_SET") == ""
    assert key_in(tmp_path, "env:EMPTY", EMPTY="") == ""
    assert key_in(tmp_path, "env:SET", SET="sk-1") == "sk-1"
    assert key_in(tmp_path, "sk-2") == "sk-2"


@pytest.mark.parametrize("key", ["$NOT_SET", "Bearer sk-1", "sk 1"])
def test_what_is_no_key_is_refused_all_the_same(tmp_path: Path, key: str) -> None:
    with pytest.raises(BadSetting) as refused:
        key_in(tmp_path, key)

    assert refused.value.setting == "engines.far.api_key"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("keys create team-a", 0),
        ("owners set team-a --queue 3", 0),
        ("usage", 0),
        ("jobs doubts", 0),
        ("webhooks list", 0),
        ("models", 0),
        ("serve --port 0", 1),
        ("doctor", 1),
    ],
)
def test_only_what_calls_upstreams_asks_for_their_keys(
    tmp_path: Path, command: str, status: int
) -> None:
    (tmp_path / "unstill.toml").write_text(TOML.format(key="env:NOT_SET"), "utf-8")

    done = ran(["-m", "unstill", *command.split()], folder=tmp_path)

    assert done.returncode == status, done.stderr
    assert ("the environment variable NOT_SET is not set" in done.stderr) is (status != 0)
