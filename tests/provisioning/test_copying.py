"""A new tenant made from the reference is the tenant that migrations make."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import OperationalError, transaction
from django.db.models.signals import post_migrate, pre_migrate
from django_tenants.signals import schema_migrated, schema_pre_migration

from tenant_migrations.exceptions import Busy, WrongUse
from tenant_migrations.locks import REFERENCE, second_key
from tenant_migrations.provisioning.copying import fill_new_schema, prepare
from tests.support.fleets import Fleet

REFERENCE_SCHEMA = "tenant_migrations_reference_tenant"


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
    call_command("migrate_schemas", schema_name="migrated", executor="standard", verbosity=0)
    assert fleet.dump("copied") == fleet.dump("migrated")
    assert fleet.ledger("copied") == fleet.ledger("migrated")
    assert rows_without_ids(fleet, "copied") == rows_without_ids(fleet, "migrated")
    assert fleet.verify("--tenant=copied", "--tenant=migrated").exit_code == 0


def test_its_sequences_go_on_where_the_reference_left_them(fleet: Fleet) -> None:
    new_schema(fleet, "copied")
    fill_new_schema("copied")
    state = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = %s ORDER BY 1"
    left = {name: last for name, last in fleet.rows(state, REFERENCE_SCHEMA) if last is not None}
    copied = dict(fleet.rows(state, "copied"))
    assert left["finance_plan_id_seq"] > 0
    assert {name: copied[name] for name in left} == left


def test_storage_options_and_comments_come_along(fleet: Fleet) -> None:
    for statement in (
        "ALTER TABLE finance_plan SET (fillfactor = 70, autovacuum_enabled = off)",
        "COMMENT ON COLUMN finance_plan.name IS 'It''s 100 % ours'",
    ):
        fleet.sql(statement, schema=REFERENCE_SCHEMA)
    new_schema(fleet, "made")
    assert fill_new_schema("made") is True
    assert fleet.dump("made") == fleet.dump(REFERENCE_SCHEMA)


@pytest.mark.parametrize(
    ("statement", "obstacle"),
    [
        (
            "ALTER TABLE finance_plan ENABLE ROW LEVEL SECURITY",
            "the reference has row security",
        ),
        (
            "CREATE STATISTICS more ON name, code FROM finance_plan",
            "the reference has extended statistics",
        ),
        (
            "GRANT SELECT ON finance_plan TO pg_monitor",
            "the reference has grants of its own on finance_plan",
        ),
        (
            "UPDATE finance_plan SET name = current_schema()",
            "a data migration wrote the name of its schema into finance_plan",
        ),
    ],
    ids=["row security", "statistics", "grants", "a row that names its schema"],
)
def test_what_a_copy_would_lose_is_left_to_django(
    fleet: Fleet, statement: str, obstacle: str
) -> None:
    fleet.sql(statement, schema=REFERENCE_SCHEMA)
    new_schema(fleet, "made")
    assert fill_new_schema("made") is False
    assert fleet.value("SELECT obstacle FROM tenant_migrations_referencescript") == obstacle
    assert fleet.verify("--tenant=made", "--no-structure").exit_code == 0


def test_who_is_not_waited_for_in_a_transaction_is_named(fleet: Fleet, settings: Any) -> None:
    settings.TENANT_MIGRATIONS = {**settings.TENANT_MIGRATIONS, "LOCK_TIMEOUT_MS": 50}
    new_schema(fleet, "made")
    with fleet.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", (REFERENCE, second_key("tenant")))
        with pytest.raises(Busy, match="moving the reference"), transaction.atomic():
            fill_new_schema("made")
    assert fleet.tables("made") == []


def test_a_lock_that_is_not_to_be_had_leaves_the_schema_empty(fleet: Fleet, settings: Any) -> None:
    settings.TENANT_MIGRATIONS = {
        **settings.TENANT_MIGRATIONS,
        "LOCK_TIMEOUT_MS": 50,
        "LOCK_ATTEMPTS": 2,
    }
    new_schema(fleet, "made")
    assert prepare() is True
    with fleet.connect(autocommit=False) as other:
        other.execute("LOCK TABLE public.custom_account_u_user IN ROW EXCLUSIVE MODE")
        with pytest.raises(OperationalError, match="lock timeout"):
            fill_new_schema("made")
    assert fleet.tables("made") == []
    assert fill_new_schema("made") is True


def test_a_schema_with_something_in_it_is_refused(fleet: Fleet) -> None:
    new_schema(fleet, "made")
    fleet.sql("CREATE TABLE finance_plan (id int)", schema="made")
    for _ in range(2):
        with pytest.raises(WrongUse, match="'made' is not empty"):
            fill_new_schema("made")
    assert fleet.tables("made") == ["finance_plan"]


def test_a_copy_that_came_out_different_is_taken_back(fleet: Fleet) -> None:
    assert prepare() is True
    fleet.sql("UPDATE tenant_migrations_referencescript SET fingerprint = repeat('0', 32)")
    new_schema(fleet, "made")
    assert fill_new_schema("made") is True
    assert fleet.dump("made") == fleet.dump("alpha")


def test_a_script_of_other_models_is_not_used(fleet: Fleet) -> None:
    assert prepare() is True
    statement = "SELECT key, made_at FROM tenant_migrations_referencescript"
    before = fleet.rows(statement)
    assert prepare() is True
    assert fleet.rows(statement) == before
    with pytest.MonkeyPatch.context() as patch:
        options = apps.get_model("finance", "Plan")._meta
        patch.setattr(options, "permissions", (("print_plan", "Can print plan"),))
        assert prepare() is True
    assert fleet.rows(statement) != before


def test_receivers_of_signals_are_called_once_for_each_tenant(fleet: Fleet) -> None:
    assert prepare() is True
    heard: list[str] = []

    def hear(name: str, signal: Any, sender: Any = None) -> None:
        def receiver(**named: Any) -> None:
            heard.append(name)
            if "plan" in named:
                assert len(named["plan"]) > 100

        receivers.append(receiver)
        signal.connect(receiver, sender=sender)

    receivers: list[Any] = []
    finance = apps.get_app_config("finance")
    hear("schema_pre_migration", schema_pre_migration)
    hear("pre_migrate", pre_migrate, finance)
    hear("post_migrate", post_migrate, finance)
    hear("schema_migrated", schema_migrated)
    new_schema(fleet, "made")
    assert fill_new_schema("made") is True
    assert heard == ["schema_pre_migration", "pre_migrate", "post_migrate", "schema_migrated"]
