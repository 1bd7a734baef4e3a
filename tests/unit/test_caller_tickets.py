"""Tickets: whose key they stand for, until when, and that nothing of one can be changed."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from support.api_keys import NOW_MS, a_key
from unstill.domain.api_key import ApiKey
from unstill.domain.caller import KEYLESS, Caller, Scope
from unstill.domain.errors import BadKey
from unstill.domain.owner import Owner
from unstill.server.api_keys import Keys
from unstill.server.caller_tickets import LEAST_S, STEP_S, CallerTickets

SECRET, OTHER = b"first secret" * 4, b"other secret" * 4
ONE, TWO = Owner("one"), Owner("two")
SETTINGS = {"sk-one": ONE, "sk-one-more": ONE, "sk-two": TWO}


def by(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


class Desk:
    """A server's keys and tickets, at a time that a test sets."""

    def __init__(
        self,
        *rows: ApiKey,
        settings: dict[str, Owner] | None = None,
        secrets: tuple[bytes, ...] = (SECRET,),
    ) -> None:
        self.now_ms = NOW_MS
        self.keys = Keys(SETTINGS if settings is None else settings)
        self.tickets = CallerTickets(self.keys, lambda: self.now_ms)
        self.keys.take(rows, NOW_MS)
        self.tickets.take(secrets)

    def issued(self, key: str, address: str = "") -> str:
        headers = by(key)
        told = self.tickets.issue(self.keys.caller(headers, address), headers)
        assert told.ticket is not None
        return told.ticket

    def caller(self, ticket: str, address: str = "") -> Caller:
        return self.tickets.caller(ticket, address)


@pytest.mark.parametrize("key", ["unstill_key_1", "sk-one", "sk-two"])
def test_a_ticket_lets_in_whom_its_key_lets_in(key: str) -> None:
    desk = Desk(a_key(models=("sora-2",)))

    assert desk.caller(desk.issued(key)) == desk.keys.caller(by(key))


@pytest.mark.parametrize("key", ["unstill_key_1", "sk-one"])
def test_a_ticket_holds_until_the_second_that_it_names(key: str) -> None:
    desk = Desk(a_key())
    headers = by(key)
    told = desk.tickets.issue(desk.keys.caller(headers), headers)
    assert told.ticket is not None
    assert told.expires_ms is not None

    desk.now_ms = told.expires_ms - 1
    desk.caller(told.ticket)
    desk.now_ms = told.expires_ms
    with pytest.raises(BadKey, match=r"^this ticket expired at 20\d\d-\S+Z; POST /v1/tickets"):
        desk.caller(told.ticket)


@given(after_ms=st.integers(0, 3_600_000))
def test_a_ticket_is_good_for_ten_to_fifteen_minutes(after_ms: int) -> None:
    desk = Desk()
    desk.now_ms += after_ms
    told = desk.tickets.issue(desk.keys.caller(by("sk-one")), by("sk-one"))

    assert told.expires_ms is not None
    assert LEAST_S * 1000 - 1000 < told.expires_ms - desk.now_ms <= (LEAST_S + STEP_S) * 1000


def test_a_ticket_stays_the_same_for_a_step() -> None:
    desk = Desk()
    desk.now_ms -= desk.now_ms % (STEP_S * 1000)
    found = []
    for after_s in (1, 2, STEP_S, STEP_S + 1):
        desk.now_ms += after_s * 1000 - (desk.now_ms % (STEP_S * 1000))
        found.append(desk.issued("sk-one"))

    assert len(set(found[:3])) == 1
    assert found[3] != found[0]


def test_an_operators_ticket_lets_in_a_user() -> None:
    desk = Desk(a_key(scope=Scope.ADMIN, owner=Owner("ops")))
    caller = desk.caller(desk.issued("unstill_key_1"))

    assert (caller.owner, caller.key_id, caller.is_admin) == ("ops", "key_1", False)
    desk.keys.check(caller)


@given(data=st.data())
def test_nothing_of_a_ticket_can_be_changed(data: st.DataObject) -> None:
    desk = Desk(a_key(), a_key("key_2", owner=TWO))
    ticket = desk.issued("unstill_key_1")
    at = data.draw(st.integers(0, len(ticket)))
    changed = (
        ticket[:at] + data.draw(st.text(max_size=3)) + ticket[at + data.draw(st.integers(0, 3)) :]
    )
    assume(changed != ticket)

    with pytest.raises(BadKey, match="this ticket is not one of this server's"):
        desk.caller(changed)


def test_another_keys_name_in_a_ticket_opens_nothing() -> None:
    desk = Desk(a_key(), a_key("key_2", owner=TWO))
    mine, theirs = (desk.issued(f"unstill_key_{each}").split(".") for each in "12")

    with pytest.raises(BadKey, match="not one of this server's"):
        desk.caller(".".join([theirs[0], *mine[1:]]))


@pytest.mark.parametrize("junk", ["", ".", "..", "a.b.c", "é.1.é", "\ud800.\ud800.\ud800", "\0"])
def test_what_is_no_ticket_is_refused(junk: str) -> None:
    with pytest.raises(BadKey, match="not one of this server's"):
        Desk().caller(junk)


def test_a_ticket_ends_with_its_key() -> None:
    desk = Desk(a_key())
    ticket = desk.issued("unstill_key_1")
    caller = desk.caller(ticket)
    desk.keys.take([a_key(revoked_ms=NOW_MS)], NOW_MS)

    with pytest.raises(BadKey, match="this ticket's API key was revoked, has expired or"):
        desk.caller(ticket)
    with pytest.raises(BadKey, match="since the call began"):
        desk.keys.check(caller)


def test_an_operators_ticket_ends_with_its_key_too() -> None:
    key = a_key(scope=Scope.ADMIN, expires_ms=NOW_MS + 1000)
    desk = Desk(key)
    ticket = desk.issued("unstill_key_1")
    caller = desk.caller(ticket)
    lost = desk.keys.take([key], NOW_MS + 1000)

    assert lost == {"key_1"}
    with pytest.raises(BadKey, match="has expired"):
        desk.caller(ticket)
    with pytest.raises(BadKey, match="since the call began"):
        desk.keys.check(caller)


def test_a_ticket_of_a_key_of_the_settings_ends_when_these_have_it_no_more() -> None:
    ticket = Desk().issued("sk-one")

    assert Desk(settings={"sk-one": ONE}).caller(ticket).owner == ONE
    assert Desk(settings={"sk-one": TWO}).caller(ticket).owner == TWO  # as the key would be
    for settings in ({"sk-two": TWO}, {"sk-one-more": ONE}):
        with pytest.raises(BadKey, match="this ticket's API key"):
            Desk(settings=settings).caller(ticket)


def test_a_key_is_not_in_its_ticket_and_no_two_have_the_same() -> None:
    desk = Desk(a_key())
    tickets = [desk.issued(key) for key in ("sk-one", "sk-one-more", "sk-two", "unstill_key_1")]

    assert len({each.partition(".")[0] for each in tickets}) == 4
    assert not [each for each in tickets if "sk-" in each or "unstill_" in each]


def test_a_ticket_is_good_from_the_networks_of_its_key_alone() -> None:
    desk = Desk(a_key(networks=("10.0.0.0/8",)))
    ticket = desk.issued("unstill_key_1", "10.1.2.3")

    assert desk.caller(ticket, "10.200.0.1").key_id == "key_1"
    with pytest.raises(BadKey, match="may not be used from this address"):
        desk.caller(ticket, "192.0.2.1")


def test_the_first_secret_signs_and_all_are_believed() -> None:
    before, after = Desk(a_key()), Desk(a_key(), secrets=(OTHER, SECRET))
    for key in ("unstill_key_1", "sk-one"):
        assert after.caller(before.issued(key)) == after.caller(after.issued(key))
        with pytest.raises(BadKey, match="not one of this server's"):
            before.caller(after.issued(key))


def test_a_use_of_a_ticket_is_one_of_its_key() -> None:
    desk = Desk(a_key())
    ticket = desk.issued("unstill_key_1")
    desk.keys.take_used()
    desk.caller(ticket)

    assert desk.keys.take_used() == {"key_1"}


def test_without_keys_nobody_needs_a_ticket() -> None:
    desk = Desk(settings={})
    told = desk.tickets.issue(KEYLESS, {})

    assert (told.ticket, told.expires_ms) == (None, None)
    assert desk.caller("whatever") is KEYLESS
