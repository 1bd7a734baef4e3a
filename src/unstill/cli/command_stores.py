"""The store that a command works on: which one it is, the settings say, and nobody else asks."""

from __future__ import annotations

from pathlib import Path

from unstill.cli.settings_options import settings_of
from unstill.settings.server import ServerSettings
from unstill.store.embedded.folder_commands import FolderCommands
from unstill.store.ports.command_store import CommandStore


def store_of(server: ServerSettings) -> CommandStore:
    return FolderCommands(Path(server.data_dir))


def store_at(data_dir: str | None, config: Path | None) -> CommandStore:
    """By the options of a command."""
    with settings_of(config, data_dir=data_dir) as settings:
        return store_of(settings.server)
