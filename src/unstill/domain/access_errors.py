"""What a caller may not do here, by key, by address or by what its operator has set."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from unstill.domain.errors import CallerError, shown
from unstill.domain.money import shown_amount


class AdminOnly(CallerError):
    code = "admin_key_required"
    status = 403


class ModelNotAllowed(CallerError):
    """OpenAI's code and status for a model that a project has no access to."""

    code = "model_not_found"
    status = 403

    def __init__(self, param: str, model: str) -> None:
        super().__init__(f"{param}: this API key may not use {shown(model)}")
        self.param = param
        self.model = model


class BadSignature(CallerError):
    """A callback that its upstream has not signed, or too long ago."""

    code = "invalid_signature"
    status = 403


class NoSuchKey(CallerError):
    code = "key_not_found"
    status = 404

    def __init__(self, which: str) -> None:
        super().__init__(f"no key {shown(which)}: name it as the list of keys does")
        self.which = which


class KeyEnded(CallerError):
    """A key that is revoked or has expired, and is replaced by none."""

    code = "key_ended"


class NotInDoubt(CallerError):
    """An operator says what became of a job's call, and that is known."""

    code = "not_in_doubt"

    def __init__(self, job_id: str, how: str) -> None:
        super().__init__(f"{job_id} is not in doubt: it is {how}")
        self.job_id = job_id


class ResolvedOtherwise(CallerError):
    """An operator has said another word of the call before."""

    code = "resolved_otherwise"
    status = 409

    def __init__(self, job_id: str, *, is_charged: bool, at_ms: int) -> None:
        word = "was billed" if is_charged else "was not billed"
        at = f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
        super().__init__(f"{job_id} is resolved: its call {word}, at {at}: that stands")
        self.job_id = job_id
        self.is_charged = is_charged
        self.at_ms = at_ms


class NotItsTicket(CallerError):
    """An operator names a ticket that the job's call does not have; None: none is known of it."""

    code = "not_its_ticket"
    status = 409

    def __init__(self, job_id: str, known: str | None) -> None:
        if known is None:
            super().__init__(
                f"no ticket of {job_id} is known: name none where its call was not billed"
            )
        else:
            super().__init__(f"the upstream knows the call of {job_id} as {shown(known)}")
        self.job_id = job_id
        self.known = known


class TicketKnown(CallerError):
    """An operator says of a call that its upstream has taken that it was not billed."""

    code = "ticket_known"
    status = 409

    def __init__(self, job_id: str, ticket: str) -> None:
        super().__init__(
            f"the upstream has taken the call of {job_id}, as {shown(ticket)}: say that it was "
            "billed, and its video is brought home; if it was not billed all the same, name that "
            "ticket too"
        )
        self.job_id = job_id
        self.ticket = ticket


class TicketElsewhere(CallerError):
    """An operator names a ticket that another job of the account has."""

    code = "ticket_taken"
    status = 409

    def __init__(self, ticket: str, job_id: str) -> None:
        super().__init__(f"the ticket {shown(ticket)} is that of the job {job_id}")
        self.ticket = ticket
        self.job_id = job_id


class TicketOfDeleted(CallerError):
    """An operator names the ticket of a job that its owner has deleted."""

    code = "job_deleted"
    status = 409

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"{job_id} is deleted, and nobody waits for its video: say what its call came to "
            "without a ticket"
        )
        self.job_id = job_id


class OverLimit(CallerError):
    """A limit that the operator has set for an owner or a key is reached; nothing was stored.

    `limit` is named as `unstill owners set` has it, `what` says what is counted.
    """

    code = "rate_limit_exceeded"  # OpenAI's word for it
    status = 429

    def __init__(
        self,
        limit: str,
        what: str,
        *,
        most: int,
        used: int,
        retry_after_s: int,
        of_key: bool = False,
    ) -> None:
        super().__init__(
            f"the limit {limit} of {_whose(of_key=of_key)} is reached: {used} of {most} {what}; "
            f"send the request again in {retry_after_s} s"
        )
        self.limit = limit
        self.most = most
        self.used = used
        self.retry_after_s = retry_after_s


class TooManyCallbacks(OverLimit):
    """Upstreams, or whoever passes for one, send more than are looked at."""

    def __init__(self, retry_after_s: int) -> None:
        CallerError.__init__(
            self, f"too many callbacks in the last minute; send this one again in {retry_after_s} s"
        )
        self.retry_after_s = retry_after_s


class OverBytes(CallerError):
    """Not 429 or 507, which SDKs send again: only a deletion makes room."""

    code = "storage_limit_exceeded"
    status = 413

    def __init__(self, *, most: int, used: int, wanted: int, of_key: bool = False) -> None:
        left = max(most - used, 0)
        super().__init__(
            f"the limit bytes of {_whose(of_key=of_key)} is reached: {used} of {most} bytes are "
            f"stored, {left} are left, this needs {wanted}; delete what is no longer needed"
        )
        self.most = most
        self.used = used
        self.wanted = wanted


class OverBudget(CallerError):
    """What the operator lets an owner spend in a day or month is spent; nothing was stored.

    Not 429, which SDKs send again. Amounts are millionths of the house currency.
    """

    code = "budget_exceeded"
    status = 402

    def __init__(
        self,
        period: Literal["day", "month"],
        *,
        most: int,
        used: int,
        wanted: int,
        currency: str,
        free_at: str,
    ) -> None:
        left = max(most - used, 0)
        super().__init__(
            f"the budget of the {period} of your jobs has no room for this one: "
            f"{shown_amount(used)} of {shown_amount(most)} {currency} are spent or reserved, "
            f"{shown_amount(left)} {currency} are left, this needs {shown_amount(wanted)} "
            f"{currency}; the next {period} begins at {free_at}"
        )
        self.period = period
        self.most = most
        self.used = used
        self.wanted = wanted
        self.free_at = free_at


class ForeignHost(CallerError):
    code = "foreign_host"
    status = 403

    def __init__(self, host: str) -> None:
        super().__init__(
            f"this server asks for no key and is for its own machine: Host must be localhost, "
            f"127.0.0.1 or [::1], got {shown(host)}; its operator may set public_url to another "
            "name, or make keys: unstill keys create"
        )
        self.host = host


class ForeignOrigin(CallerError):
    code = "foreign_origin"
    status = 403

    def __init__(self, origin: str | None) -> None:
        page = f"pages of {shown(origin)}" if origin else "pages of other sites"
        super().__init__(
            f"this server asks for no key and takes nothing from {page}; "
            "its operator may name them in cors_origins, or make keys: unstill keys create"
        )
        self.origin = origin


def _whose(*, of_key: bool) -> str:
    return "this API key" if of_key else "your account"
