"""The options that say where the settings are, and the settings that they lead to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from unstill.domain.errors import BadSetting
from unstill.settings.keys import ReadKey, key_if_there, upstream_key
from unstill.settings.locations import place_of
from unstill.settings.reader import Settings, read_settings

ConfigOption = Annotated[
    Path | None, typer.Option(help="Settings file; ./unstill.toml is read if it is there.")
]
DataDirOption = Annotated[str | None, typer.Option(help="Folder of jobs and videos.")]


def settings_of(config: Path | None, **command_line: object) -> AbstractContextManager[Settings]:
    """The settings; one that turns out wrong in the block is told with the place where it is."""
    return _settings(config, command_line, upstream_key)


def settings_without_keys_of(
    config: Path | None, **command_line: object
) -> AbstractContextManager[Settings]:
    """The same for a command that calls no upstream, and needs the keys of none.

    Who gives it may not have them: a server's secrets are often its service's alone.
    """
    return _settings(config, command_line, key_if_there)


@contextmanager
def _settings(
    config: Path | None, command_line: Mapping[str, object], read_key: ReadKey
) -> Iterator[Settings]:
    try:
        yield read_settings(
            file=config, environment=os.environ, command_line=command_line, read_key=read_key
        )
    except BadSetting as error:
        place = told_place(error.setting, config, **command_line)
        reason = f"{error.reason}{place}; see docs/settings.md"
        raise BadSetting(error.setting, reason) from error


def told_place(setting: str, config: Path | None, **command_line: object) -> str:
    place = place_of(setting, file=config, environment=os.environ, command_line=command_line)
    return f" ({place})" if place else ""
