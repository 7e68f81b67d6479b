"""Connections: the one place that opens them, sets their limits and translates their errors."""

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


def sqlstate(error: BaseException | None) -> str:
    """The five-character SQLSTATE of a Django or psycopg error, empty if it has none."""
    while error is not None:
        if isinstance(error, psycopg.Error) and error.sqlstate:
            return error.sqlstate
        error = error.__cause__
    return ""


@contextmanager
def reading(database: str = "") -> Iterator["psycopg.Connection[Any]"]:
    """A connection of its own, closed at the end, on which nothing can be written.

    With ``database`` it is to that one on the same server.

    It is opened with the project's own database settings; ``public`` is not in its search path, so
    that a schema without a table can't answer with public's. Every statement commits by itself and
    is bounded by ``READ_TIMEOUT_MS``.

    Raises ``DatabaseUnavailable`` where no connection is to be had.
    """
    wrapper = tenant_connection().copy()
    wrapper.settings_dict["NAME"] = database or wrapper.settings_dict["NAME"]
    timeout_ms = conf.get().READ_TIMEOUT_MS
    if (most := _most_ms.get()) is not None:
        timeout_ms = min(timeout_ms or most, most)
    try:
        try:
            wrapper.ensure_connection()
        except OperationalError as error:
            raise DatabaseUnavailable(
                f"no connection to the database: {one_line(error)}"
            ) from error
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
