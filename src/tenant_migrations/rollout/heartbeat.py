"""The heartbeat: a run says every few seconds that it lives, whatever it is waiting for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tenant_migrations.database import public_schema, quote
from tenant_migrations.locks import FleetLock
from tenant_migrations.models import Rollout

BEAT_SECONDS = 15.0

BEAT = "UPDATE {table} SET heartbeat_at = now() WHERE id = %s"


@contextmanager
def beating(lock: FleetLock, rollout: int) -> Iterator[None]:
    """Update the run's row meanwhile, on the connection that holds the fleet lock.

    One small transaction each time. That connection is never idle for long so, and where it is
    gone the beat ends: the workers notice by themselves.
    """
    table = f"{quote(public_schema())}.{quote(Rollout._meta.db_table)}"
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            try:
                lock.session.execute(BEAT.format(table=table), (rollout,))
            except psycopg.Error:
                return

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
