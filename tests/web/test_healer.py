"""The healer is told: of that tenant alone, once, and it heals."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from tenant_migrations.models import FleetAction, Incident, Rollout, TenantOutcome
from tenant_migrations.web import healer, incidents
from tests.support.fleets import Fleet
from tests.web.conftest import Host

PAGE = "/typo/?table=finance_refund"

pytestmark = pytest.mark.usefixtures("views")


@pytest.fixture(autouse=True)
def heals(afresh: None) -> Iterator[None]:
    with override_settings(TENANT_MIGRATIONS={**settings.TENANT_MIGRATIONS, "GUARD_HEALS": True}):
        yield


def settle() -> None:
    incidents.settle()
    healer.settle()


def test_a_broken_tenant_heals_because_somebody_looked_at_it(fleet: Fleet, host: Host) -> None:
    fleet.drop_table("alpha", "finance_refund")
    fleet.drop_table("beta", "finance_refund")
    for _ in range(3):
        assert host("alpha").get(PAGE).status_code == 503
    settle()
    assert host("alpha").get(PAGE).status_code == 200
    rollout = Rollout.objects.get()
    assert (rollout.trigger, rollout.state) == ("guard", "finished")
    outcomes = TenantOutcome.objects.values_list("schema_name", "state")
    assert [*outcomes] == [("alpha", "fixed")], "that tenant alone"
    incident = Incident.objects.get()
    assert (incident.count, incident.resolved_at is not None) == (3, True)
    action = FleetAction.objects.get()
    assert (action.username, action.action, action.schema_name) == ("guard", "heal", "alpha")
    assert (action.exit_code, action.process) == (0, rollout.process)


def test_it_is_told_once_in_a_while_and_another_run_is_left_alone(fleet: Fleet, host: Host) -> None:
    fleet.drop_table("alpha", "finance_refund")
    with fleet.busy():
        assert host("alpha").get(PAGE).status_code == 503
        settle()
        assert FleetAction.objects.get().exit_code == 75
        assert "fleet lock" in FleetAction.objects.get().message
        assert host("alpha").get(PAGE).status_code == 503
        settle()
    assert FleetAction.objects.count() == 1, "not again within GUARD_HEAL_MINUTES"
    Incident.objects.update(healer_told_at=timezone.now() - timedelta(minutes=11))
    assert host("alpha").get(PAGE).status_code == 503
    settle()
    assert [action.exit_code for action in FleetAction.objects.order_by("id")] == [75, 0]
    assert host("alpha").get(PAGE).status_code == 200
