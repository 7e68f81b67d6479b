"""Verifying writes nothing to what it checks, and tells what it was not allowed to see."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from tenant_migrations.database import reading
from tests.support.fleets import Fleet
from tests.support.servers import Database
from tests.support.templates import django_on


@pytest.fixture
def reader(fleet: Fleet) -> Iterator[Callable[[list[str]], Database]]:
    """Makes a role that may only read these schemas, and nothing else at all."""
    role = f"{fleet.database.name}_reader"

    def make(schemas: list[str]) -> Database:
        create = sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role))
        fleet.database.server.run(create)
        with fleet.connect() as raw:
            for schema in schemas:
                for statement in (
                    "GRANT USAGE ON SCHEMA {} TO {}",
                    "GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}",
                ):
                    names = map(sql.Identifier, (schema, role))
                    raw.execute(sql.SQL(statement).format(*names))
        return Database(fleet.database.server, fleet.database.name, role)

    yield make
    with fleet.connect() as raw:
        raw.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
        raw.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


ALL = ["public", "alpha", "beta", "gamma", "delta"]
REFERENCES = ["tenant_migrations_reference_tenant", "tenant_migrations_reference_public"]


def break_some(fleet: Fleet) -> None:
    fleet.drop_table("beta", "finance_refund")
    fleet.invalidate_index("gamma", "payment_paid_idx")
    fleet.drop_table("delta", "django_migrations")
    fleet.add_tenant("ghost", schema=False)
    fleet.add_schema("lost")


def test_verifying_changes_nothing_but_its_own_records(fleet: Fleet) -> None:
    break_some(fleet)
    before = fleet.dump_all(records=False)
    assert fleet.verify().exit_code == 1
    assert fleet.dump_all(records=False) == before


def test_a_role_that_may_only_read_gets_the_full_answer(
    fleet: Fleet, reader: Callable[[list[str]], Database]
) -> None:
    break_some(fleet)
    full = fleet.verify("--json")
    with django_on(reader([*ALL, "lost", *REFERENCES])):
        answer = fleet.verify("--json")
    del answer.json["duration_seconds"], full.json["duration_seconds"]
    assert answer.json == full.json
    assert answer.exit_code == 1


def test_without_references_it_says_so_and_gives_the_rest(
    fleet: Fleet, reader: Callable[[list[str]], Database]
) -> None:
    for schema in REFERENCES:
        fleet.drop_schema(schema)
    fleet.take_back("alpha", "finance", "0024_subscription_cancellation")
    with django_on(reader(ALL)):
        answer = fleet.verify("--json")
    assert [(f["id"], f["object"]) for f in answer.json["findings"]] == [
        ("TM301", "public"),
        ("TM301", "tenant"),
    ]
    assert "this database role may not create schemas" in answer.json["findings"][0]["message"]
    assert answer.statuses() == {"alpha": "pending", "beta": "ok", "gamma": "ok", "delta": "ok"}
    assert answer.exit_code == 1


def test_one_tenant_that_may_not_be_read_costs_no_other_its_answer(
    fleet: Fleet, reader: Callable[[list[str]], Database]
) -> None:
    with django_on(reader(["public", "alpha", "gamma", "delta", *REFERENCES])):
        answer = fleet.verify("--json")
    assert answer.statuses() == {"alpha": "ok", "beta": "unknown", "gamma": "ok", "delta": "ok"}
    assert answer.tenant("beta")["error"] == "permission denied for schema beta"
    assert answer.finding("beta", "TM015")["severity"] == "error"
    assert (answer.exit_code, answer.json["tenants_with_issues"]) == (1, 1)


def test_a_ledger_that_may_not_be_read_is_unknown(
    fleet: Fleet, reader: Callable[[list[str]], Database]
) -> None:
    role = reader([*ALL, *REFERENCES])
    revoke = sql.SQL("REVOKE SELECT ON beta.django_migrations FROM {}")
    with fleet.connect() as raw:
        raw.execute(revoke.format(sql.Identifier(role.user)))
    with django_on(role):
        answer = fleet.verify("--json")
    assert answer.tenant("beta")["error"] == "permission denied for table django_migrations"


def test_a_role_without_any_rights_could_not_ask(
    fleet: Fleet, reader: Callable[[list[str]], Database]
) -> None:
    with fleet.connect() as raw:
        raw.execute("REVOKE ALL ON SCHEMA public FROM public")
    with django_on(reader([])):
        answer = fleet.verify()
    assert answer.exit_code == 3
    assert answer.error_line == (
        "error: the tenants can't be read: permission denied for schema public"
    )


def test_healing_as_a_reader_is_refused_in_one_line(
    fleet: Fleet, reader: Callable[[list[str]], Database]
) -> None:
    fleet.drop_table("alpha", "finance_refund")
    role = reader([*ALL, *REFERENCES])
    before = fleet.dump_all()
    with django_on(role):
        answer = fleet.verify("--fix")
    assert answer.exit_code == 3
    assert answer.error_line.startswith("error: ")
    assert fleet.dump_all() == before


def test_the_reading_connection_refuses_to_write(fleet: Fleet) -> None:
    with reading() as raw, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        raw.execute("CREATE TABLE alpha.written (id integer)")
