"""The tags by which owners take turns in the lines of several servers."""

from __future__ import annotations

from heapq import heappop, heappush

from unstill.domain.owner import Owner
from unstill.store.postgres.tags import LOWERED_FROM, MOST_PRIORITY, Tags

ANN, BOB = Owner("ann"), Owner("bob")


def test_an_owners_entries_are_a_turn_apart_and_a_heavy_ones_nearer() -> None:
    tags = Tags()
    tags.weight_of = lambda owner: 4 if owner == BOB else 1
    ann = [tags.reserve("line", ANN) for _ in range(3)]
    bob = [tags.reserve("line", BOB) for _ in range(3)]

    assert [each // ann[1] for each in ann] == [0, 1, 2]
    assert [4 * each for each in bob] == ann


def test_a_server_alone_serves_owners_by_weight() -> None:
    tags, waiting, served = Tags(), list[tuple[int, int, str]](), ""
    tags.weight_of = lambda owner: 3 if owner == ANN else 1
    for number in range(40):
        for owner in (ANN, BOB):
            heappush(waiting, (tags.reserve("line", owner), number, owner))
    for _ in range(40):
        tag, _, name = heappop(waiting)
        tags.reach("line", tag)
        served += name[0]

    assert served.count("a") == 30


def test_one_who_comes_again_gains_nothing_and_one_who_is_new_begins_where_the_line_is() -> None:
    tags = Tags()
    for _ in range(5):
        tags.reserve("line", ANN)
    last = tags.reserve("line", ANN)
    tags.reach("line", last // 2)
    new = tags.reserve("line", BOB)

    assert new == last // 2
    assert tags.reserve("line", ANN) > last


def test_what_came_to_nothing_costs_no_turn() -> None:
    tags = Tags()
    tag = tags.reserve("line", ANN)
    tags.give_back("line", ANN, tag)

    assert tags.reserve("line", ANN) == tag


def test_two_servers_that_hear_of_each_other_count_alike() -> None:
    one, other = Tags(), Tags()
    for number in range(10):
        here, there = (one, other) if number % 2 else (other, one)
        job_id = f"job-{number}"
        here.put(job_id, "line", ANN, here.reserve("line", ANN))
        there.put(job_id, "line", ANN)
        there.put(job_id, "line", ANN)  # a change that leaves it where it is

    assert one.reserve("line", ANN) == other.reserve("line", ANN)
    assert one.waiting("line") == other.waiting("line") == {ANN: 10}


def test_a_job_that_has_begun_takes_the_line_on_and_a_cancelled_one_does_not() -> None:
    tags = Tags()
    for number in range(4):
        tags.put(f"job-{number}", "line", ANN)
    tags.leave("job-3", has_begun=False)
    cancelled = tags.reached("line")
    tags.leave("job-1", has_begun=True)

    assert cancelled == 0
    assert tags.reached("line") > 0
    assert tags.waiting("line") == {ANN: 2}
    assert tags.leave("job-1", has_begun=True) is None


def test_a_tag_is_read_as_it_was_written_and_stays_within_32_bits() -> None:
    tags = Tags()
    far = LOWERED_FROM + 5
    before = tags.priority("line", far)
    tags.lower("line", far)
    after = tags.priority("line", far)

    assert tags.tag_of("line", after) == far
    assert before < 0 < after == MOST_PRIORITY
    assert tags.priority("line", 0) == MOST_PRIORITY
    assert tags.priority("line", far + 2 * MOST_PRIORITY + 10) == -MOST_PRIORITY


def test_owners_that_say_nothing_are_forgotten() -> None:
    tags = Tags()
    for number in range(30_000):
        tags.reach("line", tags.reserve("line", Owner(f"owner-{number}")) + 10_000 * number)

    assert len(tags._next) < 20_000
