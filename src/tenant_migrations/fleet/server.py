"""The server: what PostgreSQL says of itself, of its limits and of those who use it. Reads only."""

import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from tenant_migrations.database import one_line, reading, tenant_connection
from tenant_migrations.exceptions import DatabaseUnavailable

# Sessions of other roles show no backend_type to roles without pg_monitor, but their database.
# Limits of role and database do not bind superusers, who may also take what is reserved.
LIMITS = """
    SELECT pg_is_in_recovery(),
           (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only'),
           current_setting('max_connections')::int,
           least(
               current_setting('max_connections')::int - count(a.pid)
               - CASE WHEN r.rolsuper THEN 0
                      ELSE current_setting('superuser_reserved_connections')::int
                         + coalesce(current_setting('reserved_connections', true)::int, 0) END,
               CASE WHEN NOT r.rolsuper AND r.rolconnlimit >= 0
                    THEN r.rolconnlimit - count(a.pid) FILTER (WHERE a.usesysid = r.oid) END,
               CASE WHEN NOT r.rolsuper AND d.datconnlimit >= 0
                    THEN d.datconnlimit - count(a.pid) FILTER (WHERE a.datid = d.oid) END
           ),
           current_setting('max_locks_per_transaction')::int,
           current_setting('max_connections')::int
         + current_setting('max_prepared_transactions')::int,
           (SELECT count(*) FROM pg_locks),
           (SELECT setting FROM pg_settings WHERE name = 'data_directory'),
           array_agg(a.pid) FILTER (
               WHERE a.application_name = 'pg_dump' AND a.datid = d.oid)
      FROM pg_roles r
      JOIN pg_database d ON d.datname = current_database()
 LEFT JOIN pg_stat_activity a
        ON a.pid <> ALL(%s)
       AND (a.backend_type = 'client backend' OR a.backend_type IS NULL AND a.datid IS NOT NULL)
     WHERE r.rolname = session_user
  GROUP BY r.oid, r.rolsuper, r.rolconnlimit, d.oid, d.datconnlimit
"""

LOCK_TABLE = """
    SELECT current_setting('max_locks_per_transaction')::int,
           current_setting('max_connections')::int
         + current_setting('max_prepared_transactions')::int
"""

# What a dump locks (tables, views, sequences), and what DROP SCHEMA locks: these, their indexes,
# and the TOAST table of each with its index. Nothing that is done to a schema locks more.
LOCKS_NEEDED = """
    SELECT n.nspname,
           count(*) FILTER (WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')) AS dumped,
           count(*) + 2 * count(*) FILTER (WHERE c.reltoastrelid <> 0) AS dropped
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  GROUP BY n.nspname
"""

LARGEST_TABLE = """
    SELECT n.nspname, c.relname, c.relpages::bigint * current_setting('block_size')::int
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm')
  ORDER BY c.relpages DESC
     LIMIT 1
"""

CATALOG = """
    SELECT c.relname, c.relpages,
           pg_relation_size(c.oid) / current_setting('block_size')::int,
           EXISTS (SELECT FROM pg_stats s
                    WHERE s.schemaname = 'pg_catalog' AND s.tablename = c.relname)
      FROM pg_class c
     WHERE c.oid IN ('pg_class'::regclass, 'pg_attribute'::regclass)
  ORDER BY c.relname
"""

LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Catalog:
    """One table of the system catalog."""

    name: str
    pages_then: int
    """Its size when it was last analysed or vacuumed."""
    pages: int
    analysed: bool


@dataclass(frozen=True)
class Disk:
    """The file system that the database's files are on; sizes in bytes."""

    free: int
    largest_table: str
    largest: int
    """What rewriting the largest table of the database takes once more."""


@dataclass(frozen=True)
class Server:
    """What a run may meet with."""

    standby: bool = False
    read_only: bool = False
    """Whether transactions of this role in this database are read-only unless they ask."""
    max_connections: int = 100
    free_connections: int = 100
    """How many this process may have open, those that it has included."""
    locks_per_transaction: int = 64
    transactions: int = 100
    """How many transactions the lock table was made for."""
    locks_taken: int = 0
    largest_schema: str = ""
    locks_of_largest: int = 0
    """How many locks a transaction takes that changes everything in the largest schema."""
    catalogs: tuple[Catalog, ...] = ()
    dumps: tuple[int, ...] = ()
    """Backends of ``pg_dump`` in this database."""
    disk: Disk | None = None
    """``None`` where the server is elsewhere, or its folder can't be seen."""

    @property
    def lock_room(self) -> int:
        """How many locks all transactions together can hold, at least."""
        return self.locks_per_transaction * self.transactions


def locks_to_set(needed: int, transactions: int) -> int:
    """A ``max_locks_per_transaction`` with room for so many locks at once."""
    return 64 * math.ceil(1.25 * needed / transactions / 64)


def read_server() -> Server:
    """The facts, by four statements. Raises ``DatabaseUnavailable`` where they can't be read."""
    try:
        with reading() as raw:
            limits = _row(raw.execute(LIMITS, (_own_backends(raw),)))
            schemas = raw.execute(LOCKS_NEEDED).fetchall()
            catalogs = tuple(Catalog(*row) for row in raw.execute(CATALOG))
            disk = _disk(raw, limits[7])
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"the server could not be asked: {one_line(error)}") from error
    largest, _, locks = max(schemas, key=lambda row: row[2], default=("", 0, 0))
    *numbers, _, dumps = limits
    return replace(
        Server(*numbers),
        largest_schema=largest,
        locks_of_largest=locks,
        catalogs=catalogs,
        dumps=tuple(dumps or ()),
        disk=disk,
    )


def _own_backends(raw: "psycopg.Connection[Any]") -> list[int]:
    """Connections of this process that it will go on using, and the one that asks."""
    own = tenant_connection().connection
    return [raw.info.backend_pid, *([own.info.backend_pid] if own and not own.closed else [])]


def _disk(raw: "psycopg.Connection[Any]", folder: str | None) -> Disk | None:
    """The disk of a local server; only some roles are told its folder."""
    host = raw.info.host
    if not folder or not (host.startswith("/") or host in LOCAL_HOSTS):
        return None
    try:
        if not Path(folder).is_dir():
            return None
        free = shutil.disk_usage(folder).free
    except OSError:
        return None
    schema, table, size = _row(raw.execute(LARGEST_TABLE))
    return Disk(free, f"{schema}.{table}", size)


def _row(cursor: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = cursor.fetchone()
    return row
