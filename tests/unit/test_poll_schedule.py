"""What is believed of an answer beside those before it."""

import pytest

from unstill.steps.poll_schedule import LEAST_GONE, PolledTicket
from unstill.store.ports.backlog import TicketRow
from unstill.upstreams.port import Done, Failed, Gone, Running, Unclear, Verdict, Waiting

GONE = Gone("lost at a restart")


def watched() -> PolledTicket:
    return PolledTicket(TicketRow("job", 1, "engine", "t-1", "model", 0, 0, False))


@pytest.mark.parametrize("verdict", [Waiting(), Running(0.5), Done(), Failed("a", "b")])
def test_what_becomes_of_a_task_is_believed_at_once(verdict: Verdict) -> None:
    assert watched().believed(verdict) == verdict


def test_a_task_is_lost_when_that_is_said_often_enough_in_a_row() -> None:
    ticket = watched()
    said = [ticket.believed(GONE) for _ in range(LEAST_GONE)]

    assert [type(each) for each in said] == [Unclear] * (LEAST_GONE - 1) + [Gone]


def test_a_task_that_comes_back_was_never_lost() -> None:
    ticket = watched()
    for _ in range(3):
        for _ in range(LEAST_GONE - 1):
            assert isinstance(ticket.believed(GONE), Unclear)
        assert ticket.believed(Running()) == Running()


def test_an_answer_that_says_nothing_between_counts_for_neither() -> None:
    ticket = watched()
    for _ in range(LEAST_GONE - 1):
        ticket.believed(GONE)
        ticket.believed(Unclear("no_answer", "502"))

    assert ticket.believed(GONE) == GONE
