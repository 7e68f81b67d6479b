"""Verifying: a backup is restored into a scratch database and compared with its manifest.

Also the rehearsal of a disaster: how long a restore takes is measured here, not guessed.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from django.utils import timezone

from tenant_migrations import conf
from tenant_migrations.backup import clients, facts, manifest
from tenant_migrations.backup.clients import ClientFailed, Clients
from tenant_migrations.backup.damage import Damaged
from tenant_migrations.backup.manifest import Manifest
from tenant_migrations.backup.opening import Opened
from tenant_migrations.backup.restoring import NotAsRecorded, begun, give_away, restore, source_of
from tenant_migrations.backup.scratch import connected, scratch_database
from tenant_migrations.backup.script import Statements, read_script
from tenant_migrations.database import (
    one_line,
    public_schema,
    quote,
    reading,
    schema_in_use,
    tenant_connection,
)
from tenant_migrations.exceptions import Refused
from tenant_migrations.fleet.findings import named
from tenant_migrations.models import Backup

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Verified:
    """What a restore into a scratch database showed."""

    seconds: float
    """How long the restore took, without making and comparing."""
    schemas: int
    rows: int


class WouldNotRestore(Refused):
    """The backup could not be restored, or what came of it is not what the manifest says."""


def verify(opened: Opened, progress: Progress, *, rehearsal: bool = False) -> Verified:
    """Restore all of a backup into a scratch database and compare structures, ledgers and rows.

    The live database is not touched but for the record of how it went. Raises ``Damaged``,
    ``WouldNotRestore``, and ``DatabaseUnavailable`` where no scratch database can be made.
    """
    try:
        opened.check()
        found = clients.find(_server_version())
        with scratch_database(opened.manifest.source) as name:
            started = time.monotonic()
            fill(opened, found, name, progress)
            seconds = round(time.monotonic() - started, 3)
            compare(opened.manifest, name, progress)
    except (Damaged, NotAsRecorded, ClientFailed, psycopg.Error) as error:
        reason = one_line(error)
        note(opened, verify_error=reason, verified_at=None)
        if isinstance(error, Damaged):
            raise
        raise WouldNotRestore(f"{opened.path} can't be restored: {reason}") from error
    now = timezone.now()
    rehearsed = {"rehearsed_at": now} if rehearsal else {}
    note(opened, verified_at=now, verify_error="", restore_seconds=seconds, **rehearsed)
    rows = sum(fact.total_rows for fact in opened.manifest.schemas.values())
    return Verified(seconds, len(opened.manifest.schemas), rows)


def fill(
    opened: Opened,
    found: Clients,
    database: str,
    progress: Progress,
    *,
    with_owners: bool = False,
) -> None:
    """Restore all of a backup into an empty database; of tenants alone without owners and grants.

    Raises ``ClientFailed`` at the first error.
    """
    if opened.manifest.kind == manifest.TENANTS:
        _fill_alone(opened, found, database, progress)
        return
    if opened.manifest.kind == manifest.PER_TENANT:
        with connected(database) as connection:  # It comes with the archive, as schemas chosen do.
            connection.execute(f"DROP SCHEMA IF EXISTS {quote(public_schema())} CASCADE")
    options = [] if with_owners else ["--no-owner", "--no-privileges"]
    # What tenants point to comes first.
    archives = sorted(opened.manifest.archives, key=lambda one: public_schema() not in one.schemas)
    for done, archive in enumerate(archives):
        progress("archives restored", done, len(archives))
        _run_restore(found, str(opened.file_of(archive)), database, options)
    if with_owners and opened.manifest.kind == manifest.PER_TENANT:
        with connected(database) as connection:
            give_away(connection, source_of(opened, found, public_schema()))


def _run_restore(found: Clients, archive: str, database: str, options: Sequence[str]) -> None:
    """``pg_restore`` into a database; the first error ends it."""
    jobs = conf.get().JOBS
    target = f"dbname={_conninfo_value(database)}"
    found.run(
        "pg_restore",
        [
            "--no-password",
            "--exit-on-error",
            f"--jobs={jobs}",
            *options,
            f"--dbname={target}",
            archive,
        ],
        database,
    )


def _fill_alone(opened: Opened, found: Clients, database: str, progress: Progress) -> None:
    """Tenants without public, from which they may need extensions, types and functions."""
    live = str(tenant_connection().settings_dict["NAME"])
    selection = [f"--schema={quote(public_schema())}", "--extension=*", "--section=pre-data"]
    with connected(database) as connection:
        with connection.transaction():
            for statement in _statements_of(found, live, selection):
                connection.execute(statement, prepare=False)
        for done, schema in enumerate(opened.manifest.tenants):
            progress("tenants restored", done, len(opened.manifest.tenants))
            source = replace(source_of(opened, found, schema), is_alone=True)
            with begun(source) as script, connection.transaction():
                restore(connection, source, script)


def _statements_of(found: Clients, database: str, selection: Sequence[str]) -> Iterator[bytes]:
    """What of the live database's own structure is needed, as one text."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "public.dump")
        arguments = ["--format=custom", f"--file={archive}", "--no-owner", "--no-privileges"]
        found.run("pg_dump", [*arguments, *selection], database)
        with found.script(archive, "--no-owner", "--no-privileges", "--no-comments") as script:
            chosen = read_script(script.stream, lambda text: not text.startswith(b"CREATE SCHEMA"))
            for part in chosen:
                if isinstance(part, Statements):
                    yield part.text


def compare(content: Manifest, database: str, progress: Progress) -> None:
    """Raise ``NotAsRecorded`` unless a database holds what a manifest says."""
    with reading(database) as connection:
        schemas = facts.read_schemas(connection)
        if absent := [name for name in content.schemas if name not in schemas]:
            raise NotAsRecorded(f"{named(absent)} is not there after the restore")
        chosen = [schemas[name] for name in content.schemas]
        structures = facts.read_structures(
            connection, chosen, jobs=conf.get().JOBS, database=database
        )
        ledgers, _ = facts.read_ledgers(connection, chosen)
        for done, schema in enumerate(chosen):
            progress("schemas compared", done, len(chosen))
            fact = content.schemas[schema.name]
            alone = content.kind == manifest.TENANTS
            structure = structures[schema.name][1 if alone else 0]
            if structure != (fact.own_structure if alone else fact.structure):
                raise NotAsRecorded(f"the structure of {schema.name} is not the recorded one")
            if ledgers.get(schema.name, "") != fact.ledger:
                raise NotAsRecorded(f"the ledger of {schema.name} is not the recorded one")
            _compare_rows(connection, schema.name, fact.rows)


def _compare_rows(
    connection: "psycopg.Connection[Any]", schema: str, expected: Mapping[str, int]
) -> None:
    found = count_rows(connection, schema, [*expected])
    wrong = [
        f"{schema}.{table} ({found.get(table, 0):,} instead of {rows:,})"
        for table, rows in expected.items()
        if found.get(table) != rows
    ]
    if wrong:
        raise NotAsRecorded(f"rows are not as recorded: {named(wrong)}")


def count_rows(
    connection: "psycopg.Connection[Any]", schema: str, tables: Sequence[str]
) -> dict[str, int]:
    """Rows of each table. One statement."""
    if not tables:
        return {}
    counts = " UNION ALL ".join(
        f"SELECT {position}, count(*) FROM ONLY {quote(schema)}.{quote(table)}"
        for position, table in enumerate(tables)
    )
    return {tables[position]: count for position, count in connection.execute(counts.encode())}


def note(opened: Opened, **values: Any) -> None:
    """Write down how it went, where the backup is on record."""
    with schema_in_use(public_schema()):
        Backup.objects.filter(name=opened.manifest.name).update(**values)


def _server_version() -> int:
    with reading() as connection:
        return connection.info.server_version


def _conninfo_value(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
