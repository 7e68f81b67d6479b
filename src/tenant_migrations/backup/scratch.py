"""Scratch databases: made beside the live one, used by one run, dropped however it ends.

An advisory lock in the live database shows that a scratch database is in use. One that nobody
holds the lock for was left by a run that died; the next run drops it.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from django.db import DatabaseError

from tenant_migrations import locks
from tenant_migrations.backup.manifest import Source
from tenant_migrations.database import one_line, quote, sqlstate, tenant_connection
from tenant_migrations.exceptions import DatabaseUnavailable

MARK = "_tm_scratch_"
LIVE_BYTES = 63 - len(MARK) - 14
"""How much of the live database's name fits before a mark and a moment, or as many digits."""
LEFT = "SELECT datname FROM pg_database WHERE datname LIKE %s"


def live_database() -> str:
    """Name of the database with the tenants."""
    return str(tenant_connection().settings_dict["NAME"])


def prefix(mark: str = MARK) -> str:
    """What the names of databases made beside the live one begin with."""
    live = live_database().encode()[:LIVE_BYTES].decode(errors="ignore")
    return f"{live}{mark}"


@contextmanager
def control() -> Iterator[Any]:
    """A connection of its own to the live database on which every statement commits."""
    wrapper: Any = tenant_connection().copy()
    try:
        wrapper.set_schema_to_public()
        wrapper.ensure_connection()
        yield wrapper
    finally:
        with suppress(DatabaseError):
            wrapper.close()


@contextmanager
def scratch_database(source: Source) -> Iterator[str]:
    """An empty database as ``source`` was made, gone at the end.

    Raises ``DatabaseUnavailable`` where this role may not create one.
    """
    with control() as connection:
        drop_abandoned(connection)
        name = prefix() + secrets.token_hex(6)
        locks.try_lock(connection, locks.SCRATCH, name)
        create(connection, name, source)
        try:
            yield name
        finally:
            drop(name)


def create(connection: Any, name: str, source: Source) -> None:
    """Create a database with the encoding and locale of another."""
    locale = {
        "c": "",
        "i": f" LOCALE_PROVIDER icu ICU_LOCALE {_literal(source.locale)}",
        "b": f" LOCALE_PROVIDER builtin BUILTIN_LOCALE {_literal(source.locale)}",
    }.get(source.provider, "")
    try:
        _execute(
            connection,
            f"CREATE DATABASE {quote(name)} TEMPLATE template0"
            f" ENCODING {_literal(source.encoding)} LC_COLLATE {_literal(source.collate)}"
            f" LC_CTYPE {_literal(source.ctype)}{locale}",
        )
    except DatabaseError as error:
        reason = one_line(error)
        if sqlstate(error) == "42501":
            reason = "this role may not create one: ALTER ROLE ... CREATEDB"
        raise DatabaseUnavailable(f"no scratch database to restore into: {reason}") from error


def drop(name: str) -> None:
    """Drop a database, whoever is connected, on a connection that nothing happened to before."""
    with control() as connection:
        _execute(connection, f"DROP DATABASE IF EXISTS {quote(name)} WITH (FORCE)")


def drop_abandoned(connection: Any) -> list[str]:
    """Drop the scratch databases of runs that died; their names."""
    pattern = re.sub(r"([_%\\])", r"\\\1", prefix()) + "%"
    with connection.cursor() as cursor:
        cursor.execute(LEFT, (pattern,))
        found = [name for (name,) in cursor.fetchall()]
    dropped = []
    for name in found:
        if locks.try_lock(connection, locks.SCRATCH, name):
            drop(name)
            locks.unlock(connection, locks.SCRATCH, name)
            dropped.append(name)
    return dropped


@contextmanager
def connected(name: str) -> Iterator["psycopg.Connection[Any]"]:
    """A connection to a scratch database on which every statement commits."""
    wrapper: Any = tenant_connection().copy()
    wrapper.settings_dict["NAME"] = name
    try:
        wrapper.ensure_connection()
        yield wrapper.connection
    finally:
        wrapper.close()


def _execute(connection: Any, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
