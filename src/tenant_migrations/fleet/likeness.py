"""Likeness of single tables: whether SQL that was made for one tenant's fits another's.

The facts are those of ``fingerprints.py``, for some tables of one schema instead of all schemas:
an index scan of each catalog. Planning that takes the server longer than doing it, so that it is
planned once per connection: prepared by name, with a generic plan. A prepared statement is planned
anew where the search path is another one than before (PostgreSQL documentation, "PREPARE"), and
each tenant has its own: it runs under ``pg_catalog`` alone.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from tenant_migrations.database import quote
from tenant_migrations.fleet.fingerprints import SUMS, facts_for

# Tables and views by name, and the indexes on them, each counted for its table.
TABLES = """
    SELECT c.oid, c.relname, c.relkind, c.relpersistence, c.relam, c.reloptions, c.relnamespace,
           c.relname AS owner, c.relnamespace::regnamespace || '.' AS prefix
      FROM pg_class c
     WHERE c.relnamespace = $1 AND c.relname = ANY($2)
       AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
 UNION ALL
    SELECT i.oid, i.relname, i.relkind, i.relpersistence, i.relam, i.reloptions, i.relnamespace,
           c.relname, c.relnamespace::regnamespace || '.'
      FROM pg_class c
      JOIN pg_index x ON x.indrelid = c.oid
      JOIN pg_class i ON i.oid = x.indexrelid
     WHERE c.relnamespace = $1 AND c.relname = ANY($2)
       AND c.relkind IN ('r', 'p', 'm')
"""

RELATIONS = """
    SELECT c.oid, c.relname
      FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
     WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = %s::regnamespace
       AND d.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

NAME = "tenant_migrations_likeness"
STANDING = """
    SELECT current_setting('search_path'),
           EXISTS (SELECT FROM pg_prepared_statements WHERE name = %s)
"""
READ = f"""
    SET LOCAL search_path = pg_catalog;
    SET LOCAL plan_cache_mode = force_generic_plan;
    EXECUTE {NAME} (%s::regnamespace, %s);
    SET LOCAL plan_cache_mode TO DEFAULT;
    SELECT set_config('search_path', %s, true)
"""

Prints = dict[str, tuple[int, int]]
"""By table, two independent sums of hashes; equal ones mean equal definitions."""


def read_prints(
    connection: psycopg.Connection[Any], schema_name: str, tables: Sequence[str]
) -> Prints:
    """Of these tables of a schema; those that are not there are left out.

    Within a transaction, whose search path is afterwards what it was.
    """
    cursor = psycopg.ClientCursor(connection)
    cursor.execute(STANDING, (NAME,))
    search_path, is_prepared = cursor.fetchone() or ("", False)
    if not is_prepared:
        cursor.execute(_prepare(connection))
    cursor.execute(READ, (quote(schema_name), list(tables), search_path))
    cursor.nextset()
    cursor.nextset()
    return {name: (int(first), int(second)) for name, first, second in cursor.fetchall()}


def _prepare(connection: psycopg.Connection[Any]) -> sql.SQL:
    return sql.SQL(
        f"PREPARE {NAME} (oid, name[]) AS "
        f"WITH rel AS MATERIALIZED ({TABLES}), facts AS ({facts_for(connection)}) "
        f"SELECT owner, {SUMS} FROM facts GROUP BY owner"
    )


def read_relations(connection: psycopg.Connection[Any], schema_name: str) -> dict[int, str]:
    """Names of a schema's tables and views by oid, which stays where a name changes."""
    cursor = psycopg.ClientCursor(connection)
    return dict(cursor.execute(RELATIONS, (quote(schema_name),)).fetchall())
