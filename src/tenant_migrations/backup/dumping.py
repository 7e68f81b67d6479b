"""One archive: dumped by ``pg_dump`` in a snapshot, with all that the manifest says of it."""

import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tenant_migrations import conf
from tenant_migrations.backup import facts
from tenant_migrations.backup.clients import Clients, check, ending
from tenant_migrations.backup.facts import Schema
from tenant_migrations.backup.manifest import Archive, SchemaFacts, sha256_of
from tenant_migrations.backup.reading_back import read_back
from tenant_migrations.database import quote, reading
from tenant_migrations.fleet.graph import MigrationKey
from tenant_migrations.fleet.tenants import Tenant

POLL_SECONDS = 0.2

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


def dump(clients: Clients, wanted: Wanted, target: Path, file: str, grown: Grown) -> Part:
    """Dump into ``target``, which will be called ``file``, and read it back.

    The tables are locked against changes of their structure until ``pg_dump`` is through, after
    waiting ``LOCK_TIMEOUT_MS`` for each at most; nobody is kept from reading or writing rows.
    Raises ``ClientFailed``, ``Refused`` where a structure changed meanwhile, ``Damaged`` where it
    can't be read back; what was written then is the caller's to remove.
    """
    with reading() as outside:
        before = facts.fingerprints_of(_chosen(facts.read_schemas(outside), wanted))
        with facts.snapshot() as (inside, name):
            schemas = _chosen(facts.read_schemas(inside), wanted)
            oids = [schema.oid for schema in schemas]
            made = inside.execute("SELECT now()").fetchone()
            digests, ledgers = facts.read_ledgers(inside, schemas)
            roles = facts.read_roles(inside, oids)
            _run(clients, [f"--snapshot={name}", *_selection(wanted)], target, grown)
        after = facts.fingerprints_of(schemas)
        facts.refuse_changed(before, after, [schema.name for schema in schemas])
        structures = facts.StructureDigests(outside)
        known = {
            schema.name: facts.schema_facts(
                schema,
                facts.kind_of(schema.name, wanted.tenants),
                digests.get(schema.name, ""),
                structures.of(schema, after[schema.name]),
            )
            for schema in schemas
        }
    content = read_back(clients, target)
    for schema_name, fact in known.items():
        known[schema_name] = replace(
            fact,
            rows=dict(content.rows.get(schema_name, {})),
            last_values=dict(content.last_values.get(schema_name, {})),
        )
    archive = Archive(file, target.stat().st_size, sha256_of(target), [*known])
    return Part(archive, _moment(made), known, ledgers, roles)


def _chosen(schemas: Mapping[str, Schema], wanted: Wanted) -> list[Schema]:
    if not wanted.names:
        return [*schemas.values()]
    return [schemas[name] for name in wanted.names if name in schemas]


def _selection(wanted: Wanted) -> list[str]:
    """A name in double quotes is no pattern for ``pg_dump``, whatever is in it."""
    chosen = [f"--schema={quote(name)}" for name in wanted.names]
    return [*chosen, "--extension=*"] if wanted.with_extensions else chosen


def _run(clients: Clients, selection: Sequence[str], target: Path, grown: Grown) -> None:
    arguments = [
        "--format=custom",
        f"--file={target}",
        f"--lock-wait-timeout={conf.get().LOCK_TIMEOUT_MS}",
        *selection,
    ]
    target.touch(mode=0o600, exist_ok=False)
    with tempfile.TemporaryFile() as complaints:
        process = clients.start("pg_dump", arguments, stdout=complaints, stderr=complaints)
        with ending(process):
            while True:
                try:
                    process.wait(POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    grown(target.stat().st_size)
        complaints.seek(0)
        check("pg_dump", process, complaints.read())


def _moment(row: Any) -> str:
    moment: datetime = row[0]
    return moment.isoformat()
