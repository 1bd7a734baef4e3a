"""The verifiers that the page about webhooks shows believe what is signed, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from docs import pages
from docs.pages import ROOT
from support.webhook_receiver import OLD_SECRET, SECRET
from unstill.domain.backoff import WEBHOOK
from unstill.domain.delivery import DAY_MS, TIMEOUT_S
from unstill.webhooks.deliverer import MOST_AT_ONCE, MOST_PER_RECEIVER

WEBHOOKS = ROOT / "docs" / "webhooks.md"
BODY = '{"id":"evt_1","object":"event","created_at":1,"type":"video.failed","data":{"id":"1"}}'
SHOWN = [block for block in pages.blocks(WEBHOOKS) if block.language in {"python", "js"}]
NEEDS_NODE = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")


def script(block: pages.Block, secret: str, headers: dict[str, str]) -> list[str]:
    """The block as a program, after what its reader has at hand."""
    if block.language == "python":
        before = f"secret, headers, body = {secret!r}, {headers!r}, {BODY!r}\n"
        return [sys.executable, "-c", before + block.text]
    call = ", ".join(json.dumps(each) for each in (secret, headers, BODY))
    return ["node", "-e", f"{block.text}\nverify({call});"]


def signed(by: str) -> dict[str, str]:
    now = datetime.now(UTC)
    signatures = [Webhook(each).sign("evt_1", now, BODY) for each in (OLD_SECRET, by)]
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


@pytest.mark.parametrize(
    "block",
    [pytest.param(each, marks=NEEDS_NODE if each.language == "js" else ()) for each in SHOWN],
    ids=lambda block: f"line {block.line}",
)
def test_a_shown_verifier_believes_what_is_signed_and_nothing_else(block: pages.Block) -> None:
    forged = signed("whsec_" + "Zm9yZ2VkLWZvcmdlZC1mb3JnZWQtZm9yZ2Vk")
    old = signed(SECRET) | {"webhook-timestamp": "1763600000"}

    ended = [
        subprocess.run(script(block, SECRET, each), capture_output=True, text=True, check=False)
        for each in (signed(SECRET), forged, old)
    ]

    assert ended[0].returncode == 0, ended[0].stderr
    assert [each.returncode for each in ended[1:]] == [1, 1]


def test_verifiers_are_shown_for_both_languages() -> None:
    assert [block.language for block in SHOWN] == ["python", "python", "js"]


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    text = " ".join(pages.section(WEBHOOKS, "Tries and repeats").split())

    assert f"within {TIMEOUT_S:g} seconds" in text
    assert [each // 1000 for each in WEBHOOK.pauses_ms] == [
        2,
        5,
        10,
        30,
        60,
        120,
        300,
        600,
        1800,
        3600,
    ]
    assert "2, 5, 10 and 30 seconds, then 1, 2, 5, 10 and 30 minutes, then an hour" in text
    assert f"{DAY_MS // 3_600_000} hours after" in text
    assert f"At most {MOST_AT_ONCE} tries" in text
    assert f"and {MOST_PER_RECEIVER} to one host and port" in text
