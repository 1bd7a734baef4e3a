"""Who may read the metrics."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from support.api_keys import NOW_MS, a_key
from unstill.domain.access_errors import AdminOnly
from unstill.domain.caller import Network, Scope
from unstill.domain.errors import BadKey
from unstill.domain.owner import Owner
from unstill.server.api_keys import Keys
from unstill.server.metrics.access import MetricsAccess

USER = {"authorization": "Bearer sk-one"}
KEYED = Keys({"sk-one": Owner("team-a")})
INSIDE: tuple[Network, ...] = (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))


HERE = {"host": "127.0.0.1:8000"}


def test_without_keys_whoever_calls_from_the_machine_itself_is_the_operator() -> None:
    MetricsAccess(Keys({}), ()).check(HERE, "127.0.0.1")


@pytest.mark.parametrize(
    ("headers", "host"),
    [(HERE, "10.1.2.3"), (HERE | {"x-forwarded-for": "10.1.2.3"}, "127.0.0.1"), ({}, "127.0.0.1")],
)
def test_without_keys_nobody_else_is(headers: dict[str, str], host: str) -> None:
    with pytest.raises(AdminOnly):
        MetricsAccess(Keys({}), ()).check(headers, host)


def test_where_keys_are_needed_none_is_401_and_one_of_scope_user_is_not_enough() -> None:
    access = MetricsAccess(KEYED, ())

    with pytest.raises(BadKey):
        access.check({}, "127.0.0.1")
    with pytest.raises(AdminOnly) as refused:
        access.check(USER, "127.0.0.1")
    assert refused.value.status == 403


def test_a_key_of_scope_admin_is_good_enough_from_where_it_is_good() -> None:
    keys = Keys({})
    keys.take([a_key(scope=Scope.ADMIN, networks=("10.1.0.0/16",))], NOW_MS)
    access, by_key = MetricsAccess(keys, ()), {"authorization": "unstill_key_1"}

    access.check(by_key, "10.1.2.3")
    with pytest.raises(BadKey):
        access.check(by_key, "10.2.0.0")


@pytest.mark.parametrize("host", ["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3", "fd00::1%eth0"])
def test_a_caller_in_a_named_network_needs_no_key(host: str) -> None:
    MetricsAccess(KEYED, INSIDE).check({}, host)


@pytest.mark.parametrize(
    "host", ["10.0.255.255", "10.2.0.0", "::ffff:10.2.0.0", "fe00::1", "127.0.0.1", "", "unix"]
)
def test_a_caller_beside_the_named_networks_does(host: str) -> None:
    with pytest.raises(BadKey):
        MetricsAccess(KEYED, INSIDE).check({}, host)
