"""Scripts: what Django executed in one tenant, to be executed again in others like it.

A script is taken down while the real operations run in one tenant of a group (same ledger, same
work to do). It is sound in another tenant where the tables that its statements altered, or that
Django asked the catalog about to make them, look as they did in that one (``fleet/likeness.py``),
and where the same content types and permissions are there: that is asked in the tenant's own
transaction, under the locks that keep it true. Migrations that may differ from tenant to tenant
(``replaying.py``) have no text in it and run for real.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from tenant_migrations.fleet.graph import MigrationKey
from tenant_migrations.fleet.ledger import LEDGER_TABLE
from tenant_migrations.fleet.likeness import Prints
from tenant_migrations.rollout.courses import Course
from tenant_migrations.rollout.registrations import Held

SETTLE = ("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED")
"""Django commits after each migration, which fires deferred constraints. Without that, changing a
table in which rows were just written fails with "pending trigger events"."""


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
    """Which content types and permissions were there before."""
    registrations: str = field(repr=False)
    """SQL that adds the new ones."""

    def fits(self, prints: Prints, held: Held) -> bool:
        """Whether a tenant is like the one that it was taken down in."""
        seen = {name: prints[name] for name in self.tables & prints.keys()}
        return (seen, held) == (self.prints, self.held)


@dataclass
class Transcript:
    """A script while it is taken down."""

    before: Prints = field(default_factory=dict)
    """How all tables of the schema looked before."""
    relations: dict[int, str] = field(default_factory=dict)
    """Tables, views and indexes of the schema before, by oid, each as its table."""
    altered: set[int] = field(default_factory=set)
    """Oids of what the statements altered."""
    asked_about: set[str] = field(default_factory=set)
    """Tables of which Django asked for the names of constraints, indexes or sequences."""
    statements: dict[MigrationKey, list[str]] = field(default_factory=dict)
    held: Held = (None, None)
    registrations: str = ""

    @contextmanager
    def of(self, key: MigrationKey, editor: Any) -> Iterator[None]:
        """Take down what a schema editor executes, and asks the catalog, meanwhile."""
        taken = self.statements.setdefault(key, [])
        execute, compose = editor.execute, editor.connection.ops.compose_sql
        introspection = editor.connection.introspection

        def listen(statement: Any, params: Any = ()) -> Any:
            text = str(statement) if params is None else compose(str(statement), params)
            taken.append(text)
            return execute(text, None)

        editor.execute = listen
        editor.connection.introspection = _Overheard(introspection, self.asked_about)
        try:
            yield
        finally:
            editor.connection.introspection = introspection
            del editor.execute

    def script(self, course: Course) -> Script:
        """What was taken down on a course."""
        altered = {self.relations[oid] for oid in self.altered & self.relations.keys()}
        # Every task locks the ledger, and no operation of Django's alters it.
        tables = frozenset(altered | self.asked_about) - {LEDGER_TABLE}
        return Script(
            {
                key: ";\n".join([*statements, recording(course.leg(key).rows), *SETTLE])
                for key, statements in self.statements.items()
            },
            course.closing,
            tables,
            {name: self.before[name] for name in tables & self.before.keys()},
            self.held,
            self.registrations,
        )


class _Overheard:
    """Introspection that notes the tables it is asked about."""

    def __init__(self, introspection: Any, tables: set[str]) -> None:
        self._introspection = introspection
        self._tables = tables

    def get_constraints(self, cursor: Any, table_name: str) -> Any:
        self._tables.add(table_name)
        return self._introspection.get_constraints(cursor, table_name)

    def get_sequences(self, cursor: Any, table_name: str, table_fields: Any = ()) -> Any:
        self._tables.add(table_name)
        return self._introspection.get_sequences(cursor, table_name, table_fields)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._introspection, name)


def recording(keys: Iterable[MigrationKey]) -> str:
    """The statement that writes ledger rows in this order."""
    rows = sql.SQL(", ").join(
        sql.SQL("({}, {}, now())").format(sql.Literal(app), sql.Literal(name)) for app, name in keys
    )
    statement = sql.SQL("INSERT INTO {} (app, name, applied) VALUES {}")
    return statement.format(sql.Identifier(LEDGER_TABLE), rows).as_string()
