"""What the doctor says of API keys, and of receivers of those who have them."""

from __future__ import annotations

from pathlib import Path

from support.api_keys import NOW_MS, a_key, adding
from support.webhook_receiver import SECRET
from unstill.cli.doctor import key_finding
from unstill.cli.doctor_upstreams import webhook_findings
from unstill.domain.api_key import ApiKey
from unstill.domain.owner import Owner
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings
from unstill.store.embedded.keys_beside import change_key_in, has_keys_in, keys_in


def with_keys(data_dir: Path, *rows: ApiKey, **fields: object) -> Settings:
    for row in rows:
        change_key_in(data_dir, adding(row))
    return Settings(server=ServerSettings(data_dir=str(data_dir)), **fields)  # type: ignore[arg-type]


def test_where_there_never_was_a_key_any_caller_of_this_machine_is_let_in(tmp_path: Path) -> None:
    finding = key_finding(with_keys(tmp_path / "none"), NOW_MS)

    assert not finding.is_well
    assert finding.detail == "none: any caller on this machine is let in"
    assert not (tmp_path / "none").exists()


def test_owners_are_counted_whatever_their_keys_are_from(tmp_path: Path) -> None:
    of_settings = {"sk": Owner("team-a"), "sk2": Owner("team-b")}
    settings = with_keys(
        tmp_path, a_key(), a_key("key_2", owner=Owner("team-c")), api_keys=of_settings
    )

    finding = key_finding(settings, NOW_MS)
    assert finding.is_well
    assert finding.detail == "3 owners"


def test_where_all_keys_are_over_nobody_is_let_in_and_it_says_so(tmp_path: Path) -> None:
    settings = with_keys(tmp_path, a_key(revoked_ms=NOW_MS), a_key("key_2", expires_ms=NOW_MS))

    finding = key_finding(settings, NOW_MS)
    assert not finding.is_well
    assert finding.detail == "all are revoked or have expired, nobody is let in: 2"
    assert key_finding(settings, NOW_MS - 1).is_well


def test_a_receiver_is_for_an_owner_of_a_key_that_was_made(tmp_path: Path) -> None:
    hooks = {Owner("team-a"): "http://127.0.0.1:9/"}
    settings = with_keys(tmp_path, webhooks=hooks, webhook_secrets=(SECRET,))
    (before,) = webhook_findings(settings)
    assert "webhooks.team-a: must be named for an owner of a key: everyone" in before.detail

    with_keys(tmp_path, a_key(revoked_ms=NOW_MS))

    assert "must be named" not in "".join(each.detail for each in webhook_findings(settings))


def test_a_folder_has_keys_from_the_first_one_on(tmp_path: Path) -> None:
    assert not has_keys_in(tmp_path / "none")
    with_keys(tmp_path, a_key(revoked_ms=NOW_MS))

    assert has_keys_in(tmp_path)
    assert keys_in(tmp_path) == [a_key(revoked_ms=NOW_MS)]


def test_a_store_that_cannot_be_read_has_no_keys_to_tell_of(tmp_path: Path) -> None:
    (tmp_path / "unstill.sqlite3").write_text("my shopping list " * 100)

    assert not has_keys_in(tmp_path)
    assert not key_finding(with_keys(tmp_path), NOW_MS).is_well
