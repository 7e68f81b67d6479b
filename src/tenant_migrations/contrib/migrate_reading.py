"""What ``migrate_schemas`` has to do to each schema, from one reading of all their ledgers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from tenant_migrations import conf
from tenant_migrations.apps import TenantMigrationsConfig
from tenant_migrations.contrib.migrate_request import NotCovered, Request, Steps
from tenant_migrations.database import one_line, public_schema, reading
from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.fleet import ledger, permissions
from tenant_migrations.fleet.graph import Code, MigrationKey
from tenant_migrations.rollout.planning import REGISTRATIONS

OWN_APP = TenantMigrationsConfig.name


@dataclass(frozen=True)
class Schema:
    """A schema that ``migrate_schemas`` was started for."""

    name: str
    kind: str


@dataclass(frozen=True)
class Look:
    """One schema as its ledger shows it."""

    schema: Schema
    steps: Steps = field(default_factory=Steps)
    ledger_digest: str = ""
    incomplete: bool = False
    """It lacks content types or permissions, and nothing else."""
    not_covered: str = ""
    """Why Django's own way is to be taken."""
    error: str = ""
    """Why nothing can be done to it at all."""

    @property
    def is_task(self) -> bool:
        """Something is to be done to it, and this engine can."""
        wanted = self.incomplete or not self.steps.are_none
        return wanted and not (self.not_covered or self.error)

    @property
    def is_idle(self) -> bool:
        return not (self.is_task or self.not_covered or self.error)


class Reader:
    """Reads for one request."""

    def __init__(self, request: Request, code: Code) -> None:
        self.request = request
        self.code = code
        self.options = conf.get()
        self.ledgers: dict[str, Steps | NotCovered] = {}
        self.rows: dict[str, tuple[MigrationKey, ...]] = {}
        """What ledgers record, by their digests."""

    def read(self, schemas: Sequence[Schema]) -> list[Look]:
        """All of them, in the order given. The number of statements grows with the number of
        different ledgers and, a hundredth as fast, with that of schemas.

        Raises ``DatabaseUnavailable`` where nothing can be asked, and ``NotCovered`` where the
        app's own tables in public, which a run is recorded in, are not at the code.
        """
        try:
            with reading() as connection:
                return self._read(connection, schemas)
        except psycopg.Error as error:
            reason = f"the database could not be read: {one_line(error)}"
            raise DatabaseUnavailable(reason) from error

    def _read(self, connection: Any, schemas: Sequence[Schema]) -> list[Look]:
        facts = ledger.read_schemas(connection)
        names = {public_schema(), *(schema.name for schema in schemas)}
        with_ledger = [name for name in sorted(names) if name in facts and facts[name].has_ledger]
        digests, errors = ledger.read_digests(
            connection, with_ledger, batch=self.options.LEDGER_BATCH, jobs=self.options.JOBS
        )
        self._refuse_without_own_tables(connection, digests)
        looks = []
        for schema in schemas:
            if schema.name in digests:
                looks.append(self._look(connection, schema, digests[schema.name]))
            elif schema.name not in facts:
                looks.append(Look(schema, error="there is no schema of that name"))
            elif schema.name in errors:
                looks.append(Look(schema, error=errors[schema.name]))
            else:
                looks.append(self._without_ledger(schema))
        return self._with_registrations(connection, looks)

    def _refuse_without_own_tables(self, connection: Any, digests: dict[str, str]) -> None:
        if self.request.is_question:
            return
        name = public_schema()
        rows = ledger.read_rows(connection, name).keys if name in digests else ()
        own = {key for key in rows if key[0] == OWN_APP}
        wanted = {key for key in self.code.loader.disk_migrations if key[0] == OWN_APP}
        if not own or wanted - own:
            raise NotCovered(f"the tables of {OWN_APP} in {name} are not at the code yet")

    def _look(self, connection: Any, schema: Schema, digest: str) -> Look:
        if digest not in self.ledgers:
            self.rows[digest] = ledger.read_rows(connection, schema.name).keys
            self.ledgers[digest] = self._steps(self.rows[digest])
        steps = self.ledgers[digest]
        if isinstance(steps, NotCovered):
            return Look(schema, ledger_digest=digest, not_covered=str(steps))
        return Look(schema, steps, digest)

    def _without_ledger(self, schema: Schema) -> Look:
        """A question is answered as for an empty ledger, which it must not make."""
        steps = self._steps(())
        if self.request.is_question and not isinstance(steps, NotCovered):
            return Look(schema, steps)
        return Look(schema, not_covered="it has no ledger yet")

    def _steps(self, keys: Sequence[MigrationKey]) -> Steps | NotCovered:
        try:
            return self.request.steps(self.code, keys)
        except NotCovered as reason:
            return reason

    def _with_registrations(self, connection: Any, looks: list[Look]) -> list[Look]:
        """``post_migrate`` makes content types and permissions good also where nothing is to do."""
        if self.request.is_question:
            return looks
        incomplete: set[str] = set()
        for kind in {look.schema.kind for look in looks}:
            idle = [look.schema.name for look in looks if look.schema.kind == kind and look.is_idle]
            incomplete |= self._incomplete(connection, kind, idle)
        return [replace(look, incomplete=look.schema.name in incomplete) for look in looks]

    def _incomplete(self, connection: Any, kind: str, names: Sequence[str]) -> set[str]:
        registry = permissions.Registry.of(kind)
        if not (registry.has_content_types and names):
            return set()
        found = permissions.read_digests(
            connection,
            names,
            registry,
            batch=self.options.LEDGER_BATCH,
            jobs=self.options.JOBS,
        )
        lacking: dict[str, bool] = {}
        for name, digest in found.items():
            if digest not in lacking:
                kinds = {f.kind for f in permissions.read_findings(connection, name, registry)}
                lacking[digest] = bool(kinds & REGISTRATIONS)
        return {name for name, digest in found.items() if lacking[digest]}


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
