"""The port of the whole job store: its life, and the ports of its nouns.

One contract suite (tests/contract/test_store_*.py) holds every store to all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from unstill.domain.commit_counts import CommitCounts
from unstill.store.ports.activities import Activities
from unstill.store.ports.attempts import Attempts
from unstill.store.ports.backlog import Backlog
from unstill.store.ports.charges import Charges
from unstill.store.ports.doubts import Doubts
from unstill.store.ports.duties import Duties
from unstill.store.ports.held_jobs import HeldJobs
from unstill.store.ports.job_lists import JobLists
from unstill.store.ports.jobs import Jobs
from unstill.store.ports.keys import ApiKeys
from unstill.store.ports.link_secrets import LinkSecrets
from unstill.store.ports.outbox import Outbox
from unstill.store.ports.owners import Owners
from unstill.store.ports.queue import Listener, Queue
from unstill.store.ports.retention import Retention
from unstill.store.ports.signals import Signals
from unstill.store.ports.store_state import StoreState
from unstill.store.ports.uptime_notes import UptimeNotes


class Store(StoreState, Protocol):
    """The ports are there before it is open, so that parts can be built on them.

    A call of one while the store is not open raises ShuttingDown.
    """

    @property
    def jobs(self) -> Jobs: ...

    @property
    def job_lists(self) -> JobLists: ...

    @property
    def attempts(self) -> Attempts: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def commits(self) -> CommitCounts:
        """How many there were and how long they took, whoever asked for them."""

    @property
    def queue(self) -> Queue: ...

    @property
    def backlog(self) -> Backlog: ...

    @property
    def held_jobs(self) -> HeldJobs: ...

    @property
    def uptime_notes(self) -> UptimeNotes: ...

    @property
    def retention(self) -> Retention: ...

    @property
    def keys(self) -> ApiKeys: ...

    @property
    def owners(self) -> Owners: ...

    @property
    def charges(self) -> Charges: ...

    @property
    def doubts(self) -> Doubts: ...

    @property
    def activities(self) -> Activities: ...

    @property
    def duties(self) -> Duties: ...

    @property
    def signals(self) -> Signals: ...

    @property
    def link_secrets(self) -> LinkSecrets: ...

    async def open(
        self, listeners: Sequence[Listener] = (), own_listeners: Sequence[Listener] = ()
    ) -> None:
        """Take the data, bring its schema up to date, read what is unfinished.

        From then on each of `listeners`, in their order, is told of each added or changed job, in
        the order of the commits; after them each of `own_listeners` of those alone that this server
        has committed itself. Where several servers share the data, the former hear of what others
        have committed too, soon, and of several changes of a job of the last one at least.

        Raises DataFolderBusy if another server holds it, StoreRefused if the store is not the one
        that the data had before, OperatorError if its schema is newer.
        """

    async def close(self) -> None:
        """End what is under way, write what is queued, close the data, give up the lock."""
