"""`health_check` when the fleet is not well, or nobody watches it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenant_migrations.models import Backup, Quarantine, Sample
from tests.health.answers import check, full, settings
from tests.support.code import code_with
from tests.support.fleets import Fleet

VERIFY = "manage.py verify_tenant_migrations"


# --- migrations


def test_pending_public(fleet: Fleet) -> None:
    fleet.forget_migration("public", "integrations", "0003_apicredential")
    answer = fleet.command("health_check", "--json")

    assert answer.exit_code == 1
    migrations = check(answer, "migrations")
    assert migrations["status"] == "unhealthy"
    assert migrations["message"] == (
        "public: 1 migration not applied: integrations.0003_apicredential"
    )
    assert migrations["details"] == {
        "pending_count": 1,
        "pending_migrations": ["integrations.0003_apicredential"],
        "hint": f"apply: {VERIFY} --fix",
    }


def test_pending_tenants_degrade(fleet: Fleet) -> None:
    for name in ("alpha", "gamma"):
        fleet.take_back(name, "finance", "0024_subscription_cancellation")
    tenants = check(full(fleet), "tenant_migrations")

    assert tenants["status"] == "warning"
    assert tenants["message"] == "2 of 4 tenants ok: alpha, gamma"
    details = tenants["details"]
    assert details["by_status"] == {"pending": 2, "ok": 2}
    assert (details["total_tenants"], details["tenants_with_issues"]) == (4, 2)
    assert details["hint"] == f"{VERIFY} --fix"
    assert details["first_not_ok"][0] == {
        "schema_name": "alpha",
        "status": "pending",
        "finding": "TM001",
        "message": "1 migration not applied: finance.0025_refund",
        "hint": f"apply: {VERIFY} --fix --tenant=alpha",
    }


def test_a_drifted_tenant_is_unhealthy(fleet: Fleet) -> None:
    fleet.drop_table("beta", "finance_refund")
    tenants = check(full(fleet), "tenant_migrations")

    assert tenants["status"] == "unhealthy"
    assert tenants["message"] == "3 of 4 tenants ok: beta"
    assert tenants["details"]["first_not_ok"][0]["status"] == "drifted"


def test_only_the_first_tenants_are_named(fleet: Fleet) -> None:
    for name in ("one", "two", "three"):
        fleet.add_tenant(name, schema=False)
    fleet.drop_schema("alpha")
    fleet.drop_schema("beta")
    fleet.drop_schema("gamma")
    tenants = check(full(fleet), "tenant_migrations")

    assert tenants["message"].startswith("1 of 7 tenants ok: alpha, beta, gamma, one, ")
    assert tenants["message"].endswith(" and 1 more")
    assert len(tenants["details"]["first_not_ok"]) == 5


def test_a_reference_behind_the_code(fleet: Fleet) -> None:
    with code_with("finance", {"0026_more": "AddField('plan', 'more', models.TextField(null=1))"}):
        answer = full(fleet)

    reference = check(answer, "reference")
    assert reference["status"] == "warning"
    assert reference["message"] == (
        "public lacks finance.0026_more; tenant lacks finance.0026_more"
    )
    assert reference["details"] == {
        "absent": [],
        "behind": {"public": ["finance.0026_more"], "tenant": ["finance.0026_more"]},
        "hint": f"build or bring it forward: {VERIFY}",
    }
    assert check(answer, "tenant_migrations")["details"]["by_status"] == {"pending": 4}


def test_no_reference(fleet: Fleet) -> None:
    fleet.drop_schema("tenant_migrations_reference_tenant")
    answer = full(fleet)

    assert check(answer, "reference")["message"] == "no usable reference for tenant"
    assert check(answer, "tenant_migrations")["status"] == "healthy"


def test_an_orphan(fleet: Fleet) -> None:
    fleet.remove_row("gamma")
    orphans = check(full(fleet), "orphans")

    assert orphans["status"] == "warning"
    assert orphans["message"] == "1 schema without a tenant: gamma"
    assert orphans["details"]["count"] == 1
    assert orphans["details"]["first"] == ["gamma"]


def test_a_quarantined_tenant(fleet: Fleet) -> None:
    Quarantine.objects.create(schema_name="delta", reason="password=hunter22 was not proven")
    quarantine = check(full(fleet), "quarantine")

    assert quarantine["status"] == "unhealthy"
    assert quarantine["message"] == "1 tenant left alone until released: delta"
    assert quarantine["details"] == {
        "count": 1,
        "first": [{"schema_name": "delta", "reason": "password=*** was not proven"}],
        "hint": f"look at it, then: {VERIFY} --fix --retry-quarantined",
    }


def test_names_can_not_move_the_cursor(fleet: Fleet) -> None:
    fleet.add_schema("a\x1b[2J")
    text = fleet.command("health_check", "--full").stdout

    assert "1 schema without a tenant: a\\x1b[2J" in text
    assert "\x1b" not in text


def test_public_without_the_apps_tables(fleet: Fleet) -> None:
    fleet.sql("DROP TABLE tenant_migrations_quarantine, tenant_migrations_sample CASCADE")
    answer = full(fleet)

    for name in ("quarantine", "monitoring"):
        assert check(answer, name)["status"] == "unhealthy"
        assert check(answer, name)["message"] == "public is not migrated yet"


# --- monitoring and backups


def _sample(minutes: int, **values: Any) -> None:
    sample = Sample.objects.create(
        **{
            "trigger": "monitor",
            "succeeded": True,
            "whole_fleet": True,
            "duration_seconds": 1.0,
            **values,
        }
    )
    Sample.objects.filter(pk=sample.pk).update(taken_at=timezone.now() - timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("minutes", "status", "ago"),
    [
        (0, "healthy", "less than a minute"),
        (59, "healthy", "59 minutes"),
        (61, "warning", "61 minutes"),
        (60 * 30, "warning", "30 hours"),
        (60 * 24 * 9, "warning", "9 days"),
    ],
)
def test_when_the_fleet_was_last_verified(
    fleet: Fleet, minutes: int, status: str, ago: str
) -> None:
    _sample(minutes)
    _sample(0, whole_fleet=False)
    monitoring = check(full(fleet), "monitoring")

    assert monitoring["status"] == status
    assert monitoring["message"] == f"the fleet was last verified {ago} ago"


def test_a_verification_that_failed(fleet: Fleet) -> None:
    _sample(5)
    _sample(0, succeeded=False, error="no connection to postgres://u:hunter22@db/z")
    monitoring = check(full(fleet), "monitoring")

    assert monitoring["status"] == "warning"
    assert monitoring["message"] == "the last check failed: no connection to postgres://***@db/z"


def test_backups_are_missed_where_they_are_expected(fleet: Fleet) -> None:
    with settings(HEALTH_BACKUP_HOURS=24):
        backups = check(full(fleet), "backups")

    assert (backups["status"], backups["message"]) == ("unhealthy", "no backups are recorded")


def test_backups_are_to_be_young_and_tried(fleet: Fleet) -> None:
    now = timezone.now()
    made = Backup.objects.create(
        name="newest",
        kind="database",
        tenants=4,
        size_bytes=1,
        data_bytes=1,
        duration_seconds=1,
        server_version=1,
        made_at=now - timedelta(hours=3),
    )
    Backup.objects.create(
        name="of one tenant",
        kind="tenants",
        tenants=1,
        size_bytes=1,
        data_bytes=1,
        duration_seconds=1,
        server_version=1,
        made_at=now,
        verified_at=now,
    )
    for hours, values, status, said in (
        (2, {}, "unhealthy", "the newest was made 3 hours ago, 2 hours are allowed"),
        (24, {}, "warning", "the newest was made 3 hours ago; restoring was last tried never"),
        (24, {"verified_at": now - timedelta(days=9)}, "warning", "9 days ago"),
        (24, {"verified_at": now}, "healthy", "restoring was last tried less than a minute ago"),
        (24, {"verify_error": "it broke"}, "unhealthy", "the newest can't be restored: it broke"),
    ):
        Backup.objects.filter(pk=made.pk).update(**values)
        with settings(HEALTH_BACKUP_HOURS=hours):
            backups = check(full(fleet), "backups")
        assert (backups["status"], said in backups["message"]) == (status, True), backups
