"""The file of the secrets that links are signed with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unstill.domain.errors import BadSetting
from unstill.store.embedded.link_secrets import SECRETS_FILE, load_secrets


def test_the_first_start_makes_a_secret_that_only_the_server_can_read(tmp_path: Path) -> None:
    made = load_secrets(tmp_path)

    assert [len(secret) for secret in made] == [32]
    assert [path.name for path in tmp_path.iterdir()] == [SECRETS_FILE]
    assert (tmp_path / SECRETS_FILE).stat().st_mode & 0o777 == 0o600


def test_the_next_start_reads_the_same_secret_and_another_server_has_another(
    tmp_path: Path,
) -> None:
    other = tmp_path / "other"
    other.mkdir()

    assert load_secrets(tmp_path) == load_secrets(tmp_path)
    assert load_secrets(tmp_path) != load_secrets(other)


def test_a_secret_put_on_top_becomes_the_first(tmp_path: Path) -> None:
    (old,) = load_secrets(tmp_path)
    file = tmp_path / SECRETS_FILE
    file.write_text("AB" * 32 + "\n\n" + file.read_text())

    assert load_secrets(tmp_path) == (b"\xab" * 32, old)


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"ab" * 31, b"ab" * 32 + b"\nxyz", b"ab" * 32 + b"a", b"\xff\xfe"]
)
def test_a_malformed_file_of_secrets_stops_the_start_by_name(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / SECRETS_FILE).write_bytes(content)

    with pytest.raises(BadSetting, match="each line must be a secret") as stopped:
        load_secrets(tmp_path)
    assert stopped.value.setting == str(tmp_path / SECRETS_FILE)


def test_a_file_of_secrets_that_cannot_be_used_stops_the_start_by_name(tmp_path: Path) -> None:
    (tmp_path / SECRETS_FILE).mkdir()

    with pytest.raises(BadSetting, match="Is a directory: the server must be able to use it"):
        load_secrets(tmp_path)


def test_a_data_folder_that_is_not_there_stops_the_start_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="No such file or directory"):
        load_secrets(tmp_path / "gone")


def test_first_starts_at_once_all_sign_with_what_is_in_the_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        loaded = list(threads.map(load_secrets, [tmp_path] * 8))

    assert set(loaded) == {load_secrets(tmp_path)}
