"""The compose file and the manifests of a fleet fit together, and what they say is the program's.

No engine for containers and no cluster is at hand: what can be known of the files is held here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
import typer.main
import yaml

from docs import pages
from unstill import __version__
from unstill.cli.commands import app
from unstill.dialects.parameters import MOST_WAIT_S
from unstill.server.body import MOST_BODY_BYTES
from unstill.server.lifecycle import ANSWERS_WITHIN_S
from unstill.server.metrics.families import FAMILIES
from unstill.server.own_routes import OwnRoutes
from unstill.settings.reader import read_settings
from unstill.settings.server import ServerSettings
from unstill.steps.runner import SUBMITS_WITHIN_S
from unstill.store.postgres.database import MOST_CONNECTIONS

DEPLOY = pages.ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
FILES = sorted(KUBERNETES.rglob("*.yaml"))
OBJECTS: list[dict[str, Any]] = [
    each for file in FILES for each in yaml.safe_load_all(file.read_text())
]
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.fleet.yaml").read_text())
OURS = {name: each for name, each in COMPOSE["services"].items() if each["image"] == "unstill"}
STOPPED_WITHIN_S = ANSWERS_WITHIN_S + SUBMITS_WITHIN_S
OF_SECRETS = {"UNSTILL_API_KEYS", "UNSTILL_WEBHOOK_SECRET"}
SETTINGS = {f"UNSTILL_{each.name.upper()}" for each in msgspec.structs.fields(ServerSettings)}


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [each for each in OBJECTS if each["kind"] in kinds]


def name_of(each: Mapping[str, Any]) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


PODS = {name_of(each): each["spec"]["template"] for each in of_kind("Deployment", "Job")}
CONTAINERS = {name: pod["spec"]["containers"][0] for name, pod in PODS.items()}
DEPLOYMENTS = {name: pod["spec"] for name, pod in PODS.items() if name.startswith("Deployment")}


def understood(arguments: Sequence[str]) -> dict[str, Any]:
    """What the command line makes of them. Raises click.ClickException where it refuses."""
    name, *options = arguments
    commands: Mapping[str, click.Command] = vars(typer.main.get_command(app))["commands"]
    return dict(commands[name].make_context(name, options).params)


def variables() -> Iterator[tuple[str, str]]:
    for name, container in CONTAINERS.items():
        for each in container.get("env", []):
            yield name, each["name"]
    for secret in of_kind("Secret"):
        for each in secret["stringData"]:
            yield name_of(secret), each
    for name, service in OURS.items():
        for each in service["environment"]:
            yield name, each


# --- both -----------------------------------------------------------------------------------------


def test_every_command_is_one_that_the_program_has() -> None:
    of_kubernetes = {name: understood(each["args"]) for name, each in CONTAINERS.items()}
    of_compose = {name: understood(each["command"]) for name, each in OURS.items()}

    assert of_kubernetes["Deployment unstill-gateway"]["no_work"]
    assert of_kubernetes["Deployment unstill-worker-gpu"]["engines"] == "gpu1"
    assert [name for name, each in of_compose.items() if each.get("no_work")] == [
        "gateway-1",
        "gateway-2",
    ]
    with pytest.raises(Exception, match="No such option"):  # else nothing was looked at
        understood(["serve", "--no-works"])


def test_every_variable_is_one_that_somebody_reads() -> None:
    documented = (pages.ROOT / "docs" / "files.md").read_text("utf-8")
    unread = [
        (where, name)
        for where, name in variables()
        if name not in SETTINGS | OF_SECRETS
        and not (name.startswith("AWS_") and f"`{name}`" in documented)
    ]

    assert unread == []


def test_every_manager_leaves_a_stop_the_time_that_it_may_take() -> None:
    for spec in DEPLOYMENTS.values():
        stop = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("exec", {})
        waits_s = int(stop["command"][1]) if stop else 0
        assert spec["terminationGracePeriodSeconds"] > STOPPED_WITHIN_S + waits_s
    for service in OURS.values():
        assert int(service["stop_grace_period"].removesuffix("s")) > STOPPED_WITHIN_S


def test_no_process_of_ours_has_more_rights_than_it_needs() -> None:
    for pod in PODS.values():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["containers"][0]["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    for service in OURS.values():
        assert service["read_only"]
        assert service["user"] == "10001:10001"
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_what_is_written_has_a_place_of_its_own_with_a_limit() -> None:
    for pod in PODS.values():
        spec = pod["spec"]
        mounted = {
            each["mountPath"]: each["name"] for each in spec["containers"][0]["volumeMounts"]
        }
        limits = {each["name"]: each["emptyDir"]["sizeLimit"] for each in spec["volumes"]
                  if "emptyDir" in each}  # fmt: skip
        assert set(limits) == {mounted["/data"], mounted["/tmp"]}
    written = [each["volumes"][0] for name, each in OURS.items() if name != "migrate"]
    assert sorted(written) == ["gateway-1:/data", "gateway-2:/data", "worker:/data"]


@pytest.mark.parametrize("name", ["Deployment unstill-gateway", "Deployment unstill-worker"])
def test_a_scratch_folder_that_fills_up_refuses_jobs_before_its_pod_is_ended(name: str) -> None:
    spec = DEPLOYMENTS[name]
    (scratch,) = [each for each in spec["volumes"] if each["name"] == "scratch"]
    limit_mib = int(scratch["emptyDir"]["sizeLimit"].removesuffix("Gi")) * 1024
    (most_mb,) = [
        int(each["value"])
        for each in spec["containers"][0]["env"]
        if each["name"] == "UNSTILL_MOST_DATA_MB"
    ]

    assert most_mb * 10**6 < 0.8 * limit_mib * 2**20


def test_a_workers_probe_tells_a_file_of_now_from_an_old_one(tmp_path: Path) -> None:
    of_kubernetes = DEPLOYMENTS["Deployment unstill-worker"]["containers"][0]["livenessProbe"]
    written = {
        of_kubernetes["exec"]["command"][2],
        OURS["worker"]["healthcheck"]["test"][1].replace("$$", "$"),
    }
    assert len(written) == 1
    file = tmp_path / "alive"
    command = written.pop().replace("/tmp/alive", str(file))

    def is_well() -> bool:
        return (
            subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode == 0
        )

    assert not is_well()
    file.touch()
    assert is_well()
    os.utime(file, (0, 0))
    assert not is_well()
    for arguments in (CONTAINERS["Deployment unstill-worker"]["args"], OURS["worker"]["command"]):
        assert understood(arguments)["health_file"] == Path("/tmp/alive")


def test_nothing_of_it_is_a_secret_and_everything_secret_comes_from_outside() -> None:
    (secret,) = of_kind("Secret")
    for name, value in secret["stringData"].items():
        assert re.search(r"[A-Z]{3}|example\.com|^us-east-1$", value), name
    for container in CONTAINERS.values():
        assert container["envFrom"] == [{"secretRef": {"name": secret["metadata"]["name"]}}]
    text = (DEPLOY / "compose.fleet.yaml").read_text()
    assert not re.search(r"^[^#]*(PASSWORD|SECRET|API_KEYS)", text, re.MULTILINE)


# --- Kubernetes -----------------------------------------------------------------------------------


def test_every_manifest_has_a_name_of_its_own_and_no_namespace() -> None:
    names = [name_of(each) for each in OBJECTS]

    assert len(set(names)) == len(names)
    assert all("namespace" not in each["metadata"] for each in OBJECTS)
    assert all(each["apiVersion"] for each in OBJECTS)


def test_every_selector_finds_the_pods_of_one_deployment() -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in PODS.items()}

    def found(selector: Mapping[str, str]) -> list[str]:
        return [name for name, own in labels.items() if selector.items() <= own.items()]

    for each in of_kind("Deployment"):
        assert found(each["spec"]["selector"]["matchLabels"]) == [name_of(each)]
    for each in of_kind("PodDisruptionBudget"):
        assert found(each["spec"]["selector"]["matchLabels"]) == [
            f"Deployment {each['metadata']['name']}"
        ]
    (service,) = of_kind("Service")
    assert found(service["spec"]["selector"]) == ["Deployment unstill-gateway"]
    everything, gateways = of_kind("NetworkPolicy")
    assert found(everything["spec"]["podSelector"]["matchLabels"]) == list(labels)
    assert found(gateways["spec"]["podSelector"]["matchLabels"]) == ["Deployment unstill-gateway"]
    for each in of_kind("HorizontalPodAutoscaler", "ScaledObject"):
        assert f"Deployment {each['spec']['scaleTargetRef']['name']}" in PODS


def test_calls_find_their_way_from_the_ingress_to_the_gateways_port() -> None:
    (service,) = of_kind("Service")
    (ingress,) = of_kind("Ingress")
    (port,) = service["spec"]["ports"]
    (of_gateway,) = CONTAINERS["Deployment unstill-gateway"]["ports"]
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]

    assert port["targetPort"] == of_gateway["name"]
    assert f"UNSTILL_PORT={of_gateway['containerPort']}" in (DEPLOY / "Dockerfile").read_text()
    assert path["backend"]["service"] == {
        "name": service["metadata"]["name"],
        "port": {"name": port["name"]},
    }
    assert "ports" not in CONTAINERS["Deployment unstill-worker"]


def test_an_outage_of_the_database_takes_gateways_out_of_turn_and_ends_none() -> None:
    probes = CONTAINERS["Deployment unstill-gateway"]
    paths = {kind: probes[kind]["httpGet"] for kind in
             ("startupProbe", "livenessProbe", "readinessProbe")}  # fmt: skip

    assert {each["path"] for each in paths.values()} <= {
        route.path for route in OwnRoutes().routes if route.is_open
    }
    assert paths["livenessProbe"]["path"] == paths["startupProbe"]["path"] == "/health"
    assert paths["readinessProbe"]["path"] == "/ready"
    assert {each["port"] for each in paths.values()} == {probes["ports"][0]["name"]}


def test_the_ingress_waits_and_takes_bodies_as_nginx_does() -> None:
    (ingress,) = of_kind("Ingress")
    said = {
        name.partition("/")[2]: value for name, value in ingress["metadata"]["annotations"].items()
    }

    assert int(said["proxy-read-timeout"]) > MOST_WAIT_S
    most_bytes = int(said["proxy-body-size"].removesuffix("m")) * 1024**2
    assert MOST_BODY_BYTES < most_bytes < 1.1 * MOST_BODY_BYTES
    assert said["proxy-buffering"] == "off"


def test_the_settings_of_the_manifests_are_good_ones(tmp_path: Path) -> None:
    (configmap,) = of_kind("ConfigMap")
    ((file, text),) = configmap["data"].items()
    (tmp_path / file).write_text(text)
    (secret,) = of_kind("Secret")
    gpu = (KUBERNETES / "extra" / "worker-gpu.yaml").read_text()
    engine = "\n".join(re.findall(r"^#   (.*)$", gpu, re.MULTILINE))
    environment = {
        name: value for name, value in secret["stringData"].items() if name.startswith("UNSTILL_")
    }
    for more in ("", engine):
        (tmp_path / file).write_text(f"{text}\n{more}")
        settings = read_settings(file=tmp_path / file, environment=environment, command_line={})
        assert settings.server.database.startswith("postgresql://")
        assert settings.server.files.startswith("s3://")
    assert "gpu1" in settings.engines
    for name, pod in PODS.items():
        (settings_volume,) = [each for each in pod["spec"]["volumes"] if "configMap" in each]
        assert settings_volume["configMap"]["name"] == configmap["metadata"]["name"]
        image = CONTAINERS[name]["image"]
        assert image.rpartition(":")[2] == __version__


def test_workers_are_counted_by_a_metric_that_gateways_tell() -> None:
    (scaled,) = of_kind("ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    (metric, label) = re.findall(r"(unstill_\w+)\{(\w+)=", trigger["metadata"]["query"])[0]
    labels = {family.name: family.labels for family in FAMILIES}

    assert label in labels[metric]
    assert trigger["metadata"]["query"].startswith("max(")


# --- compose --------------------------------------------------------------------------------------


def test_servers_start_behind_the_schema_and_the_bucket() -> None:
    done = {"condition": "service_completed_successfully"}
    services = COMPOSE["services"]

    for name, service in OURS.items():
        if name != "migrate":
            assert service["depends_on"] == {"migrate": done, "bucket": done}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["bucket"]["depends_on"] == {"seaweedfs": {"condition": "service_healthy"}}
    bucket = OURS["worker"]["environment"]["UNSTILL_FILES"].removeprefix("s3://").split("/")[0]
    assert f"s3.bucket.create -name {bucket}'" in services["bucket"]["command"][0]


def test_only_the_proxy_is_reached_from_outside_and_speaks_for_others() -> None:
    services = COMPOSE["services"]
    (subnet,) = COMPOSE["networks"]["inside"]["ipam"]["config"]
    asked = services["caddy"]["environment"]["UNSTILL_UPSTREAM"].split()

    assert [name for name, each in services.items() if "ports" in each] == ["caddy"]
    assert asked == [f"{name}:8000" for name in OURS if name.startswith("gateway")]
    for service in OURS.values():
        assert service["environment"]["UNSTILL_TRUSTED_PROXIES"] == subnet["subnet"]


def test_the_database_takes_the_connections_of_all_servers() -> None:
    (of_postgres,) = re.findall(
        r"max_connections=(\d+)", " ".join(COMPOSE["services"]["postgres"]["command"])
    )
    listening = 2
    servers = len(OURS) - 1

    assert int(of_postgres) > 2 * servers * (MOST_CONNECTIONS + listening)


def test_caddy_understands_who_it_shares_calls_among() -> None:
    command = shutil.which("caddy")
    if command is None:
        assert not os.environ.get("CI"), "CI must install caddy"
        pytest.skip("no caddy on this machine")
    asked = COMPOSE["services"]["caddy"]["environment"]["UNSTILL_UPSTREAM"]
    file = DEPLOY / "caddy" / "Caddyfile.fleet"
    done = subprocess.run(
        [command, "adapt", "--config", str(file), "--adapter", "caddyfile", "--validate"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"UNSTILL_UPSTREAM": asked},
    )

    assert done.returncode == 0, done.stderr
    for each in asked.split():
        assert f'"dial":"{each}"' in done.stdout
