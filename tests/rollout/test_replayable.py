"""What may be replayed in a tenant that looks like another, and what has to run for real."""

import uuid
from typing import Any

import pytest
from django.contrib.postgres.operations import BtreeGistExtension, ValidateConstraint
from django.db import migrations, models
from django.db.migrations import Migration
from django.utils import timezone

from tenant_migrations.rollout.replayable import obstacle, router_obstacle


class OwnField(models.CharField):
    """A field of a project's."""


class OwnOperation(migrations.AddField):
    """An operation of a project's."""


def write(apps: Any, schema_editor: Any) -> None:
    """Code of a project's."""


def steps(*operations: Any, atomic: bool = True) -> Migration:
    migration = Migration("0002_more", "shop")
    migration.operations = list(operations)
    migration.atomic = atomic
    return migration


@pytest.mark.parametrize(
    "operation",
    [
        migrations.CreateModel("A", [("id", models.UUIDField(default=uuid.uuid4))]),
        migrations.AddField("a", "b", models.IntegerField(default=3)),
        migrations.AddField("a", "b", models.JSONField(default=dict)),
        migrations.AddField("a", "b", models.ForeignKey("shop.A", models.CASCADE, null=True)),
        migrations.AlterField("a", "b", models.TextField()),
        migrations.RenameModel("A", "B"),
        migrations.AddIndex("a", models.Index(fields=["b"], name="b_idx")),
        migrations.AlterUniqueTogether("a", {("b", "c")}),
        migrations.RunSQL(["SELECT 1", ("SELECT %s", [2])]),
        migrations.RunPython(migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState([migrations.DeleteModel("A")], []),
        ValidateConstraint("a", "positive"),
    ],
    ids=lambda operation: operation.describe(),
)
def test_djangos_own_operations_on_the_schema_are_replayed(operation: Any) -> None:
    assert obstacle(steps(operation)) == ""


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (migrations.RunPython(write), "RunPython is code"),
        (
            migrations.SeparateDatabaseAndState([migrations.RunPython(write)], []),
            "RunPython is code",
        ),
        (
            migrations.AddField("a", "token", models.UUIDField(default=uuid.uuid4)),
            "the default of token is made anew for every tenant",
        ),
        (
            migrations.AlterField("a", "since", models.DateTimeField(default=timezone.now)),
            "the default of since is made anew for every tenant",
        ),
        (
            migrations.AddField("a", "made", models.DateTimeField(auto_now_add=True)),
            "made gets the time of its statement",
        ),
        (
            migrations.AddField("a", "b", OwnField(max_length=3)),
            f"{__name__}.OwnField is not one of Django's",
        ),
        (
            migrations.CreateModel("A", [("id", OwnField(max_length=3))]),
            f"{__name__}.OwnField is not one of Django's",
        ),
        (
            OwnOperation("a", "b", models.IntegerField()),
            f"{__name__}.OwnOperation is not known to be the same in every tenant",
        ),
        (
            BtreeGistExtension(),
            "django.contrib.postgres.operations.BtreeGistExtension is not known to be the same in "
            "every tenant",
        ),
    ],
)
def test_what_may_differ_from_tenant_to_tenant_runs_for_real(operation: Any, reason: str) -> None:
    assert obstacle(steps(operation)) == reason


def test_one_operation_is_enough_to_keep_a_migration_from_being_replayed() -> None:
    both = steps(migrations.AddField("a", "b", models.IntegerField()), migrations.RunPython(write))
    assert obstacle(both) == "RunPython is code"
    assert obstacle(steps(atomic=False)) == "it runs outside a transaction"


class TenantByTenant:
    """A router of a project's."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return None


def test_nothing_is_replayed_where_a_router_may_send_tenants_different_ways(settings: Any) -> None:
    assert router_obstacle() == ""
    settings.DATABASE_ROUTERS = [*settings.DATABASE_ROUTERS, f"{__name__}.TenantByTenant"]
    assert router_obstacle() == (f"the router {__name__}.TenantByTenant may decide by tenant")
