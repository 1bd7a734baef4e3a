"""What an operator may make of keys, and what is said of the rest."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from support.api_keys import NOW_MS, a_key
from unstill.domain.access_errors import KeyEnded, NoSuchKey
from unstill.domain.errors import BadField, UnknownModel
from unstill.models.catalogue import Catalogue
from unstill.service.key_rules import (
    MOST_NAME_CHARS,
    checked_name,
    created,
    models_of,
    moment_ms_of,
    networks_of,
    revoked,
    rotated,
)

CATALOGUE = Catalogue({"mine": "wan2.7-i2v"})


def at(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "moment_ms"),
    [
        ("30s", NOW_MS + 30_000),
        ("5m", NOW_MS + 300_000),
        ("12h", NOW_MS + 12 * 3_600_000),
        ("90d", NOW_MS + 90 * 86_400_000),
        ("2027-03-01", at(2027, 3, 1)),
        ("2027-03-01T12:30:00", at(2027, 3, 1, 12, 30)),
        ("2027-03-01T12:30:00Z", at(2027, 3, 1, 12, 30)),
        ("2027-03-01T12:30:00+02:00", at(2027, 3, 1, 10, 30)),
        ("9998-12-31T23:59:59Z", at(9998, 12, 31, 23, 59, 59)),
    ],
)
def test_an_expiry_is_a_time_or_a_time_from_now(text: str, moment_ms: int) -> None:
    assert moment_ms_of("--expires", text, NOW_MS) == moment_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "90",
        "d",
        "0s",
        "-5m",
        "90 days",
        "soon",
        "2020-01-01",
        "9999-01-01",
        "999999999d",
        "1e3s",
    ],
)
def test_any_other_expiry_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadField, match=r"^--expires must be "):
        moment_ms_of("--expires", text, NOW_MS)


def test_networks_are_cidrs_or_single_addresses_each_once() -> None:
    given = ["10.0.0.0/8", "192.0.2.7", "fd00::/8", "10.0.0.0/8"]

    assert networks_of("networks", given) == ("10.0.0.0/8", "192.0.2.7/32", "fd00::/8")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["10.0.0.1/8"], r"did you mean 10\.0\.0\.0/8\?"),
        (["10.1.0.0/16", "10.0.0.0/33"], "is none"),
        (["office"], "is none"),
        ([], "at least one"),
    ],
)
def test_what_is_no_network_is_refused_by_name(given: list[str], said: str) -> None:
    with pytest.raises(BadField, match=rf"^networks must .*{said}"):
        networks_of("networks", given)


def test_models_are_kept_by_their_names_in_the_list() -> None:
    given = ["sora-2", "mine", "WAN2.7-i2v", "openai/sora-2/image-to-video-pro"]

    assert models_of("models", given, CATALOGUE) == (
        "openai/sora-2/image-to-video-pro",
        "mine",
        "wan2.7-i2v",
    )


def test_an_unknown_model_is_refused_by_the_options_name() -> None:
    with pytest.raises(UnknownModel, match=r"^--models must be one of "):
        models_of("--models", ["wan2.7-i2v", "sora-9"], CATALOGUE)


@pytest.mark.parametrize("name", ["x", "n" * MOST_NAME_CHARS, "Ann's laptop (old)", "über"])
def test_a_name_is_what_a_person_can_read(name: str) -> None:
    assert checked_name("--name", name) == name


@pytest.mark.parametrize(
    "name", ["", "n" * (MOST_NAME_CHARS + 1), " x", "-x", "a\nb", "key_0123456789ab"]
)
def test_a_name_that_could_be_taken_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(BadField, match=r"^--name must be "):
        checked_name("--name", name)


def test_a_new_key_without_a_name_has_its_owners_and_one_with_a_taken_name_is_refused() -> None:
    standing = [a_key(name="team-a"), a_key("key_2", name="laptop", revoked_ms=NOW_MS)]
    unnamed, named = a_key("key_3", name=""), a_key("key_3", name="laptop")

    assert created(unnamed, param="name")(standing).name == "team-a-2"
    assert created(named, param="name")(standing) == named
    with pytest.raises(BadField, match=r"^name must be another name .* already"):
        created(a_key("key_3", name="team-a"), param="name")(standing)


@pytest.mark.parametrize("which", ["key_1", "laptop"])
def test_a_key_is_revoked_once_by_its_name_or_id(which: str) -> None:
    first = revoked(which, NOW_MS)([a_key()])

    assert first == a_key(revoked_ms=NOW_MS)
    assert revoked(which, NOW_MS + 5)([first]) == first


def test_what_is_good_no_more_is_replaced_by_nothing_and_what_is_not_there_is_named() -> None:
    new = rotated("laptop", "22" * 32, NOW_MS)([a_key(expires_ms=NOW_MS + 1, used_ms=5)])

    assert new == a_key(digest="22" * 32, created_ms=NOW_MS, expires_ms=NOW_MS + 1)
    with pytest.raises(KeyEnded, match="has expired"):
        rotated("laptop", "22" * 32, NOW_MS + 1)([new])
    with pytest.raises(KeyEnded, match="is revoked"):
        rotated("laptop", "22" * 32, NOW_MS)([a_key(revoked_ms=NOW_MS)])
    with pytest.raises(NoSuchKey, match=r"^no key 'desk'"):
        rotated("desk", "22" * 32, NOW_MS)([new])
    with pytest.raises(NoSuchKey):
        revoked("desk", NOW_MS)([])
