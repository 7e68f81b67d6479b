"""The dashboard: whole, and made of what is exported."""

import json
from typing import Any

import pytest

from tenant_migrations.observability.prometheus import DEFINITIONS, NAMING_TENANTS
from tests.observability.deployment import (
    CHECKOUT,
    DASHBOARD,
    expressions,
    load,
    metrics_in,
    panels,
    recorded_in,
    rules,
)

EXPORTED = {f"zumodra_{definition.name}" for definition in DEFINITIONS}
PROVISIONING = CHECKOUT / "deploy" / "grafana" / "provisioning"


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return loaded


def test_panels_ask_for_what_is_exported() -> None:
    for expression in expressions():
        assert metrics_in(expression) <= EXPORTED, expression
        assert recorded_in(expression) <= set(rules("record")), expression


def test_every_metric_is_on_the_dashboard() -> None:
    asked = " ".join(expressions()) + " ".join(rule["expr"] for rule in rules("record").values())
    per_tenant = {f"zumodra_{name}" for name in NAMING_TENANTS}
    assert metrics_in(asked) >= EXPORTED - per_tenant


def test_variables_ask_for_what_is_exported() -> None:
    variables = {variable["name"]: variable for variable in dashboard()["templating"]["list"]}
    assert set(variables) == {"datasource", "job", "docs"}
    assert metrics_in(variables["job"]["definition"]) <= EXPORTED


def test_panels_have_ids_titles_and_explanations() -> None:
    everything = dashboard()["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    for panel in panels():
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_panels_do_not_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                other = taken.setdefault((x, y), panel["title"])
                assert other == panel["title"], f"{panel['title']} lies over {other}"


@pytest.mark.parametrize("path", sorted(PROVISIONING.glob("*/*.yml")), ids=lambda p: p.parent.name)
def test_provisioning_is_of_version_1(path: Any) -> None:
    provisioned = load(path)
    assert provisioned["apiVersion"] == 1
    assert provisioned[{"datasources": "datasources", "dashboards": "providers"}[path.parent.name]]


def test_links_lead_to_documents() -> None:
    for link in dashboard()["links"]:
        assert (CHECKOUT / link["url"].removeprefix("${docs}")).is_file()
