"""What `unstill keys list` says of a key."""

from __future__ import annotations

from support.api_keys import NOW_MS, a_key
from unstill.cli.keys import row_of
from unstill.domain.caller import Scope
from unstill.domain.limits import Limits


def test_a_row_tells_what_a_key_is_good_for_and_since_when_it_is_not() -> None:
    whole = a_key(scope=Scope.ADMIN, models=("mine", "b"), networks=("10.0.0.0/8",), used_ms=NOW_MS)
    told = "2027-01-15T08:00:00Z"

    assert row_of(a_key(), NOW_MS)[:6] == ("laptop", "key_1", "team-a", "user", "never", "never")
    assert row_of(a_key(), NOW_MS)[6:] == ("any", "any", "none")
    assert row_of(whole, NOW_MS)[3:] == ("admin", "never", told, "mine,b", "10.0.0.0/8", "none")
    assert row_of(a_key(expires_ms=NOW_MS), NOW_MS)[4] == f"expired {told}"
    assert row_of(a_key(expires_ms=NOW_MS), NOW_MS - 1)[4] == told
    assert row_of(a_key(revoked_ms=NOW_MS), NOW_MS)[4] == f"revoked {told}"


def test_a_row_tells_the_limits_that_a_key_has_of_its_own() -> None:
    limits = Limits(in_flight=2, requests_per_minute=0, stored_bytes=5)

    told = row_of(a_key(limits=limits), NOW_MS)[-1]

    assert told == "in flight 2, requests a minute 0, bytes 5"
