"""The files of deploy/ are what the documents say of them, as far as it can be known here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs import pages
from support.servers import Serving
from unstill.dialects.parameters import MOST_WAIT_S
from unstill.server.body import MOST_BODY_BYTES
from unstill.server.lifecycle import ANSWERS_WITHIN_S
from unstill.server.server_limits import KEPT_ALIVE_S
from unstill.steps.runner import SUBMITS_WITHIN_S

DEPLOY = pages.ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "unstill.service"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
MOST_EXPOSED = 40  # of 100: systemd-analyze counts tenths
STOPPED_WITHIN_S = ANSWERS_WITHIN_S + SUBMITS_WITHIN_S


def systemd_analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = shutil.which("systemd-analyze")
    if command is None:
        assert not os.environ.get("CI"), "CI must install systemd"
        pytest.skip("no systemd-analyze on this machine")
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False)


# --- systemd --------------------------------------------------------------------------------------


def test_the_units_exposure_is_below_four_of_ten() -> None:
    arguments = ("security", "--offline=true", "--no-pager", "--threshold")
    done = systemd_analyze(*arguments, str(MOST_EXPOSED), str(UNIT))
    (level,) = re.findall(r"Overall exposure level for unstill\.service: ([\d.]+)", done.stdout)

    assert done.returncode == 0, done.stdout
    assert float(level) < MOST_EXPOSED / 10
    # A level that nothing passes would say nothing.
    assert systemd_analyze(*arguments, "1", str(UNIT)).returncode != 0


def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    program = tmp_path / "unstill"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "unstill.service"
    unit.write_text(UNIT.read_text().replace("/opt/unstill/bin/unstill", str(program)))
    extra = tmp_path / "unstill.service.d" / "gpu.conf"
    extra.parent.mkdir()
    shutil.copy(DEPLOY / "systemd" / "gpu.conf", extra)
    done = systemd_analyze("verify", "--man=no", str(unit))

    assert (done.returncode, done.stderr) == (0, "")
    unit.write_text(unit.read_text() + "[Service]\nProtectSytem=strict\n")
    assert "ProtectSytem" in systemd_analyze("verify", "--man=no", str(unit)).stderr


def test_every_manager_leaves_a_stop_the_time_that_it_may_take() -> None:
    (of_unit,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    of_compose = COMPOSE["services"]["unstill"]["stop_grace_period"]

    assert int(of_unit) > STOPPED_WITHIN_S
    assert int(of_compose.removesuffix("s")) > STOPPED_WITHIN_S


# --- containers -----------------------------------------------------------------------------------


def test_the_image_installs_what_was_tested_together_and_runs_as_nobody_in_particular() -> None:
    instructions = [line for line in DOCKERFILE.splitlines() if re.match(r"[A-Z]+ ", line)]
    users = [line for line in instructions if line.startswith("USER ")]

    installs = re.search(
        r"pip install .*-c constraints\.txt '\.\[ed25519,postgres,s3\]'$", DOCKERFILE, re.MULTILINE
    )
    assert installs
    assert users == ["USER 10001:10001"]
    assert instructions.index(users[0]) < instructions.index("VOLUME /data")
    assert all(":latest" not in line and ":" in line for line in instructions if "FROM" in line)


def test_the_image_says_under_which_licences_its_codecs_are() -> None:
    said = DOCKERFILE.partition("\nFROM ")[0]

    for package in ("av ", "opencv-python-headless", "pillow", "pillow-heif"):
        assert package in said
    for codec in ("x264", "x265", "FFmpeg", "GPL-2.0-or-later", "LGPL-3.0-or-later"):
        assert codec in said
    assert "GPL-2.0-or-later" in DOCKERFILE.partition("image.licenses=")[2].splitlines()[0]


def test_the_images_build_sees_all_that_it_copies_and_nothing_secret() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for word in line.split()[:-1]
    ]

    assert "*" in ignored
    assert set(copied) == let_in
    assert all((pages.ROOT / name).exists() for name in copied)


def test_the_images_health_check_tells_a_server_that_is_up_from_one_that_is_not(
    tmp_path: Path,
) -> None:
    (written,) = re.findall(r"^    CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    _, *arguments = json.loads(written)
    with Serving(tmp_path) as server:
        variables = os.environ | {"UNSTILL_PORT": server.url.rpartition(":")[2]}
        command = [sys.executable, *arguments]
        up = subprocess.run(command, capture_output=True, check=False, env=variables)
    down = subprocess.run(command, capture_output=True, check=False, env=variables)

    assert up.returncode == 0, up.stderr
    assert down.returncode != 0


def test_the_containers_have_no_more_rights_than_they_need() -> None:
    services = COMPOSE["services"]
    unstill = services["unstill"]

    assert unstill["read_only"]
    assert services["caddy"]["read_only"]
    assert unstill["cap_drop"] == services["caddy"]["cap_drop"] == ["ALL"]
    assert "cap_add" not in unstill
    assert unstill["security_opt"] == ["no-new-privileges:true"]
    assert unstill["user"] == "10001:10001"
    assert "ports" not in unstill  # only the proxy is reached from outside
    assert "data:/data" in unstill["volumes"]


def test_only_the_network_of_the_containers_may_speak_for_others() -> None:
    (subnet,) = COMPOSE["networks"]["inside"]["ipam"]["config"]
    variables = COMPOSE["services"]["unstill"]["environment"]

    assert variables["UNSTILL_TRUSTED_PROXIES"] == subnet["subnet"]


# --- proxies in front -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "time_out"),
    [
        ("nginx/unstill.conf", r"proxy_read_timeout +(\d+)s;"),
        ("caddy/Caddyfile", r"response_header_timeout (\d+)s"),
        ("caddy/Caddyfile.fleet", r"response_header_timeout (\d+)s"),
    ],
)
def test_a_proxy_waits_longer_than_a_poll_and_keeps_no_connection_as_long_as_we_do(
    file: str, time_out: str
) -> None:
    text = (DEPLOY / file).read_text()
    (waits_s,) = re.findall(time_out, text)
    (keeps_s,) = re.findall(r"keepalive(?:_timeout)? (\d+)s", text)

    assert int(waits_s) > MOST_WAIT_S
    assert int(keeps_s) < KEPT_ALIVE_S


def test_a_proxy_lets_the_largest_body_through_and_not_much_more() -> None:
    (of_nginx,) = re.findall(
        r"client_max_body_size (\d+)m;", (DEPLOY / "nginx/unstill.conf").read_text()
    )
    of_caddy = [
        int(re.findall(r"max_size (\d+)MB", (DEPLOY / "caddy" / name).read_text())[0])
        for name in ("Caddyfile", "Caddyfile.fleet")
    ]

    for most_bytes in (int(of_nginx) * 1024**2, *(each * 10**6 for each in of_caddy)):
        assert MOST_BODY_BYTES < most_bytes < 1.1 * MOST_BODY_BYTES


# --- docs/operations.md ---------------------------------------------------------------------------


def test_every_file_of_deploy_is_named_where_operators_read() -> None:
    text = "".join(
        (pages.ROOT / "docs" / page).read_text("utf-8") for page in ("operations.md", "scaling.md")
    )
    files = {str(file.relative_to(DEPLOY)) for file in DEPLOY.rglob("*") if file.is_file()}
    of_metrics = {file for file in files if file.startswith(("prometheus/", "grafana/"))}

    beside = {"Dockerfile.dockerignore"}
    assert {
        file for file in files - of_metrics - beside if f"](../deploy/{file})" not in text
    } == set()


def test_for_every_alert_the_operators_page_says_where_to_look() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    rows = pages.rows(pages.section(pages.ROOT / "docs" / "operations.md", "When an alert rings"))

    assert {name for row in rows for name in re.findall(r"`(\w+)`", row[0])} == alerts


def test_the_checks_of_a_bare_machine_install_what_these_tests_need() -> None:
    needed = (pages.ROOT / ".ci" / "run").read_text().splitlines()

    for line in (
        "need nginx nginx",
        "need caddy caddy",
        "need systemd-analyze systemd",
        "need promtool prometheus",
    ):
        assert line in needed
