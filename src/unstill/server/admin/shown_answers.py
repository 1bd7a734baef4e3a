"""The answers that the description of the API shows of `/admin`."""

from __future__ import annotations

from typing import Any

from unstill.dialects.route import ShownJob
from unstill.domain.api_key import KeyState
from unstill.domain.caller import Scope
from unstill.domain.job import State
from unstill.domain.limits import OF_KEYS, SETTABLE, UNLIMITED, Limits
from unstill.domain.money import PriceBasis
from unstill.domain.moves import moves_of
from unstill.domain.owner import Owner
from unstill.models.catalogue import USUAL
from unstill.server.account_info import SHOWN_MONEY, budgets_info
from unstill.server.admin import doubts, engines, jobs, keys, owners, queues, retention
from unstill.server.admin.limits import limits_told
from unstill.server.admin.money import AdminMoney

MADE_MS = 1_795_170_423_000
KEY = keys.AdminKey(
    id="key_0f1e2d3c4b5a",
    name="laptop",
    owner="team-a",
    scope=Scope.USER,
    state=KeyState.GOOD,
    created_ms=MADE_MS,
    expires_ms=MADE_MS + 90 * 24 * 3600 * 1000,
    revoked_ms=None,
    used_ms=None,
    models=None,
    networks=[],
    limits=limits_told(UNLIMITED, OF_KEYS),
)
NEW_KEY = keys.NewAdminKey(
    **{name: getattr(KEY, name) for name in KEY.__struct_fields__},
    key="unstill_3kE0mYp0Wm1f7m8mYlC3m6nW8H2t4r6v8x0z2b4d6f8",
)
OWNER = owners.AdminOwner(
    owner="team-a",
    limits=limits_told(Limits(queue=100, weight=2, budget_day=12_500_000), SETTABLE),
    jobs_waiting=3,
    jobs_begun=1,
    budgets=budgets_info(SHOWN_MONEY),
)


def job_fields_of(shown: ShownJob) -> dict[str, Any]:
    job = shown.done
    return {
        "id": job.id,
        "owner": "team-a",
        "key_id": "key_0f1e2d3c4b5a",
        "model": job.model,
        "engine": job.engine,
        "dialect": job.dialect,
        "state": job.state,
        "created_ms": job.created_ms,
        "started_ms": job.started_ms,
        "ended_ms": job.ended_ms,
        "progress": 1.0,
        "error": None,
        "waiting": None,
        "is_held": False,
    }


def details_of(shown: ShownJob) -> jobs.AdminJobDetails:
    job = shown.done
    return jobs.AdminJobDetails(
        **job_fields_of(shown),
        request=job.request,
        request_id=shown.call.request_id,
        size=job.size,
        moves=moves_of(job),
        attempt=job.attempt,
        deaths=0,
        due_ms=0,
        deadline_ms=job.created_ms + 24 * 3600 * 1000,
        ticket=None,
        upstream_model=None,
        made_by=job.engine,
        upstream_usage={},
        usage=job.usage,
        money=AdminMoney(PriceBasis.PRICE, "EUR", "0", "0.45", "0.3"),
        video=job.video,
        failure=None,
        stall=None,
        queue_position=None,
        expected_end_ms=None,
        wants_cancel=False,
        is_deleted=False,
        attempts=[],
        resolution=None,
        continues=None,
        continued_by=None,
        delivery=None,
    )


def doubts_of(shown: ShownJob) -> doubts.AdminDoubts:
    job = shown.done
    call = doubts.AdminDoubt(
        id=job.id,
        owner=Owner("team-a"),
        key_id="key_0f1e2d3c4b5a",
        model=job.model,
        engine="bailian",
        upstream_model=job.model,
        attempt=1,
        sent_ms=job.created_ms + 900,
        message="the connection broke before an answer came",
        ticket=None,
    )
    return doubts.AdminDoubts([call], 1)


def resolved_of(shown: ShownJob) -> doubts.AdminResolved:
    job = shown.done
    said = doubts.AdminResolution(charged=True, attempt=1, at_ms=job.created_ms + 3_600_000)
    money = AdminMoney(PriceBasis.PRICE, "EUR", "0", "0", "0.3")
    return doubts.AdminResolved(job.id, said, None, money)


ENGINE = engines.AdminEngine(
    name="bailian",
    kind="dashscope",
    label="bailian",
    description="Models of Alibaba Cloud",
    is_generative=True,
    models=[USUAL.id],
    health="refusing",
    breaker="open",
    tried_again_ms=MADE_MS + 60_000,
    stalls=[],
    waiting=3,
    working=0,
    slots=10,
    children=[],
)
LANE = queues.AdminLane(
    "engine:bailian",
    10,
    0,
    3,
    MADE_MS,
    [queues.AdminLaneOwner("team-a", 3, 0, MADE_MS)],
)
UNDER_WAY = queues.AdminUnderWay(State.RUNNING, "bailian", "team-a", 2, MADE_MS)
DISK = retention.AdminDisk(10**12, 4 * 10**11, 6 * 10**11, 200_000_000, None, None, True)
