"""Signed links: who has one may load one video, until it is over."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from unstill.domain.errors import BadLink
from unstill.files.signed_links import LIFETIME_S, STEP_S, Links

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


def test_links_may_be_told_their_secrets_later_but_not_of_none() -> None:
    links = Links()
    links.take((b"first secret" * 4,))

    assert links.sign(JOB, "video", NOON_S) == LINKS.sign(JOB, "video", NOON_S)
    with pytest.raises(ValueError, match="need a secret"):
        links.take(())
