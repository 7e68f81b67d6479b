"""Rows of content types and permissions that ``post_migrate`` adds, as data.

Django makes them from the models, in 60 ms a tenant. Tenants that hold the same ones beforehand
get the same new ones in the same order: read in one after Django made them, written in the others
by one statement.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import sql

from tenant_migrations.database import quote
from tenant_migrations.fleet.ledger import LEDGER_TABLE
from tenant_migrations.fleet.permissions import PERMISSIONS_TABLE, TYPES_TABLE, Registry

Held = tuple[int | None, ...]
"""Sums of hashes over the rows of a schema's ledger and, where they are there, of the two tables;
``None`` for one without rows."""

TABLES = (TYPES_TABLE, PERMISSIONS_TABLE)

LEDGER_HELD = "(SELECT sum(hash_record_extended(ROW(app, name), 0)) FROM {ledger})"
TYPES_HELD = "(SELECT sum(hash_record_extended(ROW(app_label, model), 0)) FROM {types})"
PERMISSIONS_HELD = "(SELECT sum(hashtextextended(codename, 0)) FROM {permissions})"

LAST = "SELECT coalesce(max(id), 0) FROM {table}"
NEW_TYPES = "SELECT app_label, model FROM {types} WHERE id > %s ORDER BY id"
NEW_PERMISSIONS = """
    SELECT t.app_label, t.model, p.codename, p.name
      FROM {permissions} p JOIN {types} t ON t.id = p.content_type_id
     WHERE p.id > %s
  ORDER BY p.id
"""

ADD_TYPES = """
    INSERT INTO django_content_type (app_label, model)
    SELECT app_label, model
      FROM (VALUES {rows}) AS added (position, app_label, model)
  ORDER BY position
        ON CONFLICT DO NOTHING
"""
ADD_PERMISSIONS = """
    INSERT INTO auth_permission (name, content_type_id, codename)
    SELECT added.name, t.id, added.codename
      FROM (VALUES {rows}) AS added (position, app_label, model, codename, name)
      JOIN django_content_type t USING (app_label, model)
  ORDER BY position
        ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Registrations:
    """The two tables of one schema, as far as tenants of its kind have them."""

    schema_name: str
    registry: Registry

    def are_there(self, cursor: Any) -> bool:
        """Whether the tables that tenants of this kind have are there by now."""
        wanted = [self.registry.has_content_types, self.registry.has_permissions]
        names = [f"{quote(self.schema_name)}.{name}" for name in TABLES]
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL, to_regclass(%s) IS NOT NULL", names)
        return all(there or not want for want, there in zip(wanted, cursor.fetchone(), strict=True))

    def question(self, *, of_all: bool = True) -> str:
        """One statement that reads what is held: in all tables, or in the ledger alone."""
        return self._text(f"SELECT {', '.join(self._sums(of_all))}")

    def is_held(self, held: Held) -> str:
        """An SQL expression: whether that is held. What was not read in all tables never is."""
        sums = self._sums(of_all=True)
        if len(held) != len(sums):
            return "false"
        known = ("NULL" if number is None else str(number) for number in held)
        compared = (
            f"{now} IS NOT DISTINCT FROM {was}" for now, was in zip(sums, known, strict=True)
        )
        return self._text(" AND ".join(compared))

    def _sums(self, of_all: bool) -> list[str]:
        parts = [LEDGER_HELD]
        if of_all and self.registry.has_content_types:
            parts.append(TYPES_HELD)
            parts += [PERMISSIONS_HELD] if self.registry.has_permissions else []
        return parts

    def held(self, cursor: Any) -> Held:
        """What is there."""
        of_all = self.registry.has_content_types and self.are_there(cursor)
        cursor.execute(self.question(of_all=of_all))
        return tuple(cursor.fetchone())

    def last(self, cursor: Any) -> tuple[int, int]:
        """The highest ids."""
        return (
            self._last(cursor, "types", self.registry.has_content_types),
            self._last(cursor, "permissions", self.registry.has_permissions),
        )

    def added_since(self, cursor: Any, last: tuple[int, int]) -> str:
        """Statements that add to another schema what was added here after these ids."""
        statements = []
        if self.registry.has_content_types:
            cursor.execute(self._text(NEW_TYPES), [last[0]])
            statements += _insert(ADD_TYPES, cursor.fetchall())
        if self.registry.has_permissions:
            cursor.execute(self._text(NEW_PERMISSIONS), [last[1]])
            statements += _insert(ADD_PERMISSIONS, cursor.fetchall())
        return ";\n".join(statements)

    def _last(self, cursor: Any, table: str, there: bool) -> int:
        if not there:
            return 0
        cursor.execute(self._text(LAST.replace("table", table)))
        return int(cursor.fetchone()[0])

    def _text(self, statement: str) -> str:
        schema = quote(self.schema_name)
        return statement.format(
            ledger=f"{schema}.{LEDGER_TABLE}",
            types=f"{schema}.{TABLES[0]}",
            permissions=f"{schema}.{TABLES[1]}",
        )


def _insert(statement: str, rows: list[tuple[str, ...]]) -> list[str]:
    """The statement with rows as values, each numbered; none where there is no row."""
    if not rows:
        return []
    numbered = (sql.SQL(", ").join(map(sql.Literal, (n, *row))) for n, row in enumerate(rows))
    values = sql.SQL(", ").join(sql.SQL("({})").format(row) for row in numbered)
    return [sql.SQL(statement).format(rows=values).as_string()]
