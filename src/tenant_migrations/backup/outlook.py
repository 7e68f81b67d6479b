"""Before a rollback: what would be lost, what stands in its way, whose backup it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tenant_migrations.backup import facts
from tenant_migrations.backup.damage import Foreign
from tenant_migrations.backup.manifest import SchemaFacts
from tenant_migrations.backup.opening import Opened
from tenant_migrations.database import quote, reading
from tenant_migrations.exceptions import Refused, WrongUse
from tenant_migrations.fleet.findings import named
from tenant_migrations.fleet.graph import Code, MigrationKey, label
from tenant_migrations.fleet.ledger import LEDGER_TABLE

# The one column that numbers a table's rows, by the sequence that belongs to it.
TABLES = """
    SELECT c.relname, a.attname, s.relname
      FROM pg_class c
 LEFT JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
                      AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
                      AND d.refobjsubid > 0
                      AND EXISTS (SELECT 1 FROM pg_class x
                                   WHERE x.oid = d.objid AND x.relkind = 'S')
 LEFT JOIN pg_class s ON s.oid = d.objid
 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
     WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r'
  ORDER BY c.relname, a.attnum
"""

# What would break, or be left pointing to nothing, where a schema is replaced: foreign keys of
# other schemas to its tables, and views, functions and defaults of others that use anything of it.
OUTSIDE = """
WITH own AS MATERIALIZED (
    SELECT 'pg_class'::regclass AS classid, oid FROM pg_class WHERE relnamespace = %(ns)s
     UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typnamespace = %(ns)s
     UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace = %(ns)s
), deps AS MATERIALIZED (
    SELECT d.classid, d.objid FROM pg_depend d JOIN own
        ON own.classid = d.refclassid AND own.oid = d.refobjid
     WHERE d.deptype IN ('n', 'a')
)
    SELECT DISTINCT format('foreign key %%s of %%s', k.conname, k.conrelid::regclass)
      FROM deps JOIN pg_constraint k ON deps.classid = 'pg_constraint'::regclass
                                    AND k.oid = deps.objid
      JOIN pg_class c ON c.oid = k.conrelid
     WHERE c.relnamespace <> %(ns)s
 UNION
    SELECT format('view %%s', c.oid::regclass)
      FROM deps JOIN pg_rewrite r ON deps.classid = 'pg_rewrite'::regclass AND r.oid = deps.objid
      JOIN pg_class c ON c.oid = r.ev_class
     WHERE c.relnamespace <> %(ns)s
 UNION
    SELECT format('table %%s', c.oid::regclass)
      FROM deps JOIN pg_class c ON deps.classid = 'pg_class'::regclass AND c.oid = deps.objid
     WHERE c.relnamespace <> %(ns)s AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
 UNION
    SELECT format('function %%s', p.oid::regprocedure)
      FROM deps JOIN pg_proc p ON deps.classid = 'pg_proc'::regclass AND p.oid = deps.objid
     WHERE p.pronamespace <> %(ns)s
 UNION
    SELECT format('trigger %%s of %%s', t.tgname, t.tgrelid::regclass)
      FROM deps JOIN pg_trigger t ON deps.classid = 'pg_trigger'::regclass AND t.oid = deps.objid
      JOIN pg_class c ON c.oid = t.tgrelid
     WHERE c.relnamespace <> %(ns)s AND NOT t.tgisinternal
 UNION
    SELECT format('default of a column of %%s', a.adrelid::regclass)
      FROM deps JOIN pg_attrdef a ON deps.classid = 'pg_attrdef'::regclass AND a.oid = deps.objid
      JOIN pg_class c ON c.oid = a.adrelid
     WHERE c.relnamespace <> %(ns)s
  ORDER BY 1
"""


@dataclass(frozen=True)
class Loss:
    """What replacing one schema would cost."""

    schema: str
    exists: bool
    live_rows: int
    backup_rows: int
    newer: Mapping[str, int] = field(default_factory=dict)
    """Rows by table that were added after the backup, as far as their numbers tell."""
    outside: Sequence[str] = ()
    """What in other schemas rests on it."""
    behind: Sequence[MigrationKey] = ()
    """Migrations of the code that the backup does not have."""

    @property
    def newer_rows(self) -> int:
        return sum(self.newer.values())


def refuse_unfit(connection: "psycopg.Connection[Any]", opened: Opened, *, trusted: bool) -> None:
    """Raise ``Foreign`` for a backup of another installation or database, unless it is trusted, and
    ``Refused`` for one of a newer server."""
    source = opened.manifest.source
    here = facts.read_source(connection)
    if source.server_version // 10_000 > here.server_version // 10_000:
        raise Refused(
            f"{opened.path} is of PostgreSQL {source.server_version // 10_000}, newer than this "
            f"server ({here.server_version // 10_000}): restore it on such a server"
        )
    reasons = []
    if not opened.is_ours:
        reasons.append("it was not signed with this installation's SECRET_KEY")
    if source.database != here.database:
        reasons.append(f"it is of the database {source.database!r}, this is {here.database!r}")
    known = source.system_identifier and here.system_identifier
    if known and source.system_identifier != here.system_identifier:
        reasons.append("it is of another server")
    if reasons and not trusted:
        raise Foreign(
            f"{opened.path} comes from elsewhere ({'; '.join(reasons)}), and restoring it runs its "
            "SQL with this project's rights: where you know who made it, add --trust-foreign"
        )


def refuse_missing_roles(opened: Opened) -> None:
    """Raise ``Refused`` where owners or grantees of the backup are not on this server."""
    with reading() as connection:
        there = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
    if absent := [role for role in opened.manifest.roles if role not in there]:
        raise Refused(
            f"the server lacks {named(absent)}, who own something of the backup: CREATE ROLE first"
        )


def refuse_older_code(opened: Opened, schema: str, code: Code) -> tuple[MigrationKey, ...]:
    """What the code has beyond the backup's ledger.

    Raises ``Refused`` where the backup has migrations that the code lacks.
    """
    recorded = opened.manifest.ledger_of(schema)
    standing = code.standing(recorded)
    if standing.unknown:
        raise Refused(
            f"{schema} was backed up with newer code, which has "
            f"{named([*map(label, standing.unknown)])}: deploy that code "
            f"({opened.manifest.code_revision}) first"
        )
    return standing.pending


def facts_of(opened: Opened, schema: str) -> SchemaFacts:
    """What the backup says of a schema. Raises ``WrongUse`` where it does not hold it."""
    if schema not in opened.manifest.schemas:
        held = named(opened.manifest.tenants)
        raise WrongUse(f"{schema!r} is not in {opened.path}, which holds {held or 'no tenant'}")
    return opened.manifest.schemas[schema]


def loss_of(opened: Opened, schema: str, behind: Sequence[MigrationKey] = ()) -> Loss:
    """What replacing a schema by the backup's would cost. Reads a few statements."""
    fact = facts_of(opened, schema)
    with reading() as connection:
        found = facts.read_schemas(connection).get(schema)
        if found is None:
            return Loss(schema, False, 0, fact.total_rows, behind=behind)
        counts, newer = _count(connection, schema, fact)
        rests = outside_of(connection, schema)
    return Loss(schema, True, sum(counts.values()), fact.total_rows, newer, rests, behind)


def outside_of(connection: "psycopg.Connection[Any]", schema: str) -> list[str]:
    """What in other schemas rests on this one."""
    row = connection.execute(
        "SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,)
    ).fetchone()
    if row is None:
        return []
    return [text for (text,) in connection.execute(OUTSIDE, {"ns": row[0]})]


def refuse_outside(loss: Loss) -> None:
    """Raise ``Refused`` where something outside rests on what would be replaced."""
    if loss.outside:
        raise Refused(
            f"{named([*loss.outside])} would be left without what it rests on in {loss.schema}: "
            "drop it first, and make it again afterwards"
        )


def _count(
    connection: "psycopg.Connection[Any]", schema: str, fact: SchemaFacts
) -> tuple[dict[str, int], dict[str, int]]:
    """Rows of each table, and of those how many are newer than the backup."""
    numbered: dict[str, tuple[str, str] | None] = {}
    for table, column, sequence in connection.execute(TABLES, (quote(schema),)):
        numbered.setdefault(table, (column, sequence) if column else None)
    if not numbered:
        return {}, {}
    tables = [*numbered]
    selects = []
    for position, table in enumerate(tables):
        by = numbered[table]
        known = table in fact.rows
        if by and known:
            newer = f"count(*) FILTER (WHERE {quote(by[0])} > {fact.last_values.get(by[1], 0)})"
        else:
            newer = f"greatest(count(*) - {fact.rows.get(table, 0)}, 0)"
        selects.append(f"SELECT {position}, count(*), {newer} FROM {quote(schema)}.{quote(table)}")
    rows = connection.execute(" UNION ALL ".join(selects).encode()).fetchall()
    counts = {tables[position]: count for position, count, _ in rows}
    newer_rows = {
        tables[position]: newer
        for position, _, newer in rows
        if newer and tables[position] != LEDGER_TABLE
    }
    return counts, newer_rows
