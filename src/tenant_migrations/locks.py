"""Advisory locks: one run over the fleet at a time, one writer in a schema at a time.

PostgreSQL releases them by itself when the session or transaction that holds them ends, however it
ends (PostgreSQL documentation, "Advisory Locks"): nothing is left behind by a crash. They are kept
per database, so that two fleets on one server do not meet.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any

import psycopg
from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

from tenant_migrations.database import own_session
from tenant_migrations.exceptions import Busy, LockLost

FLEET, TENANT, REFERENCE, MONITOR = 0x746D0001, 0x746D0002, 0x746D0003, 0x746D0004
SCRATCH, ROLLBACK, WORK, ALERTS = 0x746D0005, 0x746D0006, 0x746D0007, 0x746D0008
INCIDENT = 0x746D0009
"""First key of each sort of lock; the second tells which tenant or reference."""

TAKE = """
    SELECT pg_try_advisory_lock(%s, 0), pid, backend_start
      FROM pg_stat_get_activity(pg_backend_pid())
"""

# A transaction goes on seeing the sessions that it saw first unless it is told to look again
# (PostgreSQL documentation, "Viewing Statistics").
LOOK_AGAIN = "SELECT pg_stat_clear_snapshot()"


def second_key(name: str) -> int:
    """A name as PostgreSQL's ``integer``. Two names may share one: then they only wait in turn."""
    return zlib.crc32(name.encode()) - 2**31


@dataclass(frozen=True)
class Holder:
    """The session that holds the fleet lock.

    It gives the lock back only when it ends, so that the session is the proof; it is found in a
    tenth of the time that ``pg_locks`` takes. A process that was stopped and continued can't know
    otherwise that it lost its lock.
    """

    pid: int
    began: str
    """When its backend started, in ISO 8601."""

    @property
    def question(self) -> str:
        """An SQL expression: whether the session is still there."""
        return (
            f"EXISTS (SELECT FROM pg_stat_get_activity({int(self.pid)}) WHERE backend_start ="
            f" '{datetime.fromisoformat(self.began).isoformat()}')"
        )

    def check(self, connection: BaseDatabaseWrapper) -> None:
        """Ask on the connection that is about to write; raises ``LockLost``."""
        connection.ensure_connection()
        cursor = psycopg.ClientCursor(connection.connection)
        cursor.execute(f"{LOOK_AGAIN}; SELECT {self.question}")
        cursor.nextset()
        refuse_lost(cursor.fetchone() == (True,))


def refuse_lost(is_held: bool) -> None:
    """Raise ``LockLost`` unless the fleet lock is still held."""
    if not is_held:
        raise LockLost(
            "the fleet lock was lost: its connection is gone; "
            "run verify_tenant_migrations to see where the fleet stands"
        )


class FleetLock:
    """Held by the one run that may change the fleet, on a connection of its own.

    Raises ``Busy`` on entry where another run holds it, and as ``own_session``.
    """

    holder: Holder

    def __init__(self) -> None:
        self._connection: Any = None

    def __enter__(self) -> "FleetLock":
        self._connection = own_session()
        with self._connection.cursor() as cursor:
            cursor.execute(TAKE, (FLEET,))
            granted, pid, began = cursor.fetchone()
        self.holder = Holder(pid, began.isoformat())
        if not granted:
            self._connection.close()
            raise Busy(
                "another run holds the fleet lock; nothing was done: try again when it is through"
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # As in ``held``. Where the server closed the connection, the lock went with it.
        with suppress(Error), self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, 0)", (FLEET,))
        with suppress(Error):
            self._connection.close()

    @property
    def session(self) -> "psycopg.Connection[Any]":
        """The connection that holds the lock; every statement on it commits by itself."""
        raw: psycopg.Connection[Any] = self._connection.connection
        return raw


@contextmanager
def held(connection: BaseDatabaseWrapper, sort: int, name: str, otherwise: str) -> Iterator[None]:
    """Hold a lock of the connection's session meanwhile.

    It is given back before the connection is closed: a session ends a little later, and whoever
    comes next at once would still find its lock. Raises ``Busy`` with the text ``otherwise`` where
    another session has it.
    """
    if not try_lock(connection, sort, name):
        raise Busy(f"{otherwise}; nothing was done: try again when it is through")
    try:
        yield
    finally:
        with suppress(Error):  # Where the server closed it already, the lock went with it.
            unlock(connection, sort, name)


@contextmanager
def alone(sort: int, name: str, otherwise: str) -> Iterator[None]:
    """The same on a connection of its own. Raises as ``held`` and as ``own_session``."""
    connection = own_session()
    try:
        with held(connection, sort, name, otherwise):
            yield
    finally:
        with suppress(Error):
            connection.close()


def try_lock(connection: BaseDatabaseWrapper, sort: int, name: str) -> bool:
    """Take a lock for the rest of this session; False where another session has it."""
    return _ask(connection, "pg_try_advisory_lock", sort, name)


def wait_for(connection: BaseDatabaseWrapper, sort: int, name: str, timeout_ms: int) -> None:
    """Take a lock for the rest of this session, within a transaction.

    Whoever asks for it meanwhile, to share it too, comes after. Raises ``OperationalError``
    (55P03) where others have it for longer than that.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {timeout_ms}")
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", (sort, second_key(name)))


def try_lock_transaction(connection: BaseDatabaseWrapper, sort: int, name: str) -> bool:
    """Take a lock for the rest of this transaction; False where another session has it."""
    return _ask(connection, "pg_try_advisory_xact_lock", sort, name)


def try_share_lock(connection: BaseDatabaseWrapper, sort: int, name: str) -> bool:
    """Take a shared lock for the rest of this session; False where it is held alone."""
    return _ask(connection, "pg_try_advisory_lock_shared", sort, name)


def share_lock_transaction(connection: BaseDatabaseWrapper, sort: int, name: str) -> bool:
    """Take a shared lock for the rest of this transaction; False where it is held alone."""
    return _ask(connection, "pg_try_advisory_xact_lock_shared", sort, name)


def unlock(connection: BaseDatabaseWrapper, sort: int, name: str) -> None:
    """Give a session's lock back."""
    _ask(connection, "pg_advisory_unlock", sort, name)


def _ask(connection: BaseDatabaseWrapper, function: str, sort: int, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", (sort, second_key(name)))
        return bool(cursor.fetchone()[0])
