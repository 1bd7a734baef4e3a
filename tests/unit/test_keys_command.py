"""What `unstill keys create` takes, and what it says of the rest."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from support.api_keys import NOW_MS, a_key
from unstill.cli.keys import check_name, models_of, moment_ms_of, networks_of, row_of
from unstill.domain.caller import Scope
from unstill.domain.errors import BadSetting, UnknownModel
from unstill.models.catalogue import Catalogue

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
    assert moment_ms_of(text, NOW_MS) == moment_ms


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
    with pytest.raises(BadSetting, match=r"^--expires: must be "):
        moment_ms_of(text, NOW_MS)


def test_networks_are_cidrs_or_single_addresses_each_once() -> None:
    given = "10.0.0.0/8, 192.0.2.7,fd00::/8,10.0.0.0/8"

    assert networks_of(given) == ("10.0.0.0/8", "192.0.2.7/32", "fd00::/8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.1/8", r"did you mean 10\.0\.0\.0/8\?"),
        ("10.0.0.0/33", "is none"),
        ("office", "is none"),
        (",", "at least one"),
    ],
)
def test_what_is_no_network_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(BadSetting, match=rf"^--networks: must .*{said}"):
        networks_of(text)


def test_models_are_kept_by_their_names_in_the_list() -> None:
    given = "sora-2,mine, WAN2.7-i2v,openai/sora-2/image-to-video-pro"

    assert models_of(given, CATALOGUE) == ("openai/sora-2/image-to-video-pro", "mine", "wan2.7-i2v")


def test_an_unknown_model_is_refused_by_the_options_name() -> None:
    with pytest.raises(UnknownModel, match=r"^--models must be one of "):
        models_of("wan2.7-i2v,sora-9", CATALOGUE)


@pytest.mark.parametrize("name", ["x", "n" * 64, "Ann's laptop (old)", "über"])
def test_a_name_is_what_a_person_can_read(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "n" * 65, " x", "-x", "a\nb", "key_0123456789ab"])
def test_a_name_that_could_be_taken_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(BadSetting, match=r"^--name: must be "):
        check_name(name)


def test_a_row_tells_what_a_key_is_good_for_and_since_when_it_is_not() -> None:
    whole = a_key(scope=Scope.ADMIN, models=("mine", "b"), networks=("10.0.0.0/8",), used_ms=NOW_MS)
    told = "2027-01-15T08:00:00Z"

    assert row_of(a_key(), NOW_MS)[:6] == ("laptop", "key_1", "team-a", "user", "never", "never")
    assert row_of(a_key(), NOW_MS)[6:] == ("any", "any")
    assert row_of(whole, NOW_MS)[3:] == ("admin", "never", told, "mine,b", "10.0.0.0/8")
    assert row_of(a_key(expires_ms=NOW_MS), NOW_MS)[4] == f"expired {told}"
    assert row_of(a_key(expires_ms=NOW_MS), NOW_MS - 1)[4] == told
    assert row_of(a_key(revoked_ms=NOW_MS), NOW_MS)[4] == f"revoked {told}"
