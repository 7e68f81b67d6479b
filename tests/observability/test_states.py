"""The state of each tenant as the newest check found it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenant_migrations.models import Incident, TenantState
from tests.support.fleets import Fleet
from zumodra.tenants.models import Tenant


def statuses() -> dict[str, str]:
    return dict(TenantState.objects.values_list("schema_name", "status"))


def test_a_check_keeps_the_state_of_every_tenant_and_of_public(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    fleet.take_back("beta", "finance", "0023")
    fleet.add_tenant("gone", schema=False)
    fleet.verify()
    assert statuses() == {
        "alpha": "drifted",
        "beta": "pending",
        "delta": "ok",
        "gamma": "ok",
        "gone": "missing",
        "public": "ok",
    }
    alpha = TenantState.objects.get(schema_name="alpha")
    assert (alpha.domain, alpha.pending) == ("alpha.localhost", 0)
    assert alpha.apps["finance"][1] == len(alpha.findings)
    assert {"id": "TM101", "object": "finance_refund"}.items() <= alpha.findings[0].items()
    beta = TenantState.objects.get(schema_name="beta")
    assert (beta.pending, beta.apps) == (2, {"finance": [2, 0]})


def test_only_what_changed_is_written(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    fleet.verify()
    before = {state.schema_name: state for state in TenantState.objects.all()}
    with CaptureQueriesContext(connection) as queries:
        fleet.verify()
    assert not [q for q in queries if "INSERT" in q["sql"] and "tenantstate" in q["sql"]]
    fleet.drop_table("alpha", "finance_payment")
    fleet.drop_table("beta", "finance_refund")
    fleet.remove_row("gamma")
    fleet.verify()
    after = {state.schema_name: state for state in TenantState.objects.all()}
    assert set(before) - set(after) == {"gamma"}
    assert after["alpha"].since == before["alpha"].since, "drifted since the first check"
    assert after["alpha"].checked_at > before["alpha"].checked_at
    assert after["beta"].since > before["beta"].since
    assert after["delta"].checked_at == before["delta"].checked_at


@pytest.mark.parametrize("option", ["--app=finance", "--no-structure"])
def test_an_answer_that_does_not_tell_all_is_not_kept(fleet: Fleet, option: str) -> None:
    fleet.verify(option)
    assert statuses() == {}


def test_a_check_of_one_tenant_keeps_that_one_and_forgets_nobody(fleet: Fleet) -> None:
    fleet.verify()
    fleet.drop_table("alpha", "finance_refund")
    fleet.drop_table("beta", "finance_refund")
    fleet.verify("--tenant=alpha")
    assert statuses() == dict.fromkeys(("beta", "gamma", "delta", "public"), "ok") | {
        "alpha": "drifted"
    }


def test_healing_keeps_the_state_afterwards_and_closes_incidents(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    fleet.verify()
    now = TenantState.objects.get(schema_name="alpha").checked_at
    for name in ("alpha", "beta"):
        Incident.objects.create(
            schema_name=name,
            object="finance_refund",
            sqlstate="42P01",
            status="drifted",
            path="/",
            first_at=now,
            last_at=now,
        )
    fleet.verify("--fix", "--no-input", "--tenant=alpha")
    assert statuses()["alpha"] == "ok"
    assert [row.schema_name for row in Incident.objects.filter(resolved_at=None)] == ["beta"]


def test_incidents_of_tenants_that_are_gone_are_closed_and_old_ones_forgotten(
    fleet: Fleet,
) -> None:
    now = timezone.now()
    for name, resolved in (("gone", None), ("alpha", now - timedelta(days=91))):
        Incident.objects.create(
            schema_name=name,
            object="x",
            sqlstate="42P01",
            status="missing",
            path="/",
            first_at=now,
            last_at=now,
            resolved_at=resolved,
        )
    fleet.verify("--tenant=alpha")
    assert [(row.schema_name, row.resolved_at) for row in Incident.objects.all()] == [
        ("gone", None)
    ]
    fleet.verify()
    assert Incident.objects.get().resolved_at is not None


def test_a_deleted_tenant_is_forgotten_at_once(fleet: Fleet) -> None:
    fleet.verify()
    Tenant.objects.get(schema_name="alpha").delete()
    assert "alpha" not in statuses()
