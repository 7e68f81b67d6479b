"""The benchmarks' own PostgreSQL: the embedded server with its data in ``var/bench``."""

import os
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from zumodra.embedded_postgres import EmbeddedPostgres
from zumodra.embedded_postgres.launcher import NAME
from zumodra.embedded_postgres.placement import PORT

CHECKOUT = Path(__file__).resolve().parent.parent
BENCH_DIR = CHECKOUT / "var" / "bench"
SETTINGS = {
    # A server for hundreds of tenants keeps their catalogs in memory: 470 MB for 500 of them.
    "shared_buffers": "2GB",
    # One dump of 1,000 tenants locks each of their tables, views and sequences.
    "max_locks_per_transaction": "2048",
}

BACKENDS_END_SECONDS = 5
OTHER_BACKENDS = """
    SELECT count(*)
      FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


class Server:
    """A server for nothing else, as durable as PostgreSQL is unless told otherwise."""

    def __init__(self) -> None:
        self._server = EmbeddedPostgres(BENCH_DIR / "postgres", settings=SETTINGS, timeout=300)

    def start(self) -> None:
        """Raises ``EmbeddedPostgresError`` where it can't be started."""
        self._server.ensure_running()

    def cpu_seconds(self) -> float | None:
        """CPU time of all backends that have ended so far; ``None`` where /proc is not there.

        Waits a moment for those to end whose clients are gone.
        """
        process = Path(f"/proc/{self._server.status().pid}")
        try:
            self._await_backends()
            stat = (process / "stat").read_text()
        except OSError:
            return None
        user, system = stat.rpartition(")")[2].split()[13:15]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _await_backends(self) -> None:
        deadline = time.monotonic() + BACKENDS_END_SECONDS
        with self.connect() as connection:
            while connection.execute(OTHER_BACKENDS).fetchone() != (0,):
                if time.monotonic() > deadline:
                    return
                time.sleep(0.02)
        # That they have left the list is a little earlier than that they have ended.
        time.sleep(0.1)

    def largest_backend(self) -> float:
        """Megabytes of private memory that the largest process has; 0 if unknown."""
        pid = self._server.status().pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        try:
            return max(map(_private_megabytes, children.read_text().split()), default=0.0)
        except OSError:
            return 0.0

    def stop(self) -> None:
        self._server.stop()

    def remove(self) -> None:
        """Delete the server with every fleet in it."""
        self._server.remove()

    @property
    def settings(self) -> dict[str, str]:
        return self._server.settings

    def program(self, name: str) -> str:
        return str(self._server.bin / name)

    def connect(self, database: str = NAME, **options: Any) -> psycopg.Connection[Any]:
        """A connection on which every statement commits by itself."""
        return psycopg.connect(self.conninfo(database), autocommit=True, **options)

    def conninfo(self, database: str = NAME) -> str:
        return f"host='{self._server.socket_dir}' port={PORT} user={NAME} dbname={database}"

    def environment(self, database: str) -> dict[str, str]:
        """The caller's environment with ``DATABASE_URL`` of a database of this server."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("PG", "PYTHON", "DJANGO_"))
        }
        return kept | {"DATABASE_URL": self._server.url(database)}

    def drop(self, database: str) -> None:
        with self.connect() as connection:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(statement.format(sql.Identifier(database)))


def _private_megabytes(pid: str) -> float:
    """What a process does not share with others; 0 where it has ended meanwhile."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    _, _, rest = status.partition("RssAnon:")
    return int(rest.split()[0]) / 1024 if rest else 0.0
