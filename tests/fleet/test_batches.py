"""Rows of many schemas, read together: whatever the tables are, and whichever of them fails."""

import psycopg
import pytest

from tenant_migrations.fleet import ledger
from tenant_migrations.fleet.batches import Question, ask
from tenant_migrations.fleet.permissions import Registry, read_digests
from tests.support.fleets import Fleet

TENANTS = ["alpha", "beta", "gamma"]

AS_VIEW = """
    ALTER TABLE {table} RENAME TO {table}_kept;
    CREATE VIEW {table} AS TABLE {table}_kept;
"""
AS_PARTITIONED = """
    ALTER TABLE {table} RENAME TO {table}_kept;
    CREATE TABLE {table} (LIKE {table}_kept) PARTITION BY HASH (id);
    CREATE TABLE {table}_part PARTITION OF {table} FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    INSERT INTO {table} TABLE {table}_kept;
"""


@pytest.mark.parametrize("change", [AS_VIEW, AS_PARTITIONED], ids=["view", "partitioned"])
def test_a_table_that_copy_does_not_take_is_read_all_the_same(fleet: Fleet, change: str) -> None:
    registry = Registry(has_content_types=True, has_permissions=True)
    for table in (ledger.LEDGER_TABLE, "auth_permission"):
        fleet.sql(change.format(table=table), schema="beta")
    with fleet.connect() as raw:
        ledgers, errors = ledger.read_digests(raw, TENANTS, batch=3)
        registrations = read_digests(raw, TENANTS, registry, batch=3)
    assert errors == {}
    assert len(ledgers) == len(registrations) == 3
    assert len(set(ledgers.values())) == len(set(registrations.values())) == 1


def test_what_only_ids_tell_apart_is_alike_and_what_names_tell_apart_is_not(fleet: Fleet) -> None:
    registry = Registry(has_content_types=True, has_permissions=True)
    fleet.sql("UPDATE auth_permission SET id = id + 100000", schema="beta")
    fleet.sql("UPDATE auth_permission SET codename = 'seen' WHERE id = 1", schema="gamma")
    with fleet.connect() as raw:
        found = read_digests(raw, TENANTS, registry, batch=2)
    assert found["alpha"] == found["beta"] != found["gamma"]


def test_a_permission_of_another_content_type_is_another(fleet: Fleet) -> None:
    registry = Registry(has_content_types=True, has_permissions=True)
    fleet.sql(
        "UPDATE auth_permission SET content_type_id = (SELECT max(id) FROM django_content_type)"
        " WHERE id = (SELECT min(id) FROM auth_permission)",
        schema="beta",
    )
    with fleet.connect() as raw:
        found = read_digests(raw, TENANTS, registry, batch=2)
    assert found["alpha"] == found["gamma"] != found["beta"]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_a_table_that_fails_costs_no_other_its_answer(fleet: Fleet, batch: int) -> None:
    fleet.drop_table("beta", ledger.LEDGER_TABLE)
    with fleet.connect() as raw:
        answers, errors = ask(raw, TENANTS, ledger.KEYS, batch=batch)
        (after,) = raw.execute("SELECT 'usable'").fetchone() or ("",)
    assert sorted(answers) == ["alpha", "gamma"]
    assert isinstance(errors["beta"], psycopg.errors.UndefinedTable)
    assert after == "usable"


def test_a_failure_amid_the_rows_is_that_schemas_error(fleet: Fleet) -> None:
    """Some lines have come by then."""
    fleet.sql(
        "CREATE TABLE numbers AS SELECT n::text FROM generate_series(1, 100000) n;"
        "CREATE VIEW failing AS SELECT 1 / (n::int - 90000) AS n FROM numbers",
        schema="alpha",
    )
    counted = Question([("failing", ["n"])], lambda rows: str(len(rows)))
    with fleet.connect() as raw:
        answers, errors = ask(raw, ["alpha"], counted, batch=1)
        everything = ask(raw, ["alpha"], Question([("numbers", ["n"])], counted.digest), batch=1)
    assert answers == {}
    assert isinstance(errors["alpha"], psycopg.errors.DivisionByZero)
    assert everything == ({"alpha": "100000"}, {})
