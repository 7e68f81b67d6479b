"""The files of `deploy/` that people give to Prometheus, Alertmanager and Grafana."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
PROMETHEUS = CHECKOUT / "deploy" / "prometheus"
RULES = sorted(PROMETHEUS.glob("rules/*.yml"))
RULE_TESTS = sorted(PROMETHEUS.glob("tests/*.yml"))
ALERTMANAGER = CHECKOUT / "deploy" / "alertmanager" / "alertmanager.yml"
DASHBOARD = CHECKOUT / "deploy" / "grafana" / "dashboards" / "zumodra-fleet.json"
MONITORING = CHECKOUT / "docs" / "monitoring.md"
RUNBOOK = CHECKOUT / "docs" / "runbooks" / "alerts.md"


def load(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text())


def rules(kind: str) -> dict[str, dict[str, Any]]:
    """All rules of a kind, `alert` or `record`, by name."""
    found = [
        rule
        for path in RULES
        for group in load(path)["groups"]
        for rule in group["rules"]
        if kind in rule
    ]
    assert len({rule[kind] for rule in found}) == len(found)
    return {rule[kind]: rule for rule in found}


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard, without rows."""
    dashboard = json.loads(DASHBOARD.read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """What the dashboard asks Prometheus."""
    dashboard = json.loads(DASHBOARD.read_text())
    notes = [note["expr"] for note in dashboard["annotations"]["list"]]
    return [target["expr"] for panel in panels() for target in panel["targets"]] + notes


def metrics_in(text: str) -> set[str]:
    """Names of exported metrics that occur in a text."""
    return set(re.findall(r"(?<![\w:])zumodra_[a-z_0-9]+\b(?!\.yml)", text))


def recorded_in(text: str) -> set[str]:
    """Names of recorded series that occur in a text."""
    return set(re.findall(r"(?<![\w:])zumodra:[a-z_0-9:]+", text))


def run(program: str, package: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A program of a Debian package; the test is skipped where that is not installed."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"needs Debian package {package}")
    return subprocess.run(
        [found, *map(str, arguments)], capture_output=True, text=True, check=False
    )
