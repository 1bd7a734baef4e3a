"""Jobs for tests of the console: small videos, and what cannot be made."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import httpx2
from playwright.sync_api import Page, expect

from support.servers import PHOTOS, Serving
from support.waits import hold_until

COFFEE = b64encode((PHOTOS / "coffee.jpg").read_bytes()).decode()
MODEL = "wan2.7-i2v"
HOSTILE = "<img src=x onerror=window.hacked=1> <script>window.hacked=1</script> ../../etc/passwd"


def submitted(
    server: Serving,
    prompt: str = "push in",
    *,
    key: str = "",
    picture: str = COFFEE,
    model: str = MODEL,
    **parameters: Any,
) -> str:
    """The new job's id; without parameters it is small and short."""
    body = {
        "model": model,
        "input": {"prompt": prompt, "img_url": picture},
        "parameters": {"size": "320x256", "duration": 2} | parameters,
    }
    headers = {"authorization": f"Bearer {key}"} if key else {}
    answer = server.http.post("/v1/tasks/submit", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["task_id"])


def made(server: Serving, prompt: str = "push in", **parameters: Any) -> str:
    """The id of a job that has ended."""
    job_id = submitted(server, prompt, **parameters)
    server.wait(job_id)
    return job_id


def failed(server: Serving, prompt: str = "push in") -> str:
    """The id of a job whose picture could not be fetched."""
    return made(server, prompt, picture="http://nowhere.invalid/cat.jpg")


def told(server: Serving, job_id: str, key: str = "") -> dict[str, Any]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    answer: httpx2.Response = server.http.get(f"/v1/jobs/{job_id}", headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def enter(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Forget the key")).to_be_visible()


def hold_until_true(page: Page, script: str) -> None:
    """Playwright's own wait evaluates texts in the page, which its content policy forbids."""
    hold_until(lambda: bool(page.evaluate(script)))
