"""What every job store keeps to about calls that their upstream knows by a key."""

from __future__ import annotations

from contract.test_ledger import an_attempt, ready, submitting
from support.leases import ENDED
from unstill.domain.job import State, intended
from unstill.domain.lease import Lease
from unstill.steps.submit_outcome import held_on
from unstill.store.ports.store import Store


async def test_the_key_of_a_call_is_kept(store: Store) -> None:
    await store.jobs.add(ready())
    attempt = an_attempt(call_key="a key")
    await store.jobs.change("job", intended(attempt, ENDED), attempt=0)

    assert list(await store.attempts.of("job")) == [attempt]


async def test_a_call_changes_hands_once_for_each_hand_that_had_it(store: Store) -> None:
    await submitting(store)
    first, second, third = ENDED, Lease("second", 0), Lease("third", 0)
    taken = await store.jobs.change("job", held_on(second, by=first.server), attempt=1)
    late = await store.jobs.change("job", held_on(third, by=first.server), attempt=1)
    other_attempt = await store.jobs.change("job", held_on(third, by="second"), attempt=2)
    kept = await store.jobs.change("job", held_on(second, by="second"), attempt=1)

    assert taken is not None
    assert (taken.state, taken.attempt, kept) == (State.SUBMITTING, 1, taken)
    assert (late, other_attempt) == (None, None)
