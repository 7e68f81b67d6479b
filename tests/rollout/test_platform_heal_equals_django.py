"""The platform's own histories: a tenant healed equals one that ``migrate_schemas`` migrated.

All but the first start from a tenant with demo data in every app, taken back so far that the data
migrations of the way forward meet rows. Left out of the comparison: points in time, and values
that migrations draw by chance.
"""

import re

import pytest

from tenant_migrations.database import quote
from tests.support.fleets import Fleet
from tests.support.runs import Run
from tests.support.servers import Database, Server
from tests.support.templates import add_tenant_row, django_on, template_public
from tests.torture.fleet import renamed

HISTORIES: dict[str, tuple[tuple[str, str], ...]] = {
    "nothing": (),
    "halfway": (("finance", "0006"), ("ats", "0005"), ("hr_core", "0004"), ("accounts", "0004")),
    "inside_squash": (("finance", "0020"), ("ats", "0007"), ("hr_core", "0009")),
}
CHANCE = re.compile(
    r"'\d{4}-\d\d-\d\d \d\d:[^']*'|'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'|'[0-9a-f]{64}'"
)


@pytest.fixture(scope="session")
def platform_both_ways(run: Run, server: Server, django_db_blocker: object) -> Database:
    """Each history twice: ``django_…`` brought to the code by Django, ``healed_…`` by ``--fix``."""
    database = server.database("platform_both_ways")
    with run.once(database.name) as marker, django_db_blocker.unblock():  # type: ignore[attr-defined]
        if marker:
            original = template_public(run, server)
            database.drop()
            with django_on(database.create(original)):
                build(Fleet(run, database))
            marker.touch()
    return database


def build(fleet: Fleet) -> None:
    """Make all tenants, and heal one of each pair."""
    answer = fleet.command("bootstrap_demo_tenant")
    assert answer.exit_code == 0, answer.stderr
    for name, targets in HISTORIES.items():
        if targets:
            copy_tenant(fleet, "tenant_demo", f"django_{name}")
        else:
            fleet.sql(f"CREATE SCHEMA django_{name}")
            add_tenant_row(fleet.database, f"django_{name}", f"django-{name}.localhost")
        for app, target in targets:
            fleet.take_back(f"django_{name}", app, target)
        copy_tenant(fleet, f"django_{name}", f"healed_{name}")
        schema, standard = f"--schema=django_{name}", "--executor=standard"
        answer = fleet.command("migrate_schemas", schema, standard, "-v0")
        assert answer.exit_code == 0, answer.stderr
    answer = fleet.verify("--json", "--fix", *(f"--tenant=healed_{name}" for name in HISTORIES))
    assert answer.exit_code == 0, answer.stdout + answer.stderr


def copy_tenant(fleet: Fleet, source: str, name: str) -> None:
    """A tenant that is equal to another in structure, ledger and rows."""
    script = fleet.database.pg_dump("--inserts", "--rows-per-insert=100", "--schema", source)
    with fleet.connect() as raw:
        raw.execute(renamed(script, source, quote(name)).encode(), prepare=False)
    add_tenant_row(fleet.database, name, f"{name.replace('_', '-')}.localhost")


@pytest.mark.parametrize("name", HISTORIES)
class TestHealedTenantOfThePlatform:
    def test_has_the_structure_that_django_makes(
        self, platform_both_ways: Database, name: str
    ) -> None:
        healed, django = (
            renamed(platform_both_ways.pg_dump("--schema-only", "-n", schema), schema, "SCHEMA")
            for schema in (f"healed_{name}", f"django_{name}")
        )
        assert healed == django

    def test_has_the_ledger_that_django_writes(
        self, platform_both_ways: Database, name: str
    ) -> None:
        with platform_both_ways.connect() as raw:
            healed, django = (
                raw.execute(
                    f"SELECT app, name FROM {schema}.django_migrations ORDER BY id"
                ).fetchall()
                for schema in (f"healed_{name}", f"django_{name}")
            )
        assert healed == django
        assert len(set(healed)) == len(healed)

    def test_has_the_rows_that_django_leaves(self, platform_both_ways: Database, name: str) -> None:
        healed, django = (
            CHANCE.sub("CHANCE", renamed(dump, schema, "SCHEMA")).splitlines()
            for schema in (f"healed_{name}", f"django_{name}")
            for dump in [platform_both_ways.pg_dump("--data-only", "--inserts", "-n", schema)]
        )
        assert sorted(healed) == sorted(django)
        assert len(healed) > 500
