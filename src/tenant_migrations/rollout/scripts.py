"""Scripts: what Django executed in one tenant, to be executed again in others like it.

A script is taken down while the real operations run in one tenant of a group (same ledger, same
work to do). What they execute follows from the code's states, the same for all, and from what they
ask the database: Django asks the catalog about single tables, for the names of constraints, indexes
and sequences. So it is sound in another tenant where these tables look as they did in that one
(``fleet/likeness.py``), and where ledger, content types and permissions are the same: that is asked
in the tenant's own transaction, under the locks that keep it true. Migrations that may differ from
tenant to tenant (``replayable.py``), or that asked anything else, have no text in it and run for
real.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq.abc import PGresult

from tenant_migrations.database import quote
from tenant_migrations.fleet.graph import MigrationKey, label
from tenant_migrations.fleet.ledger import LEDGER_TABLE
from tenant_migrations.fleet.likeness import Prints, read_prints
from tenant_migrations.rollout.courses import Course
from tenant_migrations.rollout.registrations import Held

SETTLE = ("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED")
"""Django commits after each migration, which fires deferred constraints. Without that, changing a
table in which rows were just written fails with "pending trigger events"."""

TO_NEXT = "\n;\n"
"""Between statements, also behind one that ends with a comment."""

MARK = "tenant_migrations_current"
"""The column that says which migration comes next."""

BY_ITSELF = ("SET search_path", "SAVEPOINT", "RELEASE SAVEPOINT")
"""What django-tenants, and the block of a schema editor, send beside what operations do."""


@dataclass(frozen=True)
class Script:
    """What to execute in a tenant like the one that it was taken down in."""

    texts: Mapping[MigrationKey, str]
    """SQL by migration, ledger rows included; migrations that run for real have none."""
    closing: tuple[MigrationKey, ...]
    """What is recorded after the last migration."""
    tables: frozenset[str]
    """What has to look alike."""
    prints: Prints = field(repr=False)
    """How these tables looked before, those that were there."""
    held: Held
    """Which ledger rows, content types and permissions were there before."""
    registrations: str = field(repr=False)
    """SQL that adds the new ones."""

    @cached_property
    def all_of_it(self) -> str:
        """SQL that does all that there is to do, where every migration has a text.

        Before each of them a row says which one comes next; an empty one follows the last.
        """
        parts = [part for key, text in self.texts.items() for part in (_mark(label(key)), text)]
        parts.append(_mark(""))
        parts += [recording(self.closing)] if self.closing else []
        parts += [self.registrations] if self.registrations else []
        return TO_NEXT.join(parts)

    @property
    def is_for_all(self) -> bool:
        """Whether it depends on no table: what the schema holds tells alone whether it fits."""
        return not self.tables

    def fits(self, prints: Prints, held: Held) -> bool:
        """Whether a tenant is like the one that it was taken down in."""
        seen = {name: prints[name] for name in self.tables & prints.keys()}
        return (seen, held) == (self.prints, self.held)


def reached(results: Iterable[PGresult], encoding: str) -> str | None:
    """Which migration ``all_of_it`` had come to; empty after the last, none before the first."""
    marks = [
        (result.get_value(0, 0) or b"").decode(encoding)
        for result in results
        if result.fname(0) == MARK.encode()
    ]
    return marks[-1] if marks else None


def fitting(
    scripts: Sequence[Script], connection: psycopg.Connection[Any], schema_name: str, held: Held
) -> Script | None:
    """The script that was made for what looks like this schema; ``held`` was read under locks."""
    tables = sorted({name for script in scripts for name in script.tables})
    prints = read_prints(connection, schema_name, tables) if tables else {}
    return next((script for script in scripts if script.fits(prints, held)), None)


@dataclass
class Transcript:
    """A script while it is taken down."""

    before: Prints = field(default_factory=dict)
    """How all tables of the schema looked before."""
    relations: dict[int, str] = field(default_factory=dict)
    """Tables and views of the schema before, by oid."""
    asked_about: set[int] = field(default_factory=set)
    """Oids of tables that operations asked the catalog about."""
    statements: dict[MigrationKey, list[str]] = field(default_factory=dict)
    held: Held = ()
    registrations: str = ""

    @contextmanager
    def of(self, key: MigrationKey, editor: Any) -> Iterator[None]:
        """Take down what a schema editor executes, and asks the catalog, meanwhile.

        Of a migration that sends the database anything else nothing is kept.
        """
        taken: list[str] = []
        connection, execute = editor.connection, editor.execute
        overheard = _Overheard(connection.introspection, self.asked_about)
        heard = sent = 0

        def listen(statement: Any, params: Any = ()) -> Any:
            nonlocal heard
            text = str(statement)
            if params is not None:
                text = connection.ops.compose_sql(text, params)
            taken.append(text)
            heard += 1
            return execute(text, None)

        def count(send: Any, statement: str, *rest: Any) -> Any:
            nonlocal sent
            sent += not overheard.asking and not statement.startswith(BY_ITSELF)
            return send(statement, *rest)

        editor.execute, connection.introspection = listen, overheard
        try:
            with connection.execute_wrapper(count):
                yield
        finally:
            connection.introspection = overheard.introspection
            del editor.execute
        if sent == heard:
            self.statements[key] = taken

    def script(self, course: Course) -> Script:
        """What was taken down on a course."""
        oids = self.asked_about & self.relations.keys()
        tables = frozenset(self.relations[oid] for oid in oids)
        return Script(
            {
                key: TO_NEXT.join([*statements, recording(course.leg(key).rows), *SETTLE])
                for key, statements in self.statements.items()
            },
            course.closing,
            tables,
            {name: self.before[name] for name in tables},
            self.held,
            self.registrations,
        )


class _Overheard:
    """Introspection that notes the tables it is asked about, by oid: names change on the way."""

    def __init__(self, introspection: Any, tables: set[int]) -> None:
        self.introspection = introspection
        self.asking = False
        self._tables = tables

    def get_constraints(self, cursor: Any, table_name: str) -> Any:
        with self._about(cursor, table_name):
            return self.introspection.get_constraints(cursor, table_name)

    def get_sequences(self, cursor: Any, table_name: str, table_fields: Any = ()) -> Any:
        with self._about(cursor, table_name):
            return self.introspection.get_sequences(cursor, table_name, table_fields)

    @contextmanager
    def _about(self, cursor: Any, table_name: str) -> Iterator[None]:
        self.asking = True
        try:
            cursor.execute("SELECT to_regclass(%s)::oid", [quote(table_name)])
            self._tables.update(oid for (oid,) in cursor.fetchall() if oid)
            yield
        finally:
            self.asking = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.introspection, name)


def _mark(current: str) -> str:
    return sql.SQL("SELECT {} AS {}").format(sql.Literal(current), sql.Identifier(MARK)).as_string()


def recording(keys: Iterable[MigrationKey]) -> str:
    """The statement that writes ledger rows in this order."""
    rows = sql.SQL(", ").join(
        sql.SQL("({}, {}, now())").format(sql.Literal(app), sql.Literal(name)) for app, name in keys
    )
    statement = sql.SQL("INSERT INTO {} (app, name, applied) VALUES {}")
    return statement.format(sql.Identifier(LEDGER_TABLE), rows).as_string()
