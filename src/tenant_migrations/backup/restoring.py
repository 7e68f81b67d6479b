"""Restoring one schema from an archive, inside a transaction of the caller's.

``pg_restore`` reads the archive and writes what it holds as a script (``script.py``); the
statements and rows go through the caller's own connection. So the restore, its verification and
whatever else belongs to it commit together or not at all.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tenant_migrations.backup.clients import Clients, RestoreScript
from tenant_migrations.backup.damage import Damaged
from tenant_migrations.backup.facts import digests_of
from tenant_migrations.backup.manifest import SchemaFacts
from tenant_migrations.backup.opening import Opened
from tenant_migrations.backup.script import BrokenScript, Rows, names_of, read_script
from tenant_migrations.database import quote
from tenant_migrations.exceptions import Refused
from tenant_migrations.fleet.findings import named
from tenant_migrations.fleet.structure import read_objects

FOREIGN_KEY = re.compile(
    rb'\AALTER TABLE .*? FOREIGN KEY \(.*?\) REFERENCES ((?:"(?:[^"]|"")*"|[^".\s]+)\.[^(]+)',
    re.DOTALL,
)


class NotAsRecorded(Refused):
    """What was restored is not what the manifest says."""


@dataclass(frozen=True)
class Source:
    """One schema in an archive."""

    clients: Clients
    archive: Path
    schema: str
    facts: SchemaFacts
    is_alone: bool = False
    """Restored without the schemas that it points to, and without owners and grants."""


def source_of(opened: Opened, clients: Clients, schema: str) -> Source:
    """Where a schema that the backup holds is restored from."""
    archive = opened.manifest.archive_of(schema)
    if archive is None:
        raise Damaged(f"{opened.path}: its manifest names no archive for {schema}")
    return Source(clients, opened.file_of(archive), schema, opened.manifest.schemas[schema])


@contextmanager
def begun(source: Source) -> Iterator[RestoreScript]:
    """The restore's script, being written; raises ``ClientFailed`` as ``Clients.script``.

    Of a fleet's archive, ``pg_restore`` spends most of its time on the table of contents: it is
    best begun before anything is locked.
    """
    arguments = [f"--schema={source.schema}"]
    if source.is_alone:
        arguments += ["--no-owner", "--no-privileges"]
    with source.clients.script(source.archive, *arguments) as script:
        yield script


def restore(
    connection: "psycopg.Connection[Any]",
    source: Source,
    script: RestoreScript,
    told: Callable[[int], None] = lambda rows: None,
) -> None:
    """Create the schema and fill it; the caller's transaction is open, the name is free.

    The session's search path is empty afterwards. Raises ``Damaged``, ``ClientFailed``,
    ``NotAsRecorded`` where rows or structure are not those of the manifest, and database errors.
    """
    connection.execute(f"CREATE SCHEMA {quote(source.schema)}")
    if not source.is_alone:
        give_away(connection, source)
    counted = _run_script(connection, source, script, told)
    wrong = [
        f"{table} ({counted.get(table, 0):,} instead of {rows:,})"
        for table, rows in source.facts.rows.items()
        if counted.get(table, 0) != rows
    ]
    if wrong:
        raise NotAsRecorded(f"{source.schema}: rows are not as recorded: {named(wrong)}")
    _verify_structure(connection, source)


def _run_script(
    connection: "psycopg.Connection[Any]",
    source: Source,
    script: RestoreScript,
    told: Callable[[int], None],
) -> dict[str, int]:
    """Rows restored to each table."""
    own = source.schema.encode()

    def is_kept(statement: bytes) -> bool:
        match = FOREIGN_KEY.match(statement) if source.is_alone else None
        return match is None or names_of(match[1])[0].encode() == own

    counted: dict[str, int] = {}
    try:
        for part in read_script(script.stream, is_kept):
            if not isinstance(part, Rows):
                connection.execute(part.text, prepare=False)
                continue
            counted[part.table] = counted.get(part.table, 0) + _copy(connection, part)
            told(counted[part.table])
    except BrokenScript as error:
        raise Damaged(f"{source.archive} can't be read: {error}") from error
    script.finish()
    return counted


def _copy(connection: "psycopg.Connection[Any]", part: Rows) -> int:
    with connection.cursor() as cursor:
        with cursor.copy(part.statement) as copy:
            for chunk in part.chunks:
                copy.write(chunk)
        return cursor.rowcount


def give_away(connection: "psycopg.Connection[Any]", source: Source) -> None:
    """Give the schema itself the owner and grants of the backup.

    ``pg_restore`` leaves them out where a schema is selected, and of public what every new database
    has. Raises ``Damaged`` for grants that no schema can have.
    """
    name = quote(source.schema)
    connection.execute(f"ALTER SCHEMA {name} OWNER TO {quote(source.facts.owner)}")
    if source.facts.grants is None:
        return
    connection.execute(f"REVOKE ALL ON SCHEMA {name} FROM {quote(source.facts.owner)}")
    for grantee, privilege, grantable in source.facts.grants:
        if privilege not in ("USAGE", "CREATE"):
            raise Damaged(f"{source.archive}: its manifest grants {privilege!r} on a schema")
        to = quote(grantee) if grantee else "PUBLIC"
        option = " WITH GRANT OPTION" if grantable else ""
        connection.execute(f"GRANT {privilege} ON SCHEMA {name} TO {to}{option}")


def _verify_structure(connection: "psycopg.Connection[Any]", source: Source) -> None:
    found = structure_of(connection, source.schema)
    expected = source.facts.own_structure if source.is_alone else source.facts.structure
    if expected not in found:
        raise NotAsRecorded(f"{source.schema}: its structure is not the one that was recorded")


def structure_of(connection: "psycopg.Connection[Any]", schema: str) -> tuple[str, str]:
    """Digest of a schema's structure, and the same without foreign keys to other schemas."""
    row = connection.execute(
        "SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,)
    ).fetchone()
    return digests_of(read_objects(connection, row[0], schema)) if row else ("", "")
