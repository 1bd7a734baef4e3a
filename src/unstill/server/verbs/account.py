"""What a caller asks of itself."""

from __future__ import annotations

from unstill.dialects.port import Described
from unstill.domain.access_errors import AdminOnly
from unstill.domain.limits import strictest
from unstill.server.account_info import AccountInfo, key_info, limits_info, money_info
from unstill.server.caller_tickets import CallerTickets
from unstill.server.exchange import Answer, Exchange, json_answer
from unstill.server.operator_watch import OperatorWatch
from unstill.server.operators import check_operator
from unstill.service.jobs import Service


class AccountVerbs:
    def __init__(self, *, service: Service, watch: OperatorWatch, tickets: CallerTickets) -> None:
        self._service = service
        self._tickets = tickets
        self._keys, self._limits = watch.keys, watch.limits

    async def account(self, exchange: Exchange[Described]) -> Answer:
        caller = exchange.caller
        key = self._keys.row_of(caller)
        money = await self._service.money_of(caller.owner)
        info = AccountInfo(
            owner=caller.owner,
            key=None if key is None else key_info(key),
            is_operator=_is_operator(exchange),
            asks_for_key=not self._keys.is_keyless,
            limits=limits_info(strictest(map(self._limits.of, caller.party.whole))),
            money=None if money is None else money_info(money),
        )
        return json_answer(info)

    async def issue_ticket(self, exchange: Exchange[Described]) -> Answer:
        ticket = self._tickets.issue(exchange.caller, exchange.call.headers)
        return json_answer(ticket, ((b"cache-control", b"no-store"),))


def _is_operator(exchange: Exchange[Described]) -> bool:
    """Whether the routes of operators would let it in."""
    try:
        check_operator(exchange.caller, exchange.call.headers, exchange.host)
    except AdminOnly:
        return False
    return True
