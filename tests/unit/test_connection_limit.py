"""Who makes room while few places for connections are left."""

from __future__ import annotations

from unstill.server.connection_limit import AGAIN_S, BATCH, Crowd

MOST = 100
TIGHT = 90
FLOODER, HONEST = "192.0.2.1", "198.51.100.1"


class Caller:
    """A connection that is idle since a moment, or is served."""

    def __init__(self, crowd: Crowd, host: str, rank: tuple[int, float] | None = None) -> None:
        self.idle_rank = rank
        self.counted_at = host
        self.is_open = True
        self.is_in = crowd.enter(self, host)

    def hang_up(self) -> None:
        self.is_open = False


class Site:
    """A crowd with a clock that is moved, and what it asked of those who wait."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.eased: list[tuple[str, int]] = []
        self.crowd = Crowd(
            MOST, ease=lambda *asked: self.eased.append(asked), clock_s=lambda: self.now_s
        )

    def call(self, host: str, rank: tuple[int, float] | None = None) -> Caller:
        self.now_s += AGAIN_S
        return Caller(self.crowd, host, rank)


def test_one_address_may_have_nearly_all_places_while_nobody_else_is_there() -> None:
    site = Site()

    assert all(site.call(FLOODER).is_in for _ in range(TIGHT))
    assert site.eased == []


def test_the_last_places_are_for_other_addresses() -> None:
    site = Site()
    for _ in range(TIGHT):
        site.call(FLOODER)

    assert not site.call(FLOODER).is_in
    assert all(site.call(HONEST).is_in for _ in range(MOST - TIGHT))
    assert not site.call(HONEST).is_in


def test_the_heaviest_addresses_longest_idle_make_room_for_anybody() -> None:
    site = Site()
    honest = [site.call(HONEST, (0, n)) for n in range(10)]
    flood = [site.call(FLOODER, (2, n)) for n in range(TIGHT - 10)]

    assert site.call(HONEST).is_in
    assert site.call(FLOODER, (2, 1000)).is_in
    made_room = (TIGHT - 10) // BATCH + 1
    assert [caller.is_open for caller in flood] == [False] * made_room + [True] * (
        len(flood) - made_room
    )
    assert all(caller.is_open for caller in honest)


def test_who_has_never_asked_goes_before_who_was_answered() -> None:
    site = Site()
    answered = [site.call(FLOODER, (2, 0.0)) for _ in range(TIGHT - 20)]
    silent = [site.call(FLOODER, (0, 1e9)) for _ in range(20)]
    site.call(HONEST)

    assert sum(not caller.is_open for caller in silent) == TIGHT // BATCH + 1
    assert all(caller.is_open for caller in answered)


def test_those_who_wait_are_asked_to_when_too_few_are_idle() -> None:
    site = Site()
    idle = site.call(FLOODER, (0, 0.0))
    for _ in range(TIGHT - 1):
        site.call(FLOODER)

    assert site.call(HONEST).is_in
    assert not idle.is_open
    assert site.eased == [(FLOODER, TIGHT // BATCH)]


def test_a_search_in_vain_is_not_made_again_at_once() -> None:
    site = Site()
    for _ in range(TIGHT):
        site.call(FLOODER)
    for _ in range(3):
        Caller(site.crowd, FLOODER)

    assert len(site.eased) == 1


def test_a_flood_of_idle_connections_keeps_nobody_out_of_its_own_address() -> None:
    """As on loopback, or behind a proxy."""
    site = Site()
    for n in range(10 * MOST):
        site.call(FLOODER, (0, n))

        honest = site.call(FLOODER)
        assert honest.is_in
        site.crowd.leave(honest, FLOODER)


def test_a_proxys_connections_count_for_those_whose_calls_they_bring() -> None:
    site, proxy = Site(), "127.0.0.1"
    flood = [site.call(proxy, (2, n)) for n in range(TIGHT)]
    for each in flood:
        site.crowd.move(each, proxy, FLOODER)

    honest = site.call(proxy)
    assert honest.is_in
    assert sum(not each.is_open for each in flood) == TIGHT // BATCH + 1
    site.crowd.move(honest, proxy, HONEST)
    site.crowd.leave(honest, HONEST)
    assert all(site.call(proxy).is_in for _ in range(TIGHT // BATCH + 1))


def test_a_connection_that_was_refused_or_is_over_counts_for_nobody_when_it_is_moved() -> None:
    site, proxy = Site(), "127.0.0.1"
    caller = site.call(proxy)
    site.crowd.leave(caller, proxy)
    site.crowd.move(caller, proxy, HONEST)

    assert all(site.call(HONEST).is_in for _ in range(TIGHT))
    assert not site.call(HONEST).is_in


def test_whoever_has_left_may_leave_again() -> None:
    site = Site()
    caller = site.call(HONEST)
    for _ in range(3):
        site.crowd.leave(caller, HONEST)

    assert all(site.call(HONEST).is_in for _ in range(TIGHT))


def test_all_who_are_connected_are_counted_and_who_is_hung_up_on_no_more() -> None:
    site = Site()
    callers = [site.call(host) for host in (FLOODER, FLOODER, HONEST)]
    before = site.crowd.count
    site.crowd.leave(callers[0], FLOODER)
    site.crowd.leave(callers[0], FLOODER)

    assert (before, site.crowd.count) == (3, 2)
