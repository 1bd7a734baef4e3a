"""A folder knows that keys were made for it, also when its store is lost or older."""

from __future__ import annotations

import asyncio
from pathlib import Path

from support.api_keys import NOW_MS, a_key, adding
from unstill.cli.backup_folder import back_up
from unstill.cli.doctor import key_finding
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings
from unstill.store.embedded.keys_beside import change_key_in, has_keys_in, keys_in
from unstill.store.embedded.recovery import recover
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.keys_mark import FILE


def had_any(folder: Path) -> bool:
    async def asked() -> bool:
        store = EmbeddedStore(folder)
        await store.open()
        try:
            return await store.keys.had_any()
        finally:
            await store.close()

    return asyncio.run(asked())


def lose_store(folder: Path) -> None:
    for file in folder.glob("unstill.sqlite3*"):
        file.unlink()


def test_a_folder_without_keys_has_no_mark_and_one_has_it_from_the_first_on(
    tmp_path: Path,
) -> None:
    assert not had_any(tmp_path)
    assert not (tmp_path / FILE).exists()

    change_key_in(tmp_path, adding(a_key(revoked_ms=NOW_MS)))

    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    assert had_any(tmp_path)


async def test_a_key_that_the_server_makes_itself_is_marked_too(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open()
    assert not await store.keys.had_any()
    await store.keys.change(adding(a_key()))
    assert await store.keys.had_any()
    await store.close()


def test_a_start_marks_the_folder_of_a_release_that_made_no_marks(tmp_path: Path) -> None:
    change_key_in(tmp_path, adding(a_key()))
    (tmp_path / FILE).unlink()

    assert had_any(tmp_path)
    assert (tmp_path / FILE).exists()


def test_a_store_that_is_lost_and_made_anew_does_not_make_the_folder_a_keyless_one(
    tmp_path: Path,
) -> None:
    change_key_in(tmp_path, adding(a_key()))
    lose_store(tmp_path)
    asyncio.run(recover(tmp_path, local_engines={"camera"}))
    finding = key_finding(Settings(server=ServerSettings(data_dir=str(tmp_path))), NOW_MS)

    assert keys_in(tmp_path) == []
    assert has_keys_in(tmp_path)
    assert had_any(tmp_path)
    assert finding.detail == "none, and the folder had some: nobody is let in"
    assert not finding.is_well

    (tmp_path / FILE).unlink()
    assert not had_any(tmp_path)
    assert not has_keys_in(tmp_path)


def test_a_backup_takes_the_mark_along(tmp_path: Path) -> None:
    folder, copy = tmp_path / "data", tmp_path / "copy"
    change_key_in(folder, adding(a_key()))
    lose_store(folder)
    asyncio.run(recover(folder, local_engines={"camera"}))
    back_up(folder, copy, local_engines={"camera"})

    assert keys_in(copy) == []
    assert had_any(copy)
