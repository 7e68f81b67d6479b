"""Likeness of single tables: whether SQL that was made for one tenant's fits another's.

The facts are those of ``fingerprints.py``, for some tables of one schema instead of all schemas:
an index scan of each catalog, on a statement that the server has planned once per connection.
"""

from collections.abc import Sequence
from typing import Any

import psycopg

from tenant_migrations.fleet.fingerprints import SUMS, facts_for

# Tables and views by name, and the indexes on them, each counted for its table.
TABLES = """
    SELECT c.oid, c.relname, c.relkind, c.relpersistence, c.relam, c.reloptions, c.relnamespace,
           c.relname AS owner, c.relnamespace::regnamespace || '.' AS prefix
      FROM pg_class c
     WHERE c.relnamespace = %(namespace)s AND c.relname = ANY(%(names)s::name[])
       AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
 UNION ALL
    SELECT i.oid, i.relname, i.relkind, i.relpersistence, i.relam, i.reloptions, i.relnamespace,
           c.relname, c.relnamespace::regnamespace || '.'
      FROM pg_class c
      JOIN pg_index x ON x.indrelid = c.oid
      JOIN pg_class i ON i.oid = x.indexrelid
     WHERE c.relnamespace = %(namespace)s AND c.relname = ANY(%(names)s::name[])
       AND c.relkind IN ('r', 'p', 'm')
"""

# Tables and views, and indexes as the tables that they are on.
RELATIONS = """
    SELECT c.oid, coalesce(t.relname, c.relname)
      FROM pg_class c
 LEFT JOIN pg_index x ON x.indexrelid = c.oid
 LEFT JOIN pg_class t ON t.oid = x.indrelid
     WHERE c.relnamespace = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'i', 'I')
"""

# Locks are kept until the transaction ends, and every use of a table takes one (PostgreSQL
# documentation, "Explicit Locking"): they tell which tables its statements were about.
LOCKED = "SELECT relation FROM pg_locks WHERE locktype = 'relation' AND pid = pg_backend_pid()"

Prints = dict[str, tuple[int, int]]
"""By table, two independent sums of hashes; equal ones mean equal definitions."""


def read_prints(
    connection: psycopg.Connection[Any], namespace: int, tables: Sequence[str]
) -> Prints:
    """Of these tables of a schema; those that are not there are left out. One statement."""
    statement = (
        f"WITH rel AS MATERIALIZED ({TABLES}), facts AS ({facts_for(connection)}) "
        f"SELECT owner, {SUMS} FROM facts GROUP BY owner"
    )
    rows = psycopg.Cursor(connection).execute(
        statement, {"namespace": namespace, "names": list(tables)}, prepare=True
    )
    return {name: (int(first), int(second)) for name, first, second in rows}


def read_relations(connection: psycopg.Connection[Any], namespace: int) -> dict[int, str]:
    """By oid of each table, view and index of a schema, the table or view that it is about.

    Names change and tables go while a transaction works; what it was about before is told by oids.
    """
    return dict(psycopg.Cursor(connection).execute(RELATIONS, (namespace,)).fetchall())


def read_locked(connection: psycopg.Connection[Any]) -> set[int]:
    """Oids of the relations that the open transaction has used so far, of all schemas."""
    return {oid for (oid,) in psycopg.Cursor(connection).execute(LOCKED)}
