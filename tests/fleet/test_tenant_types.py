"""A project with `TENANT_TYPES`: tenants of one type are compared with each other only."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.answers import Answer
from tests.support.fleets import CHECKOUT
from tests.support.servers import Database, Server


class TypedFleet:
    """The project `tests/typed_project` in a database of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def manage(self, *argv: str) -> Answer:
        environment = os.environ | {
            "DATABASE_URL": self.database.url,
            "DJANGO_SETTINGS_MODULE": "tests.typed_project.settings",
            "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{CHECKOUT / 'src'}",
        }
        finished = subprocess.run(
            [sys.executable, "-m", "django", *argv],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return Answer(finished.returncode, finished.stdout, finished.stderr)

    def verify(self, *argv: str) -> Answer:
        return self.manage("verify_tenant_migrations", "--json", *argv)

    def sql(self, *statements: str) -> None:
        with self.database.connect() as raw:
            for statement in statements:
                raw.execute(statement)

    def add(self, name: str, type_: str) -> None:
        """A tenant with an empty schema."""
        self.sql(
            f"INSERT INTO customers_customer (schema_name, type) VALUES ('{name}', '{type_}')",
            "INSERT INTO customers_host (domain, is_primary, tenant_id)"
            " SELECT schema_name || '.localhost', true, id FROM customers_customer"
            f" WHERE schema_name = '{name}'",
            f"CREATE SCHEMA {name}",
        )

    def tables(self, name: str) -> set[str]:
        with self.database.connect() as raw:
            rows = raw.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (name,))
            return {table for (table,) in rows} - {"django_migrations", "django_content_type"}


@pytest.fixture
def typed(server: Server) -> Iterator[TypedFleet]:
    """A shop and a depot, whose schemas are still empty."""
    database = server.database(f"{os.getpid()}_typed").create()
    fleet = TypedFleet(database)
    migrated = fleet.manage("migrate_schemas", "--shared", "--verbosity=0")
    assert migrated.exit_code == 0, migrated.stderr
    fleet.add("shop", "retail")
    fleet.add("depot", "wholesale")
    yield fleet
    database.drop()


def test_TM014_tenant_type_unknown(typed: TypedFleet) -> None:
    typed.add("stray", "bakery")
    answer = typed.verify("--no-structure")
    assert answer.statuses() == {"depot": "pending", "shop": "pending", "stray": "unknown"}
    found = answer.finding("stray", "TM014")
    assert found["message"] == "tenant type 'bakery' is not in TENANT_TYPES (retail, wholesale)"


def test_each_type_gets_its_own_apps(typed: TypedFleet) -> None:
    healed = typed.verify("--fix")
    assert healed.exit_code == 0, healed.stdout
    assert {t["schema_name"]: t["kind"] for t in healed.json["tenants"]} == {
        "depot": "wholesale",
        "shop": "retail",
    }
    assert typed.tables("shop") == {"retail_till"}
    assert typed.tables("depot") == {"wholesale_pallet"}

    typed.sql("DROP TABLE depot.wholesale_pallet")
    broken = typed.verify()
    assert broken.statuses() == {"depot": "drifted", "shop": "ok"}
    assert broken.finding("depot", "TM101")["object"] == "wholesale_pallet"
    assert typed.verify("--fix").exit_code == 0
    assert typed.tables("depot") == {"wholesale_pallet"}


def test_migrate_schemas_knows_the_types(typed: TypedFleet) -> None:
    assert typed.verify("--fix").exit_code == 0
    back = typed.manage("migrate_schemas", "retail", "zero")
    assert back.exit_code == 0, back.stderr
    assert "tenant_migrations:shop]   Unapplying retail.0001_initial... OK" in back.stdout
    assert typed.tables("shop") == set()
    forth = typed.manage("migrate_schemas")
    assert forth.exit_code == 0, forth.stderr
    assert "tenant_migrations:depot]   Applying retail.0001_initial... OK" in forth.stdout
    assert (typed.tables("shop"), typed.tables("depot")) == ({"retail_till"}, {"wholesale_pallet"})
