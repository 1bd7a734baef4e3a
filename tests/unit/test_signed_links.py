"""Signed links: who has one may load one video, until it is over."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from unstill.domain.errors import BadLink, BadSetting
from unstill.files.signed_links import LIFETIME_S, SECRETS_FILE, STEP_S, Links, load_secrets

JOB = "job_01Zk"
NOON_S = 1_795_176_000  # 2026-11-20T12:00:00Z
LINKS = Links((b"first secret" * 4,))


def parts(link: str) -> tuple[str, str, str, str]:
    """Job id, variant, expires and signature, as an HTTP route would read them."""
    url = urlsplit(link)
    _, files, job_id, file = url.path.split("/")
    query = dict(parse_qsl(url.query, strict_parsing=True))
    assert files == "files"
    assert sorted(query) == ["expires", "signature"]
    return job_id, file.removesuffix(".mp4"), query["expires"], query["signature"]


def test_a_link_reads_as_documented() -> None:
    link = LINKS.sign(JOB, "video", NOON_S)

    assert link.startswith(f"/files/{JOB}/video.mp4?expires={NOON_S + LIFETIME_S}&signature=")
    assert len(parts(link)[3]) == 43  # 256 bits in base64url


@given(now_s=st.floats(0, 2**33), used_after_s=st.floats(0, LIFETIME_S - 1))
def test_a_link_holds_for_its_lifetime(now_s: float, used_after_s: float) -> None:
    link = LINKS.sign(JOB, "video", now_s)

    LINKS.check(*parts(link), now_s + used_after_s)


@given(now_s=st.integers(0, 2**33))
def test_a_link_ends_within_an_hour_after_its_lifetime(now_s: int) -> None:
    link = LINKS.sign(JOB, "video", now_s)

    with pytest.raises(BadLink, match="is over since"):
        LINKS.check(*parts(link), now_s + LIFETIME_S + STEP_S)


def test_a_link_is_over_at_the_second_that_it_names() -> None:
    link = LINKS.sign(JOB, "video", NOON_S)

    LINKS.check(*parts(link), NOON_S + LIFETIME_S - 0.001)
    with pytest.raises(BadLink, match=r"^the link is over since 2026-11-21T12:00:00Z$"):
        LINKS.check(*parts(link), NOON_S + LIFETIME_S)


def test_a_link_stays_the_same_within_the_hour_and_changes_after_it() -> None:
    polls = [LINKS.sign(JOB, "video", NOON_S + s) for s in (1, 2, 1800, 3600)]

    assert len(set(polls)) == 1
    assert LINKS.sign(JOB, "video", NOON_S + 3601) != polls[0]


@given(data=st.data())
def test_a_link_with_any_changed_part_is_refused(data: st.DataObject) -> None:
    values = list(parts(LINKS.sign(JOB, "video", NOON_S)))
    which = data.draw(st.integers(0, 3))
    at = data.draw(st.integers(0, len(values[which])))
    inserted = data.draw(st.text(max_size=2))
    dropped = data.draw(st.integers(0, 2))
    changed = values[which][:at] + inserted + values[which][at + dropped :]
    assume(changed != values[which])
    values[which] = changed

    with pytest.raises(BadLink, match=r"^the link's signature is wrong$"):
        LINKS.check(values[0], values[1], values[2], values[3], NOON_S)


@given(at=st.integers(0, 42), letter=st.characters(codec="ascii"))
def test_a_signature_with_any_other_letter_is_refused(at: int, letter: str) -> None:
    job_id, variant, expires, signature = parts(LINKS.sign(JOB, "video", NOON_S))
    assume(letter != signature[at])

    with pytest.raises(BadLink):
        LINKS.check(job_id, variant, expires, signature[:at] + letter + signature[at + 1 :], NOON_S)


@pytest.mark.parametrize(
    "expires", ["1795262400.0", "+1795262400", " 1795262400", "１７９５２６２４００", "never"]
)
def test_another_spelling_of_the_same_moment_is_refused(expires: str) -> None:
    job_id, variant, _, signature = parts(LINKS.sign(JOB, "video", NOON_S))

    with pytest.raises(BadLink, match="signature is wrong"):
        LINKS.check(job_id, variant, expires, signature, NOON_S)


def test_a_link_with_characters_that_no_link_has_is_refused() -> None:
    for junk in ("", "é" * 43, "\ud800", "\0"):
        with pytest.raises(BadLink):
            LINKS.check(junk, junk, junk, junk, NOON_S)


def test_the_first_secret_signs_and_all_are_believed() -> None:
    old, new = b"old" * 16, b"new" * 16
    before, after = Links((old,)), Links((new, old))
    old_link, new_link = before.sign(JOB, "video", NOON_S), after.sign(JOB, "video", NOON_S)

    after.check(*parts(old_link), NOON_S)
    after.check(*parts(new_link), NOON_S)
    with pytest.raises(BadLink):
        before.check(*parts(new_link), NOON_S)


def test_links_without_a_secret_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="need a secret"):
        Links(())


# --- the file of secrets -----------------------------------------------------------------------


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
