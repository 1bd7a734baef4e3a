"""The store that a command works on: which one it is, the settings say, and nobody else asks."""

from __future__ import annotations

from pathlib import Path

from unstill.cli.settings_options import settings_without_keys_of
from unstill.settings.databases import shown_database
from unstill.settings.server import ServerSettings
from unstill.store.ports.command_store import CommandStore
from unstill.store.stores import commands_at


def store_of(server: ServerSettings) -> CommandStore:
    place = shown_database(server.database)
    return commands_at(server.database, Path(server.data_dir), place=place)


def store_at(data_dir: str | None, config: Path | None) -> CommandStore:
    """By the options of a command."""
    with settings_without_keys_of(config, data_dir=data_dir) as settings:
        return store_of(settings.server)
