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

NAMES = "SELECT relname FROM pg_class WHERE relnamespace = %s AND relkind IN ('r','p','v','m','f')"

# Locks are kept until the transaction ends, and every use of a table takes one (PostgreSQL
# documentation, "Explicit Locking"): they tell which tables its statements were about.
TOUCHED = """
    SELECT DISTINCT coalesce(t.relname, c.relname)
      FROM pg_locks l
      JOIN pg_class c ON c.oid = l.relation AND c.relnamespace = %s
 LEFT JOIN pg_index x ON x.indexrelid = c.oid
 LEFT JOIN pg_class t ON t.oid = x.indrelid
     WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid()
"""

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


def read_all_prints(connection: psycopg.Connection[Any], namespace: int) -> Prints:
    """Of every table and view of a schema."""
    names = [name for (name,) in psycopg.Cursor(connection).execute(NAMES, (namespace,))]
    return read_prints(connection, namespace, names)


def read_touched(connection: psycopg.Connection[Any], namespace: int) -> set[str]:
    """Tables and views of a schema that the open transaction has used so far."""
    return {name for (name,) in psycopg.Cursor(connection).execute(TOUCHED, (namespace,))}
