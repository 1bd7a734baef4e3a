"""Uploads: leave is signed and ends, files are their owner's, and two days old they are gone."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
import pytest

from unstill.domain.errors import BadField, BadPolicy
from unstill.domain.owner import Owner
from unstill.files.uploads import KEPT_S, MOST_KEY_CHARS, POLICY_LIFE_S, Policy, Signed, Uploads

NOW_S = 1_800_000_000.0
OLD, NEW = b"o" * 32, b"n" * 32


def uploads(tmp_path: Path, *secrets: bytes) -> Uploads:
    return Uploads(tmp_path, secrets or (NEW,), most_bytes=10)


def checked(store: Uploads, signed: Signed, name: str = "cat.jpg", at_s: float = NOW_S) -> Policy:
    return store.check(signed.policy, signed.signature, f"{signed.upload_dir}/{name}", at_s)


async def kept(store: Uploads, data: bytes = b"a picture") -> tuple[str, float]:
    """The key of a stored file, and when it was stored."""
    signed = store.sign(Owner("team-a"), "wan2.7-i2v", NOW_S)
    key = f"{signed.upload_dir}/cat.jpg"
    await store.keep(checked(store, signed), key, data)
    [path] = files(store)
    return key, path.stat().st_mtime


def files(store: Uploads) -> list[Path]:
    return list(store._folder.iterdir())


def test_a_policy_says_who_may_upload_what_and_until_when(tmp_path: Path) -> None:
    store = uploads(tmp_path)
    signed = store.sign(Owner("team-a"), "wan2.7-i2v", NOW_S)

    assert checked(store, signed) == Policy(
        signed.upload_dir, Owner("team-a"), "wan2.7-i2v", int(NOW_S) + POLICY_LIFE_S, 10
    )
    assert signed.upload_dir != store.sign(Owner("team-a"), "wan2.7-i2v", NOW_S).upload_dir


def test_a_policy_is_good_until_its_end_and_no_longer(tmp_path: Path) -> None:
    store = uploads(tmp_path)
    signed = store.sign(Owner("team-a"), "wan2.7-i2v", NOW_S)

    checked(store, signed, at_s=NOW_S + POLICY_LIFE_S - 1)
    with pytest.raises(BadPolicy, match="Policy expired"):
        checked(store, signed, at_s=NOW_S + POLICY_LIFE_S)


def test_all_secrets_are_believed_and_the_first_signs(tmp_path: Path) -> None:
    signed = uploads(tmp_path, OLD).sign(Owner("team-a"), "wan2.7-i2v", NOW_S)

    checked(uploads(tmp_path, NEW, OLD), signed)
    with pytest.raises(BadPolicy, match="signature"):
        checked(uploads(tmp_path, NEW), signed)


@pytest.mark.parametrize(
    "field", [{"owner": "team-b"}, {"most_bytes": 2**40}, {"expires_s": 2**40}, {"upload_dir": "x"}]
)
def test_nothing_of_a_policy_can_be_changed(tmp_path: Path, field: dict[str, object]) -> None:
    store = uploads(tmp_path)
    signed = store.sign(Owner("team-a"), "wan2.7-i2v", NOW_S)
    policy = msgspec.json.decode(base64.b64decode(signed.policy)) | field
    text = base64.b64encode(msgspec.json.encode(policy)).decode()

    with pytest.raises(BadPolicy, match="signature"):
        store.check(text, signed.signature, f"{policy['upload_dir']}/cat.jpg", NOW_S)


@pytest.mark.parametrize("name", ["", "x" * MOST_KEY_CHARS])
def test_a_key_must_name_a_file_and_not_a_novel(tmp_path: Path, name: str) -> None:
    store = uploads(tmp_path)

    with pytest.raises(BadPolicy, match="upload_dir/name"):
        checked(store, store.sign(Owner("team-a"), "wan2.7-i2v", NOW_S), name)


async def test_a_file_is_read_by_its_owner_alone_also_after_a_restart(tmp_path: Path) -> None:
    key, stored_s = await kept(uploads(tmp_path))
    store = uploads(tmp_path)

    assert await store.read(Owner("team-a"), key, stored_s) == b"a picture"
    assert await store.read(Owner("team-b"), key, stored_s) is None
    assert await store.read(Owner("team-a"), f"{key}x", stored_s) is None


async def test_a_file_is_stored_once_and_within_its_size(tmp_path: Path) -> None:
    store = uploads(tmp_path)
    key, stored_s = await kept(store)
    policy = checked(store, store.sign(Owner("team-a"), "wan2.7-i2v", NOW_S))

    with pytest.raises(BadField, match="not there yet"):
        await store.keep(policy, key, b"another")
    with pytest.raises(BadField, match="at most 10 bytes"):
        await store.keep(policy, f"{policy.upload_dir}/large", b"x" * 11)
    assert await store.read(Owner("team-a"), key, stored_s) == b"a picture"
    assert len(files(store)) == 1


async def test_after_two_days_a_file_is_not_found_and_then_swept(tmp_path: Path) -> None:
    store = uploads(tmp_path)
    await store.sweep(NOW_S)  # with no folder yet
    key, stored_s = await kept(store)
    await store.sweep(stored_s + KEPT_S - 1)

    assert await store.read(Owner("team-a"), key, stored_s + KEPT_S - 1) == b"a picture"
    assert await store.read(Owner("team-a"), key, stored_s + KEPT_S) is None
    await store.sweep(stored_s + KEPT_S)
    assert files(store) == []
