"""What the page, the alert rules and the dashboard say of metrics is what the server tells."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from docs import pages
from docs.pages import ROOT
from unstill.server.metrics.exposition import text_of
from unstill.server.metrics.families import FAMILIES

PAGE = ROOT / "docs/metrics.md"
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/unstill.json"
_NAME = re.compile(r"\bunstill_[a-z_]*[a-z]\b")
_LABELS = re.compile(r"\bby \(([^)]*)\)|\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}")
PROMTOOL = shutil.which("promtool")


def families() -> dict[str, tuple[str, frozenset[str]]]:
    """Kind and labels of each metric by its name, those of the process included."""
    ours = {each.name: (each.kind, frozenset(each.labels)) for each in FAMILIES}
    of_process = text_string_to_metric_families(text_of([]).decode())
    named = {each.name + ("_total" if each.type == "counter" else ""): each for each in of_process}
    return ours | {name: (each.type, frozenset()) for name, each in named.items()}


def samples() -> dict[str, frozenset[str]]:
    """Every name that a query may ask for, and the labels that it has."""
    found = {}
    for name, (kind, labels) in families().items():
        if kind == "histogram":
            found[f"{name}_bucket"] = labels | {"le"}
            found |= {f"{name}_{part}": labels for part in ("count", "sum")}
        else:
            found[name] = labels
    return found


def alerts() -> dict[str, str]:
    """The query of each alert."""
    text = ALERTS.read_text("utf-8")
    found = re.findall(r"- alert: (\w+)\n\s+expr: (.+)\n", text)
    assert len(found) == text.count("- alert:")
    return dict(found)


def panels() -> Iterator[tuple[str, str]]:
    """The query of each line of each panel, and its legend."""
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]


def test_every_metric_is_documented_with_its_kind_labels_and_meaning_and_no_other() -> None:
    every = pages.rows(PAGE.read_text("utf-8"))
    rows = [row for row in every if row[0].startswith("`unstill_")]
    documented = {
        row[0].strip("`"): (row[1], frozenset(re.findall(r"`(\w+)`", row[2]))) for row in rows
    }

    assert documented == families()
    for family in FAMILIES:
        (about,) = [row[3] for row in rows if row[0] == f"`{family.name}`"]
        assert about.startswith(family.about)


def test_every_alert_is_documented_and_asks_for_metrics_that_there_are() -> None:
    rows = pages.rows(pages.section(PAGE, "Alerts"))
    known = samples()

    assert {row[0].strip("`") for row in rows} - {"alert"} == set(alerts())
    for query in alerts().values():
        asked = set(_NAME.findall(query))
        assert asked or query.startswith("up{")
        assert asked <= known.keys()


@pytest.mark.parametrize(
    "watched",
    [
        "doubts",
        "budget_used",
        "refusing",
        "queue_oldest",
        "disk_free",
        "lag",
        "webhooks_given_up",
        "backup_last",
    ],
)
def test_what_somebody_must_be_told_of_has_an_alert(watched: str) -> None:
    assert any(watched in query for query in alerts().values())


def test_the_dashboard_asks_for_metrics_that_there_are_by_labels_that_they_have() -> None:
    known, asked_all = samples(), set()
    for query, legend in panels():
        asked = set(_NAME.findall(query))
        assert asked
        assert asked <= known.keys(), query
        labels = frozenset.union(*(known[name] for name in asked))
        named = {
            word.strip()
            for match in _LABELS.finditer(f"{query} {legend}")
            for word in (match[1] or match[2]).split(",")
        }
        assert named <= labels, query
        asked_all |= asked
    # What a person would look for is there.
    parts = {name.split("_")[1] for name in asked_all}
    assert parts >= {"jobs", "queue", "lane", "doubts", "charges", "upstream", "children"}
    assert parts >= {
        "webhooks",
        "disk",
        "loop",
        "commit",
        "connections",
        "submits",
        "retention",
        "backup",
    }


def test_a_dashboards_panels_lie_beside_each_other() -> None:
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    places = [(each["gridPos"]["x"], each["gridPos"]["y"]) for each in dashboard["panels"]]

    assert len(set(places)) == len(places) > 15
    assert len({each["id"] for each in dashboard["panels"]}) == len(places)


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool")
def test_promtool_takes_the_rules() -> None:
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
