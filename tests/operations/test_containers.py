"""Containers: files against their schemas, and what they name is there. No engine runs here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.fleets import CHECKOUT
from zumodra.settings.schedule import beat_schedule

DEPLOY = CHECKOUT / "deploy"
DOCKER = DEPLOY / "docker"
COMPOSE = sorted(DOCKER.glob("compose*.yml"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
BIN = Path(sys.executable).parent
SECRET_FILES = {"zumodra.env"} | {
    f"secrets/{name}" for name in ("postgres", "metrics", "slack", "smtp", "pagerduty")
}
"""What only a production machine has."""


def passes(*command: Any) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert done.returncode == 0, done.stdout + done.stderr


def compose(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


def ours(path: Path) -> dict[str, dict[str, Any]]:
    """The services that run the platform's image."""
    services: dict[str, dict[str, Any]] = compose(path)["services"]
    return {
        name: service
        for name, service in services.items()
        if service.get("build", {}).get("target") == "app"
    }


def manifests() -> list[dict[str, Any]]:
    return [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text())]


def pods() -> dict[str, dict[str, Any]]:
    """The pod's specification of everything that makes pods, by name."""
    found = {}
    for document in manifests():
        spec = document.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "containers" in spec.get("template", {}).get("spec", {}):
            found[document["metadata"]["name"]] = spec["template"]["spec"]
    return found


def test_compose_files_follow_the_schema() -> None:
    passes(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", *COMPOSE)


def test_manifests_follow_the_schema() -> None:
    passes(BIN / "kubernetes-validate", "--strict", "--no-warn", *MANIFESTS)


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_files_that_compose_names_are_there(path: Path) -> None:
    document = compose(path)
    named = {secret["file"] for secret in document.get("secrets", {}).values()}
    for service in document["services"].values():
        named |= {service["env_file"]} if "env_file" in service else set()
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DOCKER / source).exists(), source
            else:
                assert source in document["volumes"], source
    assert named <= SECRET_FILES
    assert document.get("secrets") is None or named == SECRET_FILES


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_one_service_migrates(path: Path) -> None:
    migrating = [
        name
        for name, service in ours(path).items()
        if service.get("environment", {}).get("SKIP_MIGRATIONS") != "1"
    ]
    assert len(migrating) == 1


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_what_compose_configures_prometheus_and_alertmanager_read(
    path: Path, tmp_path: Path
) -> None:
    for program in ("promtool", "amtool"):
        if not shutil.which(program):
            pytest.skip("needs Debian package prometheus and prometheus-alertmanager")
    configs = compose(path)["configs"]
    (tmp_path / "rules").symlink_to(DEPLOY / "prometheus" / "rules")
    prometheus = tmp_path / "prometheus.yml"
    secret = tmp_path / "metrics"
    secret.write_text("token")
    text = configs["prometheus"]["content"].replace("/run/secrets/metrics", str(secret))
    prometheus.write_text(text)
    passes("promtool", "check", "config", prometheus)
    if "alertmanager" in configs:
        alertmanager = tmp_path / "alertmanager.yml"
        alertmanager.write_text(configs["alertmanager"]["content"])
        passes("amtool", "check-config", alertmanager)


def test_the_image_is_made_of_what_is_there_and_sent() -> None:
    text = (DOCKER / "Dockerfile").read_text()
    sent = (CHECKOUT / ".dockerignore").read_text()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE)
    for source in " ".join(copied).split():
        assert (CHECKOUT / source).exists(), source
        assert f"!{source}" in sent.splitlines(), source
    assert re.findall(r"^USER (\w+)$", text, re.MULTILINE) == ["zumodra"]
    assert 'ENTRYPOINT ["/app/deploy/docker/entrypoint.sh"]' in text


def test_the_example_settings_are_ones_that_the_platform_reads() -> None:
    lines = (DOCKER / "zumodra.env.example").read_text().splitlines()
    names = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
    (config,) = [m for m in manifests() if m["kind"] == "ConfigMap"]
    (secret,) = [m for m in manifests() if m["kind"] == "Secret"]
    settings = (CHECKOUT / "zumodra" / "settings" / "__init__.py").read_text()
    library = (CHECKOUT / "scripts" / "lib.sh").read_text()
    for name in {*names, *config["data"], *secret["stringData"]}:
        assert f'"{name}"' in settings or f"${{{name}:-" in library, name


@pytest.mark.parametrize("name", sorted(pods()))
def test_pods_are_locked_down_and_end_in_time(name: str) -> None:
    pod = pods()[name]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["terminationGracePeriodSeconds"] >= 60
    assert {"limits", "requests"} <= set(container["resources"])
    if name in ("zumodra-migrate", "zumodra-proxy"):
        return
    assert {"name": "SKIP_MIGRATIONS", "value": "1"} in container["env"]


def test_cron_jobs_run_what_beat_would() -> None:
    """Logged to where a cluster keeps logs, and not to files that go with the pod."""
    containers = {name: pod["containers"][0] for name, pod in pods().items()}
    for name, entry in beat_schedule(tells_people=True, monitor_every=0).items():
        assert containers[f"zumodra-{name}"]["args"] == ["python", "manage.py", *entry["args"]]


def test_the_proxy_finds_the_pods_and_people_find_the_proxy() -> None:
    services = {m["metadata"]["name"]: m["spec"] for m in manifests() if m["kind"] == "Service"}
    (upstream,) = re.findall(r"server ([\w:]+);", (DOCKER / "nginx.conf").read_text())
    name, _, port = upstream.partition(":")
    assert services[name]["ports"][0]["port"] == int(port)
    (ingress,) = [m for m in manifests() if m["kind"] == "Ingress"]
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    behind = services[path["backend"]["service"]["name"]]["selector"]
    assert behind["app.kubernetes.io/component"] == "proxy"


def test_cron_jobs_are_the_schedule() -> None:
    found = {m["metadata"]["name"]: m for m in manifests() if m["kind"] == "CronJob"}
    assert {name: job["spec"]["schedule"] for name, job in found.items()} == {
        "zumodra-monitor": "*/15 * * * *",
        "zumodra-health": "*/5 * * * *",
        "zumodra-backup": "40 1 * * *",
        "zumodra-report": "0 9 * * 1",
    }
    assert {job["spec"]["concurrencyPolicy"] for job in found.values()} == {"Forbid"}


def test_probes_ask_the_health_pages() -> None:
    (web,) = pods()["zumodra-web"]["containers"]
    assert web["livenessProbe"]["httpGet"]["path"] == "/health/live/"
    assert web["startupProbe"]["httpGet"]["path"] == "/health/live/"
    assert web["readinessProbe"]["httpGet"]["path"] == "/health/ready/"
