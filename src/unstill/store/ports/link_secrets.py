"""The port of the secrets that links and leave to upload are signed with.

All servers of a store go by the same: what one has signed, each of them opens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class LinkSecrets(Protocol):
    async def all(self) -> Sequence[bytes]:
        """At least one: the first signs, all are believed.

        Where there is none, one is made: of any number of servers that ask at once, all are told
        the same. Raises BadSetting for what is no secret, StorageFull or StorageFailed.
        """
