"""A folder's store as commands write to it, beside whoever else does."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

from support.stored_files import made_with
from support.waits import PATIENCE_S
from unstill.store.embedded.beside import opened_beside, transaction


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(made_with(tmp_path, "CREATE TABLE words (word TEXT)")) as made:
        made.pragma("journal_mode", "wal")
    return tmp_path


def words_in(folder: Path) -> list[str]:
    with closing(made_with(folder, "")) as connection:
        return [f"{word}" for (word,) in connection.execute("SELECT word FROM words").fetchall()]


def write(folder: Path, word: str, begun: threading.Event | None = None) -> None:
    with opened_beside(folder, having="words", writes=True) as connection:
        assert connection is not None
        if begun is not None:
            begun.set()
        with transaction(connection):
            connection.execute("INSERT INTO words VALUES (?)", (word,))
            if word == "bad":
                raise KeyError(word)


def test_a_writer_of_the_same_process_can_end_while_a_command_waits_for_it(folder: Path) -> None:
    with closing(made_with(folder, "")) as server:
        server.set_busy_timeout(5_000)
        for n in range(20):
            begun = threading.Event()
            server.execute("BEGIN IMMEDIATE")
            command = threading.Thread(target=write, args=(folder, f"{n}", begun))
            command.start()
            assert begun.wait(PATIENCE_S)
            for _ in range(100):
                server.execute("INSERT INTO words VALUES ('server')")
            server.execute("COMMIT")
            command.join(PATIENCE_S)

    words = [word for word in words_in(folder) if word != "server"]
    assert words == [f"{n}" for n in range(20)]


def test_what_raises_leaves_nothing_and_the_next_is_written(folder: Path) -> None:
    with pytest.raises(KeyError):
        write(folder, "bad")
    write(folder, "good")

    assert words_in(folder) == ["good"]
