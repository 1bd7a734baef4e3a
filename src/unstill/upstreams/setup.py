"""What an engine on somebody else's server is made of, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec import field

from unstill.domain.call_counts import CallCounts
from unstill.domain.errors import BadSetting
from unstill.net.fetcher import Fetcher
from unstill.system.clock import clock_ms as system_clock_ms
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.client import Upstream
from unstill.upstreams.port import Account
from unstill.upstreams.rate_limits import Accounts
from unstill.upstreams.vocabulary import BUILT_IN, WordTables

ModelRow = TypeVar("ModelRow")  # what a kind knows of one upstream model


class RemoteSetup(msgspec.Struct, frozen=True):
    """One `[engines.NAME]` without what its kind alone has."""

    name: str  # the operator's
    base_url: str
    api_key: str
    accounts: Accounts
    fetcher: Fetcher
    models: Mapping[str, str] = {}  # canonical id -> upstream model, over the engine's own choice
    is_free_to_repeat: bool = False
    poll_interval_s: float = 0.0  # 0: as the engine's kind has it
    vocabulary: WordTables = BUILT_IN
    clock_ms: Callable[[], int] = system_clock_ms
    counts: CallCounts = field(default_factory=CallCounts)
    callbacks_url: str = ""  # where the upstream may call back; "": it is asked for no callbacks
    callback_secret: str = ""  # by which it signs, where it does by one

    def callback_url(self, job_id: str) -> str:
        """Where it may tell that there is news of a job; "": nowhere."""
        return f"{self.callbacks_url}/{job_id}" if self.callbacks_url else ""

    def rows_of(
        self,
        choices: Mapping[str, str],
        rows: Mapping[str, ModelRow],
        find: Callable[[str], ModelRow | None] | None = None,
    ) -> dict[str, ModelRow]:
        """By canonical id: the kind's row of the upstream model, by the operator's word first.

        choices: the kind's own word. find: a row by a name that may be none of `rows`.
        Raises BadSetting for a name without a row.
        """
        found: dict[str, ModelRow] = {}
        for canonical, name in {**choices, **self.models}.items():
            row = (find or rows.get)(name)
            if row is None:
                setting = f'engines.{self.name}.models."{canonical}"'
                raise BadSetting(setting, f"must be one of {', '.join(rows)}, got {name!r}")
            found[canonical] = row
        return found

    def connect(
        self,
        base_url: BaseUrl,
        *,
        requests_per_s: float,
        poll_interval_s: float,
        key_scheme: str = "Bearer",
    ) -> tuple[Account, Upstream]:
        """The account and the way to its API, by what the kind knows. Raises BadSetting.

        key_scheme: the word before the key in `Authorization`.
        """
        address = base_url.checked(self.base_url, self.name, has_key=bool(self.api_key))
        account, pace = self.accounts.open(
            base_url=address,
            api_key=self.api_key,
            requests_per_s=requests_per_s,
            interval_s=self.poll_interval_s or poll_interval_s,
        )
        upstream = Upstream(
            engine=self.name,
            base_url=address,
            api_key=self.api_key,
            key_scheme=key_scheme,
            pace=pace,
            fetcher=self.fetcher,
            counts=self.counts,
        )
        return account, upstream
