"""Uploads in DashScope's way: a signed policy, a form without a key, an address for its owner."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import pytest

from support.dashscope_tasks import (
    ASYNC,
    CREATE,
    PHOTO,
    RESOLVE,
    A,
    B,
    body,
    create,
    ended,
    refusal,
)
from support.servers import LOOPBACK_ALLOWED, Serving


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with two owners."""
    environment = LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": "team-a:sk-a,team-b:sk-b"}
    folder = tmp_path_factory.mktemp("shared")
    with Serving(folder, environment=environment) as server:
        yield server


def policy_of(server: Serving, headers: dict[str, str]) -> dict[str, Any]:
    ask = {"action": "getPolicy", "model": "wan2.7-i2v"}
    answer = server.http.get("/api/v1/uploads", params=ask, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def upload(
    server: Serving, leave: dict[str, Any], data: bytes = PHOTO, **changes: str
) -> httpx2.Response:
    """The form that the SDK sends: no key, the file last."""
    fields = {
        "OSSAccessKeyId": leave["oss_access_key_id"],
        "Signature": leave["signature"],
        "policy": leave["policy"],
        "key": f"{leave['upload_dir']}/cat.jpg",
        "x-oss-object-acl": leave["x_oss_object_acl"],
        "x-oss-forbid-overwrite": leave["x_oss_forbid_overwrite"],
        "success_action_status": "200",
    } | changes
    return server.http.post(leave["upload_host"], data=fields, files={"file": ("cat.jpg", data)})


def test_an_uploaded_picture_is_the_owners_frame(shared: Serving) -> None:
    policy = policy_of(shared, A)
    answer = upload(shared, policy)
    address = f"oss://{policy['upload_dir']}/cat.jpg"
    task_id = create(shared, body(address), RESOLVE | A)

    assert (answer.status_code, answer.content) == (200, b"")
    assert ended(shared, task_id, A)["output"]["task_status"] == "SUCCEEDED"
    for headers in (ASYNC | A, RESOLVE | B):  # not asked to look it up; somebody else's
        refused = shared.http.post(CREATE, json=body(address), headers=headers)
        assert refusal(refused) == (400, "InvalidParameter.DataInspection")
    lost = shared.http.post(CREATE, json=body(f"{address}x"), headers=RESOLVE | A)
    assert refusal(lost) == (400, "InvalidParameter.DataInspection")


def test_an_upload_that_its_policy_does_not_cover_is_refused(shared: Serving) -> None:
    policy = policy_of(shared, A)
    signed = json.loads(base64.b64decode(policy["policy"]))
    forged = base64.b64encode(msgspec.json.encode(signed | {"owner": "team-b"})).decode()
    names = ("/etc/passwd", "other/cat.jpg", policy["upload_dir"], f"{policy['upload_dir']}/")

    assert refusal(upload(shared, policy, policy=forged)) == (403, "AccessDenied")
    assert refusal(upload(shared, policy, Signature="x")) == (403, "AccessDenied")
    for key in names:
        assert refusal(upload(shared, policy, key=key)) == (403, "AccessDenied")
    assert refusal(upload(shared, policy, key="")) == (400, "InvalidParameter")
    assert refusal(upload(shared, policy, bytes(20 * 1024**2 + 1))) == (400, "InvalidParameter")
    much = upload(shared, policy, bytes(21 * 1024**2))
    assert refusal(much) == (413, "BadRequest.TooLarge")


def test_a_key_is_never_a_path_and_never_stored_twice(shared: Serving) -> None:
    policy = policy_of(shared, A)
    key = f"{policy['upload_dir']}/../../../evil.jpg"
    before = set(shared.data_dir.rglob("*"))

    first, second = upload(shared, policy, key=key), upload(shared, policy, b"other", key=key)
    new = set(shared.data_dir.rglob("*")) - before - {shared.data_dir / "uploads"}

    assert first.status_code == 200
    assert refusal(second) == (400, "InvalidParameter")
    assert [path.parent.name for path in new] == ["uploads"]
    assert [path.read_bytes() for path in new] == [PHOTO]
    assert re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]{64}", new.pop().name)


def test_a_form_without_its_file_at_the_end_is_refused(shared: Serving) -> None:
    policy = policy_of(shared, A)
    form = {"OSSAccessKeyId": "x", "Signature": "x", "policy": "x", "key": "x"}

    for answer in (
        shared.http.post(policy["upload_host"], data=form),
        shared.http.post(policy["upload_host"], data=form | {"file": "text"}),
        shared.http.post(policy["upload_host"], files={"file": ("a", b"a")}),
        shared.http.post(policy["upload_host"], json=[]),
    ):
        assert refusal(answer) == (400, "InvalidParameter")
