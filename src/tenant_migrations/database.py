"""Connections: the one place that opens them, sets their limits and translates their errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from typing import Any

import psycopg
from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django_tenants.postgresql_backend.base import FakeTenant
from django_tenants.utils import get_public_schema_name, get_tenant_database_alias
from psycopg import sql

from tenant_migrations import conf
from tenant_migrations.exceptions import DatabaseUnavailable

_most_ms: ContextVar[int | None] = ContextVar("most_ms", default=None)
"""What ``READ_TIMEOUT_MS`` is cut down to; see ``reading_within``."""

_without_pooler: set[tuple[str, int, str]] = set()
"""Host, port and database of connections that have been seen to be sessions."""


def tenant_connection() -> BaseDatabaseWrapper:
    """This thread's Django connection to the database with the tenants."""
    return connections[get_tenant_database_alias()]


def public_schema() -> str:
    """Name of the shared schema, ``public`` unless the project says otherwise."""
    return str(get_public_schema_name())


def quote(name: str) -> str:
    """A name as an SQL identifier, whatever is in it."""
    return sql.Identifier(name).as_string()


def one_line(error: BaseException) -> str:
    """The first line of a database error, without the statement that follows it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip()


CONNECTING = (
    (r"too many clients already|too many connections for|slots are reserved", "53300"),
    (r"password authentication failed|no password supplied", "28P01"),
    (r"no pg_hba\.conf entry|role \".*\" does not exist|authentication failed", "28000"),
    (r"database \".*\" does not exist", "3D000"),
    (r"the database system is ", "57P03"),
)
"""What the server says when it lets nobody in, and the SQLSTATE that libpq keeps to itself."""


def sqlstate(error: BaseException | None) -> str:
    """The five-character SQLSTATE of a Django or psycopg error, empty if it has none.

    An attempt to connect fails without one; there it is told by the server's words, in English.
    """
    while error is not None:
        if isinstance(error, psycopg.Error):
            return error.sqlstate or _refused_connection(str(error))
        error = error.__cause__
    return ""


def _refused_connection(message: str) -> str:
    return next((code for words, code in CONNECTING if re.search(words, message)), "")


def own_session(database: str = "") -> BaseDatabaseWrapper:
    """A connection with the project's own database settings that nobody else ever uses.

    With ``database`` it is to that one on the same server. Not from a pool of psycopg's, should the
    project have one: what its session holds or has set must end with it. Its user closes it.
    Raises ``DatabaseUnavailable`` where no connection is to be had, or none that is a session of
    its own.
    """
    wrapper = _own_connection(database)
    try:
        _refuse_pooler(_connected(wrapper))
    except BaseException:
        wrapper.close()
        raise
    return wrapper


def _own_connection(database: str) -> BaseDatabaseWrapper:
    wrapper = tenant_connection().copy()
    wrapper.settings_dict["NAME"] = database or wrapper.settings_dict["NAME"]
    wrapper.settings_dict["OPTIONS"].pop("pool", None)
    return wrapper


def _connected(wrapper: BaseDatabaseWrapper) -> "psycopg.Connection[Any]":
    try:
        wrapper.ensure_connection()
    except OperationalError as error:
        raise DatabaseUnavailable(f"no connection to the database: {one_line(error)}") from error
    raw: psycopg.Connection[Any] = wrapper.connection
    return raw


def _refuse_pooler(raw: "psycopg.Connection[Any]") -> None:
    """Raise ``DatabaseUnavailable`` where statements of one connection reach different backends.

    A second connection opens a transaction: a pooler in transaction mode gives it the backend that
    the first one has just used, or the first one another backend afterwards. Asked once for each
    address in the life of a process.
    """
    where = raw.info.host, raw.info.port, raw.info.dbname
    if where in _without_pooler:
        return
    wrapper = _own_connection(raw.info.dbname)
    try:
        first = _backend(raw)
        other = _connected(wrapper)
        with other.transaction():
            seen = {_backend(other)}
        mine = {first, *(_backend(raw) for _ in range(3))}
    finally:
        wrapper.close()
    if len(mine) > 1 or mine & seen:
        raise DatabaseUnavailable(
            "a pooler in transaction mode is between here and PostgreSQL (statements of one "
            "connection reach different backends), and locks and settings of a session get lost "
            "there: connect to the server itself, or in session mode"
        )
    _without_pooler.add(where)


def _backend(raw: "psycopg.Connection[Any]") -> int:
    row = raw.execute("SELECT pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0


def lost_connection(error: BaseException | None) -> bool:
    """Whether an error says that the connection broke: it comes from the client, not the server.

    Django opens a new one after a COMMIT that failed, so that the connection itself tells nothing.
    """
    while error is not None:
        if type(error) in (psycopg.OperationalError, psycopg.InterfaceError):
            return not sqlstate(error)
        error = error.__cause__
    return False


@contextmanager
def reading(database: str = "") -> Iterator["psycopg.Connection[Any]"]:
    """A connection of its own, closed at the end, on which nothing can be written.

    With ``database`` it is to that one on the same server.

    It is opened with the project's own database settings; ``public`` is not in its search path, so
    that a schema without a table can't answer with public's. Every statement commits by itself and
    is bounded by ``READ_TIMEOUT_MS``.

    Raises as ``own_session``: what is set here would stay behind in the connection of a pooler, and
    make it read-only for the application.
    """
    timeout_ms = conf.get().READ_TIMEOUT_MS
    if (most := _most_ms.get()) is not None:
        timeout_ms = min(timeout_ms or most, most)
    wrapper = own_session(database)
    try:
        raw: psycopg.Connection[Any] = wrapper.connection
        for name, value in (
            ("default_transaction_read_only", "on"),
            ("search_path", "pg_catalog"),
            ("statement_timeout", str(timeout_ms)),
            ("jit", "off"),
        ):
            raw.execute("SELECT set_config(%s, %s, false)", (name, value))
        yield raw
    finally:
        wrapper.close()


@contextmanager
def reading_within(timeout_ms: int) -> Iterator[None]:
    """Let no statement take longer meanwhile, on connections of ``reading`` or on this thread's.

    For a thread of its own: its connections are closed at the end. Raises ``OperationalError``
    where no connection is to be had.
    """
    token = _most_ms.set(timeout_ms)
    try:
        with tenant_connection().cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", (str(timeout_ms),))
        yield
    finally:
        _most_ms.reset(token)
        connections.close_all()


@contextmanager
def whole_transaction(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """A transaction around Django's schema editors, which ends with this block however it ends.

    An editor does not leave its own ``atomic`` where the SQL that it deferred fails (a foreign key,
    say). Left alone, the block around it would take itself for a nested one and keep the
    transaction open, with all that is written afterwards.
    """
    with transaction.atomic(using=connection.alias):
        savepoints, blocks = len(connection.savepoint_ids), len(connection.atomic_blocks)
        try:
            yield
        except BaseException:
            del connection.savepoint_ids[savepoints:]
            del connection.atomic_blocks[blocks:]
            raise


@contextmanager
def no_block_left(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """The same around code that commits by itself: a failure leaves no transaction open.

    Where there was none before, the connection is closed with what an editor left in it.
    """
    savepoints, blocks = len(connection.savepoint_ids), len(connection.atomic_blocks)
    inside = connection.in_atomic_block
    try:
        yield
    except BaseException:
        del connection.savepoint_ids[savepoints:]
        del connection.atomic_blocks[blocks:]
        if connection.in_atomic_block and not inside:
            connection.in_atomic_block = connection.needs_rollback = False
            connection.commit_on_exit = True
            connection.close()
        raise


@contextmanager
def schema_in_use(
    schema_name: str, *, kind: str | None = None, include_public: bool = True
) -> Iterator[BaseDatabaseWrapper]:
    """Point this thread's connection at a schema, as django-tenants does, and back afterwards.

    With ``kind`` the router sees a tenant of that type.
    """
    connection: Any = tenant_connection()
    before, public_before = connection.tenant, connection.include_public_schema
    connection.set_schema(schema_name, include_public=include_public, tenant_type=kind)
    try:
        yield connection
    finally:
        connection.set_tenant(before, public_before)


@contextmanager
def stand_in_for_public(schema_name: str) -> Iterator[BaseDatabaseWrapper]:
    """Let the router believe in ``public`` while every statement goes to another schema.

    Migrations of shared apps decide by ``connection.schema_name`` whether they apply; only so can
    a reference schema for public be built. ``public`` itself is not in the search path meanwhile.
    """
    connection: Any = tenant_connection()
    before, public_before = connection.tenant, connection.include_public_schema
    connection.set_tenant(FakeTenant(public_schema()))
    connection._get_cursor_search_paths = lambda: [schema_name]
    introspection = connection.introspection
    connection.introspection = copy(introspection)
    connection.introspection.connection = _SeenAs(connection, schema_name)
    try:
        yield connection
    finally:
        connection.introspection = introspection
        del connection._get_cursor_search_paths
        connection.set_tenant(before, public_before)


class _SeenAs:
    """A connection under another schema's name, for django-tenants' introspection."""

    def __init__(self, connection: BaseDatabaseWrapper, schema_name: str) -> None:
        self._connection = connection
        self.schema_name = schema_name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
