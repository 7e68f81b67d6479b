"""The PostgreSQL server's own limits: connections and locks."""

from typing import Any

from tenant_migrations import conf
from tenant_migrations.database import reading
from tenant_migrations.fleet.server import LOCK_TABLE, SCHEMAS, locks_to_set
from tenant_migrations.health.asking import Asking
from tenant_migrations.health.report import Answer, healthy, unhealthy, warning

# Sessions of other roles show no backend_type to roles without pg_monitor, but their database.
CONNECTIONS = """
    SELECT current_setting('max_connections')::int,
           current_setting('superuser_reserved_connections')::int
         + coalesce(current_setting('reserved_connections', true)::int, 0),
           count(*) FILTER (WHERE backend_type = 'client backend'
                               OR backend_type IS NULL AND datid IS NOT NULL)
      FROM pg_stat_activity
"""


def connections(asking: Asking) -> Answer:
    """How many of the connections that ordinary roles may open are open, this check's included."""
    limit = conf.get().HEALTH_CONNECTIONS_PERCENT
    with asking.database(), reading() as raw:
        most, reserved, used = _row(raw.execute(CONNECTIONS))
    available = most - reserved
    percent = round(100 * used / available, 1)
    details = {"used": used, "available": available, "max_connections": most, "percent": percent}
    message = f"{used} of {available} in use ({percent:g}%)"
    if percent < limit:
        return healthy(message, **details)
    hint = (
        "see who holds them: SELECT usename, application_name, state, count(*) "
        "FROM pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC; "
        "close what idles, or raise max_connections"
    )
    return warning(message, hint, **details)


def locks(asking: Asking) -> Answer:
    """Whether the lock table holds a drop of the largest schema and a dump of the whole fleet."""
    with asking.database(), reading() as raw:
        per_transaction, transactions = _row(raw.execute(LOCK_TABLE))
        schemas = raw.execute(SCHEMAS).fetchall()
    room = per_transaction * transactions
    largest, _, to_drop, *_ = max(schemas, key=lambda row: row[2], default=("", 0, 0))
    to_dump = sum(row[1] for row in schemas)
    details = {
        "room": room,
        "max_locks_per_transaction": per_transaction,
        "largest_schema": largest,
        "drop_largest": to_drop,
        "dump_fleet": to_dump,
    }
    raise_to = locks_to_set(max(to_drop, to_dump), transactions)
    hint = f"ALTER SYSTEM SET max_locks_per_transaction = {raise_to}; then restart the server"
    if to_drop > room:
        message = f"room for {room}; dropping or copying {largest} takes {to_drop}"
        return unhealthy(message, hint, **details)
    if to_dump > room:
        message = f"room for {room}; a dump of the whole database takes {to_dump}"
        return warning(message, hint, **details)
    needed = max(to_drop, to_dump)
    return healthy(f"room for {room}; the largest dump or drop takes {needed}", **details)


def _row(cursor: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = cursor.fetchone()
    return row
