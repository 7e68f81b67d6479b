"""What belongs to one app of a tenant, and what ties it to the rest, as the catalog says."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from tenant_migrations.database import quote
from tenant_migrations.exceptions import Refused
from tenant_migrations.fleet.findings import named
from tenant_migrations.fleet.graph import Code, MigrationKey

TABLES = """
    SELECT c.oid, c.relname FROM pg_catalog.pg_class c
     WHERE c.relnamespace = %s AND c.relkind IN ('r', 'p') AND c.relname = ANY(%s)
"""

# Views of these tables, and views of those views.
VIEWS = """
WITH RECURSIVE found(oid) AS (
    SELECT r.ev_class FROM pg_catalog.pg_depend d
      JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
     WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       AND d.refobjid = ANY(%(tables)s)
 UNION
    SELECT r.ev_class FROM found
      JOIN pg_catalog.pg_depend d ON d.refobjid = found.oid
       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND r.ev_class <> found.oid
)
    SELECT c.oid, c.relname, c.relkind::text, c.relnamespace = %(namespace)s
      FROM found JOIN pg_catalog.pg_class c USING (oid)
     WHERE c.oid <> ALL(%(tables)s)
"""

# Functions of the schema that triggers, defaults and checks of these tables and views call; and
# whether anything else calls them too.
FUNCTIONS = """
    SELECT p.oid, p.oid::pg_catalog.regprocedure::text,
           EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t
                    WHERE t.tgfoid = p.oid AND t.tgrelid <> ALL(%(tables)s))
      FROM pg_catalog.pg_proc p
     WHERE p.pronamespace = %(namespace)s
       AND EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t
                    WHERE t.tgfoid = p.oid AND t.tgrelid = ANY(%(tables)s))
"""

# What tables and views depend on in their schema and what would not come along.
LEFT_BEHIND = """
WITH movable(classid, oid) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, unnest(%(moved)s::oid[])
 UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, oid
      FROM pg_catalog.pg_attrdef WHERE adrelid = ANY(%(moved)s)
 UNION ALL SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, oid
      FROM pg_catalog.pg_rewrite WHERE ev_class = ANY(%(moved)s)
 UNION ALL SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, oid
      FROM pg_catalog.pg_trigger WHERE tgrelid = ANY(%(moved)s) AND NOT tgisinternal
 UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid
      FROM pg_catalog.pg_constraint WHERE conrelid = ANY(%(moved)s) AND contype <> 'f'
)
    SELECT DISTINCT pg_catalog.pg_describe_object(d.refclassid, d.refobjid, 0)
      FROM movable m
      JOIN pg_catalog.pg_depend d ON d.classid = m.classid AND d.objid = m.oid
 LEFT JOIN pg_catalog.pg_class c ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                AND c.oid = d.refobjid
 LEFT JOIN pg_catalog.pg_proc p ON d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                               AND p.oid = d.refobjid
 LEFT JOIN pg_catalog.pg_type t ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
                               AND t.oid = d.refobjid
     WHERE coalesce(c.relnamespace, p.pronamespace, t.typnamespace) = %(namespace)s
       AND NOT (c.oid IS NOT NULL AND c.oid = ANY(%(moved)s))
       AND NOT (c.oid IS NOT NULL AND c.relkind = 'S' AND EXISTS (
                SELECT 1 FROM pg_catalog.pg_depend o
                 WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND o.objid = c.oid
                   AND o.refobjid = ANY(%(moved)s) AND o.deptype IN ('a', 'i')))
       AND NOT (p.oid IS NOT NULL AND p.oid = ANY(%(functions)s))
       AND NOT (t.oid IS NOT NULL AND t.typrelid = ANY(%(moved)s))
  ORDER BY 1
"""

# Foreign keys between these tables and other tables of the schema: with the search path on the
# schema alone its names are printed bare, and mean the same in any schema.
KEYS = """
    SELECT k.conname, c.relname, t.relname, pg_catalog.pg_get_constraintdef(k.oid),
           ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.n
                  ORDER BY u.i),
           ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = u.n
                  ORDER BY u.i)
      FROM pg_catalog.pg_constraint k
      JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
      JOIN pg_catalog.pg_class t ON t.oid = k.confrelid
     WHERE k.contype = 'f' AND k.conparentid = 0
       AND c.relnamespace = %(namespace)s AND t.relnamespace = %(namespace)s
       AND (c.oid = ANY(%(tables)s)) <> (t.oid = ANY(%(tables)s))
  ORDER BY c.relname, k.conname
"""


@dataclass(frozen=True, slots=True)
class Key:
    """A foreign key that crosses the border of the app."""

    name: str
    table: str
    target: str
    definition: str
    columns: list[str]
    target_columns: list[str]


@dataclass(frozen=True)
class Belongings:
    """What moves with an app, within one schema."""

    tables: dict[str, int]
    """Oid by name."""
    views: list[tuple[str, str]]
    """``VIEW`` or ``MATERIALIZED VIEW``, and name."""
    functions: list[str]
    """Name with arguments, as the search path has it."""
    keys: list[Key]


def tables_of(code: Code, recorded: Collection[MigrationKey], app: str) -> set[str]:
    """Names of the tables that an app has, by the migrations that a ledger records."""
    loader = code.loader_for(recorded)
    nodes = [key for key in loader.graph.nodes if key in loader.applied_migrations]
    state = loader.graph.make_state(nodes=nodes, at_end=True, real_apps=loader.unmigrated_apps)
    return {
        model._meta.db_table
        for model in state.apps.get_models(include_auto_created=True)
        if model._meta.app_label == app and model._meta.managed and not model._meta.proxy
    }


def read_belongings(
    connection: "psycopg.Connection[Any]", schema: str, tables: Iterable[str]
) -> Belongings:
    """What of an app is in a schema.

    Raises ``Refused`` where it shares more with the rest than foreign keys: such an app can't be
    restored by itself.
    """
    connection.execute("SELECT set_config('search_path', %s, true)", (quote(schema),))
    namespace = connection.execute("SELECT %s::regnamespace::oid", (quote(schema),)).fetchone()
    values: dict[str, Any] = {"namespace": namespace and namespace[0]}
    rows = connection.execute(TABLES, (values["namespace"], sorted(tables))).fetchall()
    found = {name: oid for oid, name in rows}
    values["tables"] = [*found.values()]
    views = connection.execute(VIEWS, values).fetchall()
    if outside := [name for _, name, _, inside in views if not inside]:
        raise Refused(f"view {named(outside)} of another schema rests on it: drop it first")
    values["moved"] = [*found.values(), *(oid for oid, *_ in views)]
    functions = connection.execute(FUNCTIONS, values).fetchall()
    if shared := [name for _, name, is_shared in functions if is_shared]:
        raise Refused(f"it shares the function {named(shared)} with others: restore the tenant")
    values["functions"] = [oid for oid, *_ in functions]
    if left := [text for (text,) in connection.execute(LEFT_BEHIND, values)]:
        raise Refused(f"it rests on {named(left)}, which others share: restore the tenant")
    return Belongings(
        found,
        [("MATERIALIZED VIEW" if kind == "m" else "VIEW", name) for _, name, kind, _ in views],
        [name for _, name, _ in functions],
        [Key(*row) for row in connection.execute(KEYS, values)],
    )


def move(
    connection: "psycopg.Connection[Any]", belongings: Belongings, schema: str, target: str
) -> None:
    """Move an app's tables, views and functions to another schema, with all that is theirs."""
    connection.execute("SELECT set_config('search_path', %s, true)", (quote(schema),))
    for kind, name in (*(("TABLE", name) for name in belongings.tables), *belongings.views):
        connection.execute(
            f"ALTER {kind} {quote(schema)}.{quote(name)} SET SCHEMA {quote(target)}".encode()
        )
    for name in belongings.functions:
        connection.execute(f"ALTER FUNCTION {name} SET SCHEMA {quote(target)}".encode())


def dangling(connection: "psycopg.Connection[Any]", key: Key, source: str, target: str) -> int:
    """How many rows of a key's table in one schema point to rows that the other one lacks."""
    there = connection.execute(
        "SELECT pg_catalog.to_regclass(%s)", (f"{quote(target)}.{quote(key.target)}",)
    ).fetchone()
    rows = f"{quote(source)}.{quote(key.table)} AS r"
    filled = " AND ".join(f"r.{quote(column)} IS NOT NULL" for column in key.columns)
    if there is None or there[0] is None:
        statement = f"SELECT count(*) FROM {rows} WHERE {filled}"
    else:
        same = " AND ".join(
            f"t.{quote(theirs)} = r.{quote(ours)}"
            for ours, theirs in zip(key.columns, key.target_columns, strict=True)
        )
        statement = (
            f"SELECT count(*) FROM {rows} WHERE {filled} AND NOT EXISTS"
            f" (SELECT 1 FROM {quote(target)}.{quote(key.target)} AS t WHERE {same})"
        )
    row = connection.execute(statement.encode()).fetchone()
    return int(row[0]) if row else 0
