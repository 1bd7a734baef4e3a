"""unstill.toml for servers under test: engines at emulators, and the models behind them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from support.emulator_process import KEY, Emulator
from unstill.domain.errors import BadSetting
from unstill.settings.engines import ENGINE_KINDS
from unstill.settings.reader import Settings, read_settings

ONLY_UPSTREAMS = '[server]\ndefault_engine = "none"\n'
POLL_INTERVAL_S = 0.2


def read_in(
    tmp_path: Path,
    toml: str = "",
    environment: dict[str, str] | None = None,
    **command_line: object,
) -> Settings:
    """The settings of a file's text, the environment and the options of a command."""
    file = tmp_path / "unstill.toml"
    file.write_text(toml, encoding="utf-8")
    return read_settings(file=file, environment=environment or {}, command_line=command_line)


def settings_in(folder: Path, toml: str, **variables: str) -> Settings:
    return read_in(folder, toml, variables)


def refused_in(tmp_path: Path, toml: str = "", environment: dict[str, str] | None = None) -> str:
    """What is said of the one that is wrong, by its name."""
    with pytest.raises(BadSetting) as caught:
        read_in(tmp_path, toml, environment)
    assert caught.value.message.startswith(caught.value.setting + ": ")
    return caught.value.message


def engine(name: str, emulator: Emulator, **settings: object) -> str:
    """`[engines.NAME]` at an emulator, polled often."""
    return engine_at(name, emulator.kind, emulator.url, **settings)


def engine_at(name: str, kind: str, url: str, **settings: object) -> str:
    table: dict[str, object] = {"poll_interval_s": POLL_INTERVAL_S, "api_key": KEY}
    if kind in ENGINE_KINDS:
        table |= {"kind": kind, "base_url": url}  # the kind knows how it goes on
    else:
        table |= {"kind": "openai_videos", "server": kind, "base_url": f"{url}/v1"}
    return _table(f"engines.{name}", table | settings)


def own_engine(name: str, kind: str, **settings: object) -> str:
    """`[engines.NAME]` of this machine."""
    return _table(f"engines.{name}", {"kind": kind} | settings)


def model(name: str, *engines: str, like: str = "") -> str:
    """`[models."NAME"]`, tried at `engines` in this order."""
    table: dict[str, object] = {"engines": list(engines)}
    return _table(f'models."{name}"', table | ({"like": like} if like else {}))


def _table(name: str, settings: Mapping[str, object]) -> str:
    lines = [f"{key} = {_text(value)}" for key, value in settings.items()]
    return "\n".join((f"[{name}]", *lines, ""))


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case dict():
            return (
                f"{{{', '.join(f'{_text(key)} = {_text(each)}' for key, each in value.items())}}}"
            )
        case list():
            return f"[{', '.join(map(_text, value))}]"
        case _:
            return str(value)
