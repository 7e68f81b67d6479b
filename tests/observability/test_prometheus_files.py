"""Rules and alerts: they parse, fire when they should, and name what exists."""

import re
from pathlib import Path
from typing import Any

import pytest

from tenant_migrations.observability.prometheus import DEFINITIONS
from tests.docs.documents import sections
from tests.observability.deployment import (
    ALERTMANAGER,
    MONITORING,
    PROMETHEUS,
    RULE_TESTS,
    RULES,
    RUNBOOK,
    expressions,
    load,
    metrics_in,
    recorded_in,
    rules,
    run,
)

EXPORTED = {f"zumodra_{definition.name}" for definition in DEFINITIONS}
SEVERITIES = {"critical", "warning", "info"}
RULE_FILES = [*RULES, *RULE_TESTS, *PROMETHEUS.glob("*.yml")]
GROUPS = {group["name"] for path in RULES for group in load(path)["groups"]}
RELATIVE = re.compile(r"^\{\{ \$externalLabels\.docs \}\}docs/runbooks/alerts\.md#(\w+)$")


def test_the_rules_parse() -> None:
    done = run("promtool", "prometheus", "check", "rules", *RULES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_parses() -> None:
    done = run(
        "promtool", "prometheus", "check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml"
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(path: Path) -> None:
    done = run("promtool", "prometheus", "test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_dashboard_asks_parses(tmp_path: Path) -> None:
    asked = "".join(
        f"      - record: panel:{number}\n        expr: >-\n          {expression}\n"
        for number, expression in enumerate(expressions())
    )
    path = tmp_path / "panels.yml"
    path.write_text(f"groups:\n  - name: panels\n    rules:\n{asked}")
    done = run("promtool", "prometheus", "check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_takes_its_configuration() -> None:
    done = run("amtool", "prometheus-alertmanager", "check-config", ALERTMANAGER)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("severity", "receiver"),
    [("critical", "on-call"), ("warning", "team-chat"), ("info", "team-mail")],
)
def test_each_severity_reaches_its_people(severity: str, receiver: str) -> None:
    done = run(
        "amtool",
        "prometheus-alertmanager",
        "config",
        "routes",
        "test",
        f"--config.file={ALERTMANAGER}",
        f"severity={severity}",
    )
    assert done.stdout.strip() == receiver


@pytest.mark.parametrize("path", [*RULE_FILES], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_rules_name_exported_metrics_only(path: Path) -> None:
    assert metrics_in(path.read_text()) - GROUPS <= EXPORTED
    assert recorded_in(path.read_text()) <= set(rules("record"))


@pytest.mark.parametrize("name", rules("alert"))
def test_an_alert_is_complete(name: str) -> None:
    alert: dict[str, Any] = rules("alert")[name]
    assert alert["labels"]["severity"] in SEVERITIES
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert all(alert["annotations"].values())


@pytest.mark.parametrize("name", rules("alert"))
def test_an_alert_has_its_section_in_the_runbook(name: str) -> None:
    link = RELATIVE.match(rules("alert")[name]["annotations"]["runbook_url"])
    assert link is not None
    assert link[1] == name.lower()
    section = sections(RUNBOOK, level=2)[name]
    for part in ("**Symptom.**", "**Diagnosis.**", "**Fix.**", "**Over when**"):
        assert part in section
    assert f"[{name}](runbooks/alerts.md#{name.lower()})" in MONITORING.read_text()


@pytest.mark.parametrize("name", rules("alert"))
def test_an_alert_is_seen_to_fire_and_not_to(name: str) -> None:
    cases = [
        case
        for path in RULE_TESTS
        for test in load(path)["tests"]
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == name
    ]
    assert any(case["exp_alerts"] for case in cases)
    assert any(not case["exp_alerts"] for case in cases)


def test_the_runbook_has_no_other_alerts() -> None:
    assert set(sections(RUNBOOK, level=2)) == set(rules("alert"))


def test_every_metric_is_documented_and_no_other() -> None:
    documented = sections(MONITORING, level=4)
    assert set(documented) == EXPORTED
    assert all(text.strip() for text in documented.values())
    assert metrics_in(MONITORING.read_text()) - GROUPS <= EXPORTED
    assert metrics_in(RUNBOOK.read_text()) <= EXPORTED


def test_labels_are_documented() -> None:
    documented = sections(MONITORING, level=4)
    for definition in DEFINITIONS:
        for label in definition.labels:
            assert f"`{label}`" in documented[f"zumodra_{definition.name}"]


def test_every_recorded_series_is_documented_and_no_other() -> None:
    assert recorded_in(MONITORING.read_text()) == set(rules("record"))
