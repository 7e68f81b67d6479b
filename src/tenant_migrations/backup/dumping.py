"""One archive: dumped by ``pg_dump`` in a snapshot, with all that the manifest says of it."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tenant_migrations import conf
from tenant_migrations.backup import facts
from tenant_migrations.backup.archives import sha256_of, size_of
from tenant_migrations.backup.clients import Clients, check, ending
from tenant_migrations.backup.facts import Schema
from tenant_migrations.backup.manifest import Archive, SchemaFacts
from tenant_migrations.backup.reading_back import read_back
from tenant_migrations.backup.versions import read_versions, refuse_changed
from tenant_migrations.database import quote, reading
from tenant_migrations.fleet.graph import MigrationKey
from tenant_migrations.fleet.tenants import Tenant

POLL_SECONDS = 0.2

CUSTOM, DIRECTORY = "custom", "directory"
"""Formats of ``pg_dump``: one file, or a folder with a file for each table."""

Grown = Callable[[int], None]
"""Told how many bytes of the archive there are."""


@dataclass(frozen=True)
class Part:
    """What one archive adds to a manifest."""

    archive: Archive
    made_at: str
    schemas: Mapping[str, SchemaFacts]
    ledgers: Mapping[str, list[MigrationKey]]
    roles: list[str]


@dataclass(frozen=True)
class Wanted:
    """What an archive is to hold."""

    names: Sequence[str]
    """Schemas; empty: the whole database."""
    tenants: Mapping[str, Tenant]
    with_extensions: bool = False
    format: str = CUSTOM
    jobs: int = 1
    """How many connections dump side by side into a folder; each locks what it dumps once more."""


def dump(clients: Clients, wanted: Wanted, target: Path, file: str, grown: Grown) -> Part:
    """Dump into ``target``, which will be called ``file``, and read it back.

    The tables are locked against changes of their structure until ``pg_dump`` is through, after
    waiting ``LOCK_TIMEOUT_MS`` for each at most; nobody is kept from reading or writing rows.
    Raises ``ClientFailed``, ``Refused`` where a structure changed meanwhile, ``Damaged`` where it
    can't be read back; what was written then is the caller's to remove.
    """
    with reading() as outside:
        with facts.snapshot() as (inside, name):
            schemas = _chosen(facts.read_schemas(inside), wanted)
            with _pg_dump(clients, wanted, name, target) as end:
                # All of this is read while pg_dump works, which leaves it most of the server.
                before = read_versions(inside, schemas)
                made = inside.execute("SELECT now()").fetchone()
                digests, ledgers = facts.read_ledgers(inside, schemas)
                roles = facts.read_roles(inside, [schema.oid for schema in schemas])
                structures = facts.read_structures(outside, schemas, jobs=1)
                end(grown)
        with ThreadPoolExecutor(2) as pool:
            digest = pool.submit(sha256_of, target)
            after = pool.submit(read_versions, outside, schemas)
            content = read_back(clients, target)
            refuse_changed(before, after.result())
            archive = Archive(file, size_of(target), digest.result(), [s.name for s in schemas])
    known = {
        schema.name: SchemaFacts(
            kind=facts.kind_of(schema.name, wanted.tenants),
            ledger=digests.get(schema.name, ""),
            structure=structures[schema.name][0],
            own_structure=structures[schema.name][1],
            owner=schema.owner,
            grants=schema.grants,
            rows=dict(content.rows.get(schema.name, {})),
            last_values=dict(content.last_values.get(schema.name, {})),
        )
        for schema in schemas
    }
    return Part(archive, _moment(made), known, ledgers, roles)


def _chosen(schemas: Mapping[str, Schema], wanted: Wanted) -> list[Schema]:
    if not wanted.names:
        return [*schemas.values()]
    return [schemas[name] for name in wanted.names if name in schemas]


def _selection(wanted: Wanted) -> list[str]:
    """A name in double quotes is no pattern for ``pg_dump``, whatever is in it."""
    chosen = [f"--schema={quote(name)}" for name in wanted.names]
    return [*chosen, "--extension=*"] if wanted.with_extensions else chosen


@contextmanager
def _pg_dump(
    clients: Clients, wanted: Wanted, snapshot: str, target: Path
) -> Iterator[Callable[[Grown], None]]:
    """``pg_dump`` at work in a snapshot; what is yielded waits for its end.

    It is killed where the block fails. It has written its files to disk when it ends.
    """
    arguments = [
        f"--snapshot={snapshot}",
        f"--format={wanted.format}",
        f"--file={target}",
        f"--lock-wait-timeout={conf.get().LOCK_TIMEOUT_MS}",
        *([f"--jobs={wanted.jobs}"] if wanted.format == DIRECTORY else []),
        *_selection(wanted),
    ]

    def end(grown: Grown) -> None:
        # Waiting with a timeout would notice the end up to 50 ms late.
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(process.wait)
            try:
                while wait([ended], POLL_SECONDS).not_done:
                    if target.exists():
                        grown(size_of(target))
            except BaseException:
                process.kill()
                raise
        complaints.seek(0)
        check("pg_dump", process, complaints.read())

    with tempfile.TemporaryFile() as complaints:
        process = clients.start(
            "pg_dump", arguments, stdout=complaints, stderr=complaints, umask=0o077
        )
        with ending(process):
            yield end


def _moment(row: Any) -> str:
    moment: datetime = row[0]
    return moment.isoformat()
