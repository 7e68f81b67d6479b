"""Histories that hypothesis composes: from any ledger forward, this engine's result is Django's.

Three tenants are equal, so that what was worked out for one serves the others; one more has a
table, an index and rows of its own. Some of what was applied may be squashed meanwhile.
``COMPOSED_HISTORIES=200`` tries so many histories, and others each time; without it a few, always
the same.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis
import psycopg
import pytest
from hypothesis import Phase
from hypothesis import strategies as st

from tests.grown_project.histories import Step, histories
from tests.support.runs import Run
from tests.support.servers import Server
from tests.torture.fleet import Forge, TortureFleet, Version, renamed

EXAMPLES = int(os.environ.get("COMPOSED_HISTORIES", "0"))
MIGRATION = """
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.operations import *
from django.db import migrations, models
from django.db.migrations import *

class Migration(migrations.Migration):
    atomic = {atomic}
    replaces = {replaces}
    dependencies = {dependencies}
    operations = [{operations}]
"""
TABLES = """
    SELECT relname FROM pg_class
     WHERE relnamespace = 'django_odd'::regnamespace AND relkind = 'r'
       AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'code')
  ORDER BY relname
"""
FILL = "from tenant_migrations.provisioning.copying import fill_new_schema as f; print(f('new'))"
EQUAL = ("ours1", "ours2", "ours3")

_numbers = itertools.count()


@pytest.fixture(scope="module")
def grown(
    run: Run, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[list[Step]], TortureFleet]]:
    """A fleet without tenants, whose code has these migrations."""
    folder = tmp_path_factory.mktemp("grown")
    template = server.database(f"grown_{os.getpid()}")
    forge = Forge(template.url, "tests.grown_project.settings")
    database = server.database(f"grown_{os.getpid()}_example")
    bare = TortureFleet(forge, template.create(), folder)
    bare.version = written(folder, [])
    for argv in (["migrate_schemas", "--shared", "-v0"], ["verify_tenant_migrations"]):
        answer = bare.run(*argv)
        assert answer.exit_code == 0, answer.stderr

    def on(steps: list[Step]) -> TortureFleet:
        database.drop()
        fleet = TortureFleet(forge, database.create(template), folder)
        fleet.version = written(folder, steps)
        return fleet

    try:
        yield on
    finally:
        forge.close()
        database.drop()
        template.drop()


def written(folder: Path, steps: list[Step], squashed: range = range(0)) -> Version:
    """The migrations as a package, with one more that squashes those numbers."""
    package = folder / f"grown_{next(_numbers)}"
    package.mkdir()
    (package / "__init__.py").touch()

    def write(name: str, numbers: range, replaces: list[tuple[str, str]]) -> None:
        before = [("grown", f"{numbers[0] - 1:04}")] if numbers[0] > 1 else []
        text = MIGRATION.format(
            atomic=all(steps[number - 1].atomic for number in numbers),
            replaces=replaces,
            dependencies=before,
            operations=", ".join(steps[number - 1].operations for number in numbers),
        )
        (package / f"{name}.py").write_text(text)

    for number in range(1, len(steps) + 1):
        write(f"{number:04}", range(number, number + 1), [])
    if squashed:
        replaced = [("grown", f"{number:04}") for number in squashed]
        write(f"{squashed[0]:04}_squashed", squashed, replaced)
    return Version({"grown": package.name}, (str(folder),))


def ranges(steps: list[Step]) -> st.SearchStrategy[range]:
    """Numbers of two or three migrations that a squashed one may replace, or none.

    Where one migration makes a foreign key and renames what it points to, Django makes another one
    than in two.
    """
    some = [
        range(first, first + size) for size in (2, 3) for first in range(1, len(steps) - size + 2)
    ]
    fit = [
        step.atomic and "RenameModel" not in step.operations and "Table(" not in step.operations
        for step in steps
    ]
    whole = [part for part in some if all(fit[number - 1] for number in part)]
    return st.sampled_from([range(0), range(0), *whole])


def by_django(fleet: TortureFleet, *target: str) -> None:
    """Django takes all tenants there are. A history that even Django can't go is no example."""
    answer = fleet.run("migrate_schemas", *target, "--executor=standard", "--skip-checks", "-v0")
    if answer.exit_code:
        hypothesis.event("Django refuses it")
        hypothesis.reject()


@hypothesis.settings(
    max_examples=EXAMPLES or 6,
    derandomize=not EXAMPLES,
    phases=[Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(data=st.data())
def test_tenants_equal_djangos(
    grown: Callable[[list[Step]], TortureFleet], data: st.DataObject
) -> None:
    steps = data.draw(histories(8, 14), label="migrations")
    begun = data.draw(st.integers(0, len(steps) - 1), label="how many of them are applied before")
    squashed = data.draw(ranges(steps), label="squashed")
    fleet = grown(steps)
    fleet.add_tenant("django")
    if begun:
        by_django(fleet, "grown", f"{begun:04}")
        fleet.copy_tenant("django", "django_odd")
        make_odd(fleet)
        fleet.copy_schema("django_odd", "odd")
    fleet.version = written(fleet.folder, steps, squashed)
    for name in EQUAL:
        fleet.copy_schema("django", name)
    by_django(fleet)

    ours = (*EQUAL, "odd") if begun else EQUAL
    for name in ours:
        fleet.add_row(name)
    answer = fleet.heal()
    assert answer.json["fix"]["fixed"] == len(ours), answer.stdout + answer.stderr
    expected = content(fleet, "django")
    for name in EQUAL:
        assert content(fleet, name) == expected, name
        assert len(fleet.ledger(name)) == len(set(fleet.ledger(name))) > len(steps)
    if begun:
        assert content(fleet, "odd") == content(fleet, "django_odd")
    else:
        fill_new(fleet)
        assert sorted(fleet.ledger("new")) == sorted(fleet.ledger("django"))
        assert but_for_order(content(fleet, "new")) == but_for_order(expected)


def make_odd(fleet: TortureFleet) -> None:
    fleet.sql("CREATE TABLE own (id serial); INSERT INTO own DEFAULT VALUES", schema="django_odd")
    for (table,) in fleet.sql(TABLES):
        fleet.sql(f'CREATE INDEX "{table}_own" ON "{table}" (code, id)', schema="django_odd")
        with suppress(psycopg.errors.NotNullViolation):
            row = "(code, number) VALUES ('own', 8)"
            fleet.sql(f'INSERT INTO "{table}" {row}', schema="django_odd")


def fill_new(fleet: TortureFleet) -> None:
    """A new tenant from the reference."""
    fleet.add_tenant("new")
    answer = fleet.run("shell", "-v0", "-c", FILL)
    assert answer.exit_code == 0, answer.stderr
    assert answer.stdout == "True\n"


def content(fleet: TortureFleet, schema: str) -> list[str]:
    """Structure, ledger and rows as ``pg_dump`` writes them, without points in time."""
    script = renamed(fleet.everything(schema), schema, "SCHEMA")
    return sorted(re.sub(r"'\d{4}-\d\d-\d\d \d\d:[^']*'", "'TIME'", script).splitlines())


def but_for_order(lines: list[str]) -> list[str]:
    """Without rows that are numbered in the order in which the reference got them."""
    numbered = ("INSERT INTO SCHEMA.django_content_type", "INSERT INTO SCHEMA.django_migrations")
    return [line for line in lines if not line.startswith(numbered) and "_type_id_seq" not in line]
