"""Who calls: an owner, by a key of theirs, and what that key is good for."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

import msgspec

from unstill.domain.limits import Party
from unstill.domain.owner import EVERYONE, NOBODY, Owner

Network = IPv4Network | IPv6Network


class Scope(StrEnum):
    USER = "user"  # its owner's jobs
    ADMIN = "admin"  # these, and what operators may ask


class Caller(msgspec.Struct, frozen=True):
    """One caller, as its key says; the same object for all calls of a key while it stays as it is.

    key_id: as `unstill keys list` shows it; empty for a key from the environment, and without one.
    models: the names of the catalogue's list that it may ask for; None for any.
    networks: where its calls come from; empty for anywhere.
    """

    owner: Owner
    scope: Scope = Scope.USER
    key_id: str = ""
    models: frozenset[str] | None = None
    networks: tuple[Network, ...] = ()

    @property
    def is_admin(self) -> bool:
        return self.scope is Scope.ADMIN

    @property
    def as_user(self) -> Caller:
        """The same caller, as one who asks nothing that is for operators."""
        return msgspec.structs.replace(self, scope=Scope.USER) if self.is_admin else self

    @property
    def party(self) -> Party:
        """Whose limits hold for its calls."""
        return Party(self.owner, self.key_id)

    def may_use(self, model: str) -> bool:
        """Whether it may ask for the model of that name in the catalogue's list."""
        return self.models is None or model in self.models


# Whoever reaches a server that asks for no key is on its machine, or was let in by its operator.
# Which of them may ask what operators may, server/operators.py says.
KEYLESS = Caller(EVERYONE, Scope.ADMIN)
STRANGER = Caller(NOBODY)  # calls an open route, which no key is asked of
