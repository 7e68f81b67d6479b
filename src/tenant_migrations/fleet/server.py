"""The server: what PostgreSQL says of itself, of its limits and of those who use it. Reads only."""

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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

LARGE = 1000
"""Pages (8 MB) of a table that is not small beside the least that has to be free on a disk."""

LOCK_TABLE = """
    SELECT current_setting('max_locks_per_transaction')::int,
           current_setting('max_connections')::int
         + current_setting('max_prepared_transactions')::int
"""

# What a dump locks (tables, views, sequences), and what DROP SCHEMA locks: these, their indexes,
# and the TOAST table of each with its index. Nothing that is done to a schema locks more. With
# them the pages of all tables, as of their last VACUUM or ANALYZE, and the largest one, if it is
# worth mention. Names come last, so that each is looked up once.
SCHEMAS = f"""
    SELECT n.nspname, c.dumped, c.dropped, c.pages, c.largest
      FROM (SELECT relnamespace,
                   count(*) FILTER (WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')) AS dumped,
                   count(*) + 2 * count(*) FILTER (WHERE reltoastrelid <> 0) AS dropped,
                   sum(relpages) FILTER (WHERE relkind IN ('r', 'm')) AS pages,
                   max(lpad(relpages::text, 10, '0') || relname COLLATE "C")
                       FILTER (WHERE relkind IN ('r', 'm') AND relpages > {LARGE}) AS largest
              FROM pg_class
          GROUP BY relnamespace) c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
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
    largest_table: str = ""
    """Empty where all are small."""
    largest: int = 0
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
    pages: Mapping[str, int] = field(default_factory=dict)
    """Of all tables of each schema, as of their last VACUUM or ANALYZE."""
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


def read_server(*, schemas: bool = True) -> Server:
    """The facts, by three statements; without those of schemas, which take the longest, by two.

    Raises ``DatabaseUnavailable`` where they can't be read.
    """
    try:
        with reading() as raw:
            limits = _row(raw.execute(LIMITS, (_own_backends(raw),)))
            found = raw.execute(SCHEMAS).fetchall() if schemas else []
            catalogs = tuple(Catalog(*row) for row in raw.execute(CATALOG))
            disk = _disk(raw, limits[7], found)
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"the server could not be asked: {one_line(error)}") from error
    largest, _, locks, *_ = max(found, key=lambda row: row[2], default=("", 0, 0))
    *numbers, _, dumps = limits
    return replace(
        Server(*numbers),
        largest_schema=largest,
        locks_of_largest=locks,
        pages={name: int(pages or 0) for name, _, _, pages, _ in found},
        catalogs=catalogs,
        dumps=tuple(dumps or ()),
        disk=disk,
    )


def _own_backends(raw: "psycopg.Connection[Any]") -> list[int]:
    """Connections of this process that it will go on using, and the one that asks."""
    own = tenant_connection().connection
    return [raw.info.backend_pid, *([own.info.backend_pid] if own and not own.closed else [])]


def _disk(
    raw: "psycopg.Connection[Any]", folder: str | None, schemas: Sequence[tuple[Any, ...]]
) -> Disk | None:
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
    large = [(largest, schema) for schema, *_, largest in schemas if largest]
    if not large:
        return Disk(free)
    largest, schema = max(large)
    block = int(_row(raw.execute("SHOW block_size"))[0])
    return Disk(free, f"{schema}.{largest[10:]}", int(largest[:10]) * block)


def _row(cursor: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = cursor.fetchone()
    return row
