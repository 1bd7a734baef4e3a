"""What does each verb: the one table that knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from unstill.dialects import verbs
from unstill.dialects.port import Described
from unstill.dialects.route import Verb
from unstill.domain.errors import Unsupported
from unstill.server import own_job_routes, own_routes
from unstill.server.admin import routes as admin_routes
from unstill.server.exchange import Answer, Exchange, Handler
from unstill.server.quotes import QUOTE
from unstill.server.verbs.account import AccountVerbs
from unstill.server.verbs.admin import AdminVerbs
from unstill.server.verbs.callbacks import CallbackVerbs
from unstill.server.verbs.events import EventVerbs
from unstill.server.verbs.jobs import JobVerbs
from unstill.server.verbs.own_events import OwnEventVerbs
from unstill.server.verbs.own_jobs import OwnJobVerbs
from unstill.server.verbs.own_routes import OwnVerbs
from unstill.server.verbs.quotes import QuoteVerbs
from unstill.server.verbs.uploads import UploadVerbs
from unstill.server.verbs.usage import UsageVerbs
from unstill.server.verbs.videos import VideoVerbs

Able = TypeVar("Able", bound=Described)
Able_co = TypeVar("Able_co", bound=Described, covariant=True)


class AsksFor(Protocol[Able_co]):
    """A verb as mypy has to see it here: what does it may ask for no more than its port."""

    @property
    def port(self) -> type[Able_co]: ...


def handler_of(
    *,
    jobs: JobVerbs,
    events: EventVerbs,
    own_events: OwnEventVerbs,
    videos: VideoVerbs,
    uploads: UploadVerbs,
    own: OwnVerbs,
    account: AccountVerbs,
    own_jobs: OwnJobVerbs,
    quotes: QuoteVerbs,
    usage: UsageVerbs,
    callbacks: CallbackVerbs,
    admin: AdminVerbs,
) -> Callable[[Verb[Any]], Handler]:
    """It raises TypeError for a verb that nothing does."""
    table = dict(
        (
            _row(verbs.SUBMIT, jobs.submit),
            _row(verbs.STATUS, jobs.status),
            _row(verbs.STATUS_OF_ANY, jobs.status_of_any),
            _row(verbs.LIST_BY_CURSOR, jobs.list_by_cursor),
            _row(verbs.LIST_BY_OFFSET, jobs.list_by_offset),
            _row(verbs.CANCEL, jobs.cancel),
            _row(verbs.DELETE, jobs.delete),
            _row(verbs.EVENTS, events.events),
            _row(verbs.CONTENT, videos.content),
            _row(verbs.UPLOAD_POLICY, uploads.policy),
            _row(verbs.UPLOAD, uploads.upload),
            _row(own_routes.LINK, videos.link),
            _row(own_routes.MODELS, own.models),
            _row(own_routes.MODEL, own.model),
            _row(own_routes.ACCOUNT, account.account),
            _row(QUOTE, quotes.quote),
            _row(own_routes.TICKET, account.issue_ticket),
            _row(own_routes.USAGE, usage.own),
            _row(own_job_routes.OWN_JOBS, own_jobs.jobs),
            _row(own_job_routes.OWN_EVENTS, own_events.follow),
            _row(own_job_routes.OWN_JOB, own_jobs.job),
            _row(own_job_routes.OWN_PICTURE, videos.picture),
            _row(own_routes.CALLBACK, callbacks.heed),
            _row(own_routes.HEALTH, own.health),
            _row(own_routes.READY, own.ready),
            _row(own_routes.METRICS, own.tell_metrics),
            _row(own_routes.OPENAPI, own.describe),
            _row(own_routes.DOCS, own.show_docs),
            _row(own_routes.CONSOLE, own.show_console),
            _row(own_routes.CONSOLE_FILE, own.send_console_file),
            _row(admin_routes.OWNERS, admin.owners),
            _row(admin_routes.SET_OWNER, admin.set_owner),
            _row(admin_routes.KEYS, admin.keys),
            _row(admin_routes.MAKE_KEY, admin.make_key),
            _row(admin_routes.LIMIT_KEY, admin.limit_key),
            _row(admin_routes.ROTATE_KEY, admin.rotate_key),
            _row(admin_routes.REVOKE_KEY, admin.revoke_key),
            _row(admin_routes.JOBS, admin.jobs),
            _row(admin_routes.JOB, admin.job),
            _row(admin_routes.CANCEL_JOB, admin.cancel_job),
            _row(admin_routes.DELETE_JOB, admin.delete_job),
            _row(admin_routes.HELD_JOBS, admin.held_jobs),
            _row(admin_routes.RELEASE_JOBS, admin.release_jobs),
            _row(admin_routes.DOUBTS, admin.doubts),
            _row(admin_routes.RESOLVE_JOB, admin.resolve_job),
            _row(admin_routes.ENGINES, admin.engines),
            _row(admin_routes.QUEUES, admin.queues),
            _row(admin_routes.USAGE, usage.all),
            _row(admin_routes.ACTIVITY, admin.activity),
            _row(admin_routes.WEBHOOKS, admin.webhooks),
            _row(admin_routes.RETENTION, admin.retention),
        )
    )

    def found(verb: Verb[Any]) -> Handler:
        if verb.unsupported:
            return _refusal(verb.unsupported)
        if verb not in table:
            raise TypeError(f"nothing in server/handlers.py does the verb {verb.name!r}")
        return table[verb]

    return found


def _row(
    verb: AsksFor[Able], handler: Callable[[Exchange[Able]], Awaitable[Answer | None]]
) -> tuple[AsksFor[Any], Handler]:
    return verb, handler


def _refusal(why: str) -> Handler:
    """The handler of a verb that is known and never done."""

    async def refuse(_exchange: Exchange[Any]) -> None:
        raise Unsupported(why)

    return refuse
