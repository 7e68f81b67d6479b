"""A new tenant made from the reference is the tenant that migrations make."""

import re

import pytest
from django.core.management import call_command
from django.db import connection

from tenant_migrations.locks import REFERENCE, second_key
from tenant_migrations.provisioning.copying import fill_new_schema
from tests.support.fleets import Fleet


def new_schema(fleet: Fleet, name: str) -> None:
    fleet.add_tenant(name, schema=False)
    fleet.sql(f'CREATE SCHEMA "{name}"')


def rows_without_ids(fleet: Fleet, schema: str) -> dict[str, list[str]]:
    """All rows; of content types and permissions, which are numbered as they come, the names."""
    content = fleet.content(schema)
    content["django_content_type"] = [
        f"{app}.{model}"
        for app, model in fleet.rows(
            "SELECT app_label, model FROM django_content_type ORDER BY 1, 2", schema=schema
        )
    ]
    content["auth_permission"] = [
        f"{app}.{model}.{codename}.{name}"
        for app, model, codename, name in fleet.rows(
            "SELECT app_label, model, codename, p.name FROM auth_permission p"
            " JOIN django_content_type t ON t.id = p.content_type_id ORDER BY 1, 2, 3",
            schema=schema,
        )
    ]
    moment = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*\+\d\d")
    return {table: [moment.sub("MOMENT", row) for row in rows] for table, rows in content.items()}


def test_a_copied_tenant_equals_a_migrated_one(fleet: Fleet) -> None:
    new_schema(fleet, "copied")
    new_schema(fleet, "migrated")
    assert fill_new_schema("copied") is True
    call_command("migrate_schemas", schema_name="migrated", interactive=False, verbosity=0)
    assert fleet.dump("copied") == fleet.dump("migrated")
    assert fleet.ledger("copied") == fleet.ledger("migrated")
    assert rows_without_ids(fleet, "copied") == rows_without_ids(fleet, "migrated")
    assert fleet.verify("--tenant=copied", "--tenant=migrated").exit_code == 0


def test_its_sequences_go_on_where_the_reference_left_them(fleet: Fleet) -> None:
    new_schema(fleet, "copied")
    fill_new_schema("copied")
    reference = "tenant_migrations_reference_tenant"
    state = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = %s ORDER BY 1"
    left = {name: last for name, last in fleet.rows(state, reference) if last is not None}
    copied = dict(fleet.rows(state, "copied"))
    assert left["finance_plan_id_seq"] > 0
    assert {name: copied[name] for name in left} == left


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE finance_plan ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE finance_plan SET (fillfactor = 70)",
        "CREATE STATISTICS more ON name, code FROM finance_plan",
        "UPDATE finance_plan SET name = current_schema()",
    ],
    ids=["row security", "storage options", "statistics", "a row that names its schema"],
)
def test_what_a_copy_would_lose_is_left_to_django(fleet: Fleet, statement: str) -> None:
    fleet.sql(statement, schema="tenant_migrations_reference_tenant")
    new_schema(fleet, "made")
    assert fill_new_schema("made") is False
    assert fleet.verify("--tenant=made", "--no-structure").exit_code == 0


def test_a_reference_that_is_being_moved_is_not_copied(fleet: Fleet) -> None:
    new_schema(fleet, "made")
    with fleet.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", (REFERENCE, second_key("tenant")))
        assert fill_new_schema("made") is False
    assert fleet.verify("--tenant=made").exit_code == 0


def test_a_copy_that_fails_leaves_the_schema_empty(fleet: Fleet) -> None:
    new_schema(fleet, "made")
    fleet.sql("CREATE TABLE finance_plan (id int)", schema="made")
    with pytest.raises(Exception, match="finance_plan"):
        fill_new_schema("made")
    connection.close()
    assert fleet.tables("made") == ["finance_plan"]
