from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstill.server.fair_shares import Shares, caller_at


def test_alone_a_caller_gets_half_and_not_one_more() -> None:
    shares = Shares(100)

    assert shares.take("a", 50)
    assert not shares.take("a", 1)


def test_each_next_caller_gets_half_of_what_is_left() -> None:
    shares = Shares(1000)
    for caller in "abcde":
        while shares.take(caller, 1):
            pass

    assert [shares.held(caller) for caller in "abcde"] == [500, 250, 125, 62, 31]


def test_what_is_given_back_is_there_again() -> None:
    shares = Shares(100)
    assert shares.take("a", 50)
    shares.give("a", 50)

    assert shares.taken == 0
    assert shares.take("b", 50)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 60))))
def test_there_is_always_as_much_left_as_anybody_holds(asked: list[tuple[str, int]]) -> None:
    shares = Shares(100)
    for caller, amount in asked:
        if shares.take(caller, amount):
            # By what was free then; who came later may have taken from it since.
            assert shares.held(caller) <= 100 - shares.taken

    assert shares.taken < 100


@pytest.mark.parametrize(
    ("host", "caller"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("not:an:address", "not:an:address"),
    ],
)
def test_an_address_stands_for_whoever_has_it(host: str, caller: str) -> None:
    assert caller_at(host) == caller
