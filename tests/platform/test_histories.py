"""The migration histories: complete, as long as a real project's, and good in both directions."""

import re
from collections import Counter

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunPython, RunSQL

from tests.platform.databases import Database

TENANT_APPS = ("accounts", "ats", "hr_core", "finance")
PLATFORM_APPS = [c.label for c in apps.get_app_configs() if c.name.startswith("zumodra.")]


@pytest.mark.django_db
def test_models_and_migrations_agree() -> None:
    call_command("makemigrations", *PLATFORM_APPS, check=True, dry_run=True, verbosity=0)


def test_histories_are_as_long_as_a_real_projects() -> None:
    lengths = Counter(label for label, _name in MigrationLoader(None).disk_migrations)
    assert sum(lengths[label] for label in TENANT_APPS) >= 65
    assert lengths["finance"] >= 14


def test_every_step_can_be_taken_back() -> None:
    for (label, name), migration in MigrationLoader(None).disk_migrations.items():
        for operation in migration.operations if label in TENANT_APPS else []:
            if isinstance(operation, RunPython | RunSQL):
                assert operation.reversible, f"{label}.{name}"


def test_tenant_is_of_a_realistic_size(demo_template: Database) -> None:
    ((relations, recorded),) = demo_template.query(
        "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'tenant_demo'::regnamespace),"
        " (SELECT count(*) FROM tenant_demo.django_migrations)"
    )
    assert 270 <= relations <= 310
    assert 115 <= recorded <= 130


def test_filled_tenant_goes_back_and_forth(demo_database: Database) -> None:
    before = structure(demo_database)
    # First back to where the tables still have their rows, so that the data migrations of the way
    # forward meet rows; then all the way.
    halfway = [("finance", "0006"), ("ats", "0005"), ("hr_core", "0004"), ("accounts", "0004")]
    for targets in halfway, [(app_label, "zero") for app_label in TENANT_APPS]:
        result = demo_database.run("shell", "-v0", "-c", THERE_AND_BACK.format(targets=targets))
        assert result.returncode == 0, result.stderr
        assert structure(demo_database) == before


THERE_AND_BACK = """
from django.core.management import call_command
for target in [*{targets}, ()]:
    call_command("migrate_schemas", *target, schema_name="tenant_demo", verbosity=0)
"""


def structure(database: Database) -> set[str]:
    """Columns, constraints, indexes, views, triggers and functions of the demo tenant."""
    rows = database.query(
        """
        SELECT format('%s.%s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                      a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'tenant_demo'::regnamespace AND NOT a.attisdropped
          AND c.relkind IN ('r', 'v')
        UNION ALL
        SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'tenant_demo'::regnamespace AND contype <> 'n'
        UNION ALL
        SELECT indexdef FROM pg_indexes WHERE schemaname = 'tenant_demo'
        UNION ALL
        SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'tenant_demo'::regnamespace AND NOT t.tgisinternal
        UNION ALL
        SELECT pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'tenant_demo'::regnamespace
        UNION ALL
        SELECT pg_get_viewdef(oid) FROM pg_class
        WHERE relnamespace = 'tenant_demo'::regnamespace AND relkind = 'v'
        """
    )
    return {re.sub(r"\s+", " ", row) for (row,) in rows}


@pytest.mark.django_db
def test_tables_of_shared_apps_stay_out_of_tenants() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'tenant_demo'::regnamespace"
            " AND relname ~ '^(tenants|custom_account_u|integrations|tenant_migrations)_'"
        )
        assert cursor.fetchall() == []
