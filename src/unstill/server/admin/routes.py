"""The routes of operators, and what each answers, as the description of the API shows it."""

from __future__ import annotations

from typing import Any

from unstill.dialects.openai_errors import Error, enveloped
from unstill.dialects.port import Described
from unstill.dialects.route import Kinds, Parameter, Response, Route, Verb
from unstill.domain.access_errors import KeyEnded, NoSuchKey, NotInDoubt, ResolvedOtherwise
from unstill.domain.errors import (
    BadField,
    MissingField,
    NoSuchJob,
    Overloaded,
    StorageFailed,
    StorageFull,
    TooLateToCancel,
    UnknownModel,
    UnstillError,
    UpstreamError,
)
from unstill.domain.job import State
from unstill.domain.owner import NAME
from unstill.server import usage_report
from unstill.server.admin import (
    activity,
    doubts,
    engines,
    jobs,
    keys,
    limits,
    owners,
    queues,
    retention,
    shown_answers,
    webhooks,
)
from unstill.server.job_filters import JOB_ID
from unstill.store.ports.retention import Kept

_STORE: Kinds = (StorageFailed,)
_WRITES: Kinds = (StorageFull, StorageFailed)
_ONCE = (Response(headers=("cache-control",)),)  # a key is in it

OWNERS = Verb(
    "admin_owners",
    Described,
    errors=(*_STORE, Overloaded),
    shown=lambda _, __: owners.AdminOwners([shown_answers.OWNER]),
)
SET_OWNER = Verb(
    "admin_set_owner",
    Described,
    errors=(BadField, MissingField, *_WRITES),
    shown=lambda _, __: shown_answers.OWNER,
)
KEYS = Verb(
    "admin_keys", Described, errors=_STORE, shown=lambda _, __: keys.AdminKeys([shown_answers.KEY])
)
MAKE_KEY = Verb(
    "admin_make_key",
    Described,
    errors=(BadField, MissingField, UnknownModel, *_WRITES),
    responses=_ONCE,
    shown=lambda _, __: shown_answers.NEW_KEY,
)
LIMIT_KEY = Verb(
    "admin_limit_key",
    Described,
    errors=(BadField, MissingField, NoSuchKey, *_WRITES),
    shown=lambda _, __: shown_answers.KEY,
)
ROTATE_KEY = Verb(
    "admin_rotate_key",
    Described,
    errors=(NoSuchKey, KeyEnded, *_WRITES),
    responses=_ONCE,
    shown=lambda _, __: shown_answers.NEW_KEY,
)
REVOKE_KEY = Verb(
    "admin_revoke_key",
    Described,
    errors=(NoSuchKey, *_WRITES),
    shown=lambda _, __: shown_answers.KEY,
)
JOBS = Verb(
    "admin_jobs",
    Described,
    errors=(BadField, StorageFailed, Overloaded),
    shown=lambda _, shown: jobs.AdminJobs(
        [jobs.AdminJob(**shown_answers.job_fields_of(shown))], None
    ),
)
JOB = Verb(
    "admin_job",
    Described,
    errors=(NoSuchJob, StorageFailed),
    shown=lambda _, shown: shown_answers.details_of(shown),
)
CANCEL_JOB = Verb(
    "admin_cancel_job",
    Described,
    errors=(NoSuchJob, TooLateToCancel, *_WRITES, UpstreamError),
    shown=lambda _, shown: jobs.AdminJobDone(shown.done.id, State.CANCELLED, is_deleted=False),
)
DELETE_JOB = Verb(
    "admin_delete_job",
    Described,
    errors=(NoSuchJob, *_WRITES),
    shown=lambda _, shown: jobs.AdminJobDone(shown.done.id, State.SUCCEEDED, is_deleted=True),
)
HELD_JOBS = Verb(
    "admin_held_jobs",
    Described,
    errors=_STORE,
    shown=lambda _, shown: jobs.AdminHeldJobs([shown.done.id]),
)
RELEASE_JOBS = Verb(
    "admin_release_jobs",
    Described,
    errors=(BadField, *_WRITES),
    shown=lambda _, shown: jobs.AdminReleased([shown.done.id], {}, []),
)
DOUBTS = Verb(
    "admin_doubts",
    Described,
    errors=_STORE,
    shown=lambda _, shown: shown_answers.doubts_of(shown),
)
RESOLVE_JOB = Verb(
    "admin_resolve_job",
    Described,
    errors=(BadField, MissingField, NoSuchJob, NotInDoubt, ResolvedOtherwise, *_WRITES),
    shown=lambda _, shown: shown_answers.resolved_of(shown),
)
ENGINES = Verb(
    "admin_engines",
    Described,
    errors=_STORE,
    shown=lambda _, __: engines.AdminEngines([shown_answers.ENGINE]),
)
QUEUES = Verb(
    "admin_queues",
    Described,
    errors=_STORE,
    shown=lambda _, __: queues.AdminQueues([shown_answers.LANE], [shown_answers.UNDER_WAY]),
)
USAGE = Verb(
    "admin_usage",
    Described,
    errors=(BadField, Overloaded, *_STORE),
    shown=lambda _, __: usage_report.SHOWN,
)
ACTIVITY = Verb(
    "admin_activity",
    Described,
    errors=(BadField, Overloaded, *_STORE),
    shown=lambda _, __: activity.SHOWN,
)
WEBHOOKS = Verb("admin_webhooks", Described, errors=_STORE, shown=lambda _, __: webhooks.SHOWN)
RETENTION = Verb(
    "admin_retention",
    Described,
    shown=lambda _, __: retention.AdminRetention(
        [retention.AdminKept(Kept.VIDEO, 30 * 24 * 3600 * 1000, 12, 36_000_000)], shown_answers.DISK
    ),
)

_OWNER_NAME = Parameter(
    "path", "owner", "As its keys name it.", {"type": "string", "pattern": f"^{NAME.pattern}$"}
)
_KEY_NAME = Parameter("path", "key", "A key's name or id, as the list has it.")

_ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        "/admin/owners",
        OWNERS,
        "List the owners, and what each may have at once",
        (owners.AdminOwners,),
        is_admin=True,
    ),
    Route(
        "PATCH",
        "/admin/owners/{owner}",
        SET_OWNER,
        "Set limits of an owner; what is not named stays",
        (owners.AdminOwner,),
        (_OWNER_NAME,),
        body=limits.schema_of_owner,
        shown_bodies={"a queue, and turns": limits.SHOWN_OF_OWNER},
        is_admin=True,
    ),
    Route(
        "GET",
        "/admin/keys",
        KEYS,
        "List all keys, those that are revoked or have expired too",
        (keys.AdminKeys,),
        is_admin=True,
    ),
    Route(
        "POST",
        "/admin/keys",
        MAKE_KEY,
        "Make a key, which is told this once",
        (keys.NewAdminKey,),
        body=keys.new_schema,
        shown_bodies={"a key for 90 days": keys.SHOWN_NEW},
        is_admin=True,
    ),
    Route(
        "PATCH",
        "/admin/keys/{key}",
        LIMIT_KEY,
        "Set limits of a key; what is not named stays",
        (keys.AdminKey,),
        (_KEY_NAME,),
        body=limits.schema_of_key,
        shown_bodies={"new jobs in a minute": limits.SHOWN_OF_KEY},
        is_admin=True,
    ),
    Route(
        "POST",
        "/admin/keys/{key}/rotate",
        ROTATE_KEY,
        "Make another key in place of this one, which stops",
        (keys.NewAdminKey,),
        (_KEY_NAME,),
        is_admin=True,
    ),
    Route(
        "DELETE",
        "/admin/keys/{key}",
        REVOKE_KEY,
        "Let nobody in by this key any more",
        (keys.AdminKey,),
        (_KEY_NAME,),
        is_admin=True,
    ),
    Route(
        "GET",
        "/admin/jobs",
        JOBS,
        "List the jobs of all owners, newest first",
        (jobs.AdminJobs,),
        jobs.FILTERS,
        is_admin=True,
    ),
    Route(
        "GET",
        "/admin/jobs/{job_id}",
        JOB,
        "Tell the whole life of a job",
        (jobs.AdminJobDetails,),
        (JOB_ID,),
        is_admin=True,
    ),
    Route(
        "POST",
        "/admin/jobs/{job_id}/cancel",
        CANCEL_JOB,
        "Stop a job, whoever made it",
        (jobs.AdminJobDone,),
        (JOB_ID,),
        is_admin=True,
    ),
    Route(
        "DELETE",
        "/admin/jobs/{job_id}",
        DELETE_JOB,
        "Stop and delete a job, whoever made it",
        (jobs.AdminJobDone,),
        (JOB_ID,),
        is_admin=True,
    ),
    Route(
        "GET",
        "/admin/held-jobs",
        HELD_JOBS,
        "List the jobs of a recovered store that may have been paid for already",
        (jobs.AdminHeldJobs,),
        is_admin=True,
    ),
    Route(
        "POST",
        "/admin/held-jobs/release",
        RELEASE_JOBS,
        "Let held jobs be sent",
        (jobs.AdminReleased,),
        body=jobs.release_schema,
        shown_bodies={"one of them": jobs.SHOWN_RELEASE, "all of them": {}},
        is_admin=True,
    ),
    Route(
        "GET",
        "/admin/doubts",
        DOUBTS,
        "List the calls that may have been billed without anybody knowing",
        (doubts.AdminDoubts,),
        is_admin=True,
    ),
    Route(
        "POST",
        "/admin/jobs/{job_id}/resolve",
        RESOLVE_JOB,
        "Say whether the call in doubt of a job was billed",
        (doubts.AdminResolved,),
        (JOB_ID,),
        body=doubts.schema,
        shown_bodies={
            "it was billed": doubts.SHOWN,
            "it was billed, and the console has it": doubts.SHOWN_TICKET,
            "it was not": {"charged": False},
        },
        is_admin=True,
    ),
    Route(
        "GET",
        "/admin/engines",
        ENGINES,
        "List the engines, and whether each is well",
        (engines.AdminEngines,),
        is_admin=True,
    ),
    Route(
        "GET",
        "/admin/queues",
        QUEUES,
        "Tell who waits in which lane",
        (queues.AdminQueues,),
        is_admin=True,
    ),
    Route(
        "GET",
        "/admin/usage",
        USAGE,
        "Sum up what was charged, and what it cost",
        (usage_report.UsageReport,),
        usage_report.PARAMETERS,
        is_admin=True,
    ),
    Route(
        "GET",
        "/admin/activity",
        ACTIVITY,
        "Tell what was done in the last hours",
        (activity.AdminActivity,),
        activity.PARAMETERS,
        is_admin=True,
    ),
    Route(
        "GET",
        "/admin/webhooks",
        WEBHOOKS,
        "Tell what is owed to receivers of webhooks",
        (webhooks.AdminWebhooks,),
        is_admin=True,
    ),
    Route(
        "GET",
        "/admin/retention",
        RETENTION,
        "Tell what is kept for how long, and what room there is",
        (retention.AdminRetention,),
        is_admin=True,
    ),
)


class AdminRoutes:
    """The routes of operators; errors in OpenAI's envelope."""

    name = "admin"
    refusal = Error

    def __init__(self) -> None:
        self.routes = _ROUTES

    def error(self, error: UnstillError, request_id: str) -> Error:  # noqa: ARG002  - port's shape
        return enveloped(error)

    def error_status(self, kind: type[UnstillError]) -> int:
        return kind.status

    def error_code(self, kind: type[UnstillError]) -> str:
        return kind.code
