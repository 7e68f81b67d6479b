"""The reference schemas: what Django's own executor makes of the migrations, kept and moved along.

There is one for each kind of schema (public, tenant, or each tenant type). It is no tenant, no
application ever sees it, and nothing but this module writes to it. For each migration that it
passes it notes what changed (``ReferenceStep``), which is all that ``fleet.expectation`` needs to
tell the structure of any ledger.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import DatabaseError, OperationalError, transaction
from django.db.migrations.executor import MigrationExecutor

from tenant_migrations import conf, locks
from tenant_migrations.database import (
    one_line,
    public_schema,
    quote,
    schema_in_use,
    sqlstate,
    stand_in_for_public,
    tenant_connection,
    whole_transaction,
)
from tenant_migrations.exceptions import ReferenceUnavailable
from tenant_migrations.fleet import findings
from tenant_migrations.fleet.expectation import BASE, Reference, Step, changes_between
from tenant_migrations.fleet.findings import VERIFY, Finding
from tenant_migrations.fleet.graph import Code, MigrationKey, label
from tenant_migrations.fleet.ledger import Recorder
from tenant_migrations.fleet.structure import ObjectKey, ObjectMap, read_objects
from tenant_migrations.fleet.survey import no_progress
from tenant_migrations.fleet.tenants import PUBLIC_KIND, TENANT_KIND, kinds, of_public
from tenant_migrations.models import ReferenceStep

Progress = Callable[[str, int, int], None]

WAIT_SECONDS = 600
"""How long one run waits for another that is building the same reference."""
WAIT_MS = 500
"""How long it stands in line before it says that it still waits."""


def schema_name_of(kind: str) -> str:
    """Name of a kind's reference schema; a kind too long for a name is shortened by digest."""
    name = f"{conf.get().REFERENCE_SCHEMA}_{kind}"
    if len(name.encode()) <= 63:
        return name
    return f"{conf.get().REFERENCE_SCHEMA}_{hashlib.sha256(kind.encode()).hexdigest()[:16]}"


def bring_forward(code: Code, progress: Progress) -> tuple[dict[str, Reference], list[Finding]]:
    """Every reference at the code's revision, and a finding for each that can't be had.

    Builds what is not there, which takes as long as Django takes for one new tenant; later calls
    only pass what is new. Each migration commits with its note in one transaction, under a lock
    per kind; whatever interrupts it, the next call goes on from there. One that somebody changed,
    or whose migrations were edited, is built anew.
    """
    references: dict[str, Reference] = {}
    unavailable: list[Finding] = []
    for kind in (PUBLIC_KIND, *kinds()):
        try:
            references[kind] = _Builder(code, kind, progress).bring_forward()
        except ReferenceUnavailable as error:
            unavailable.append(findings.reference_unavailable(kind, str(error), error.hint))
    return references, unavailable


def bring_forward_kind(code: Code, kind: str, progress: Progress = no_progress) -> Reference | None:
    """One reference at the code's revision, or ``None`` where it can't be had."""
    try:
        return _Builder(code, kind, progress).bring_forward()
    except ReferenceUnavailable:
        return None


@dataclass(frozen=True)
class Kept:
    """A reference as it is found."""

    kind: str
    reference: Reference | None
    """``None`` where there is none, or where it is no longer what its notes say."""
    pending: tuple[MigrationKey, ...] = ()
    """What it has yet to pass to be at the code's revision."""


def as_they_stand(code: Code) -> list[Kept]:
    """Every reference as it is now. Reads only; for whoever may not wait until one is built."""
    return [as_it_stands(code, kind) for kind in (PUBLIC_KIND, *kinds())]


def as_it_stands(code: Code, kind: str) -> Kept:
    """One reference as it is now. Reads only."""
    return _Builder(code, kind, no_progress).as_it_stands()


class _Builder:
    """Builds and moves one reference schema."""

    def __init__(self, code: Code, kind: str, progress: Progress) -> None:
        self.code = code
        self.kind = kind
        self.schema_name = schema_name_of(kind)
        self.progress = progress
        self.connection: Any = tenant_connection()

    def bring_forward(self) -> Reference:
        try:
            reference = self._load()
            if not self._is_intact(reference) or self._pending(reference):
                with _BuildLock(self.connection, self.kind, self.progress):
                    reference = self._load()
                    if not self._is_intact(reference):
                        reference = self._start()
                    reference = self._move(reference)
        except (DatabaseError, psycopg.Error) as error:
            raise _unavailable(error) from error
        return reference

    def as_it_stands(self) -> Kept:
        try:
            reference = self._load()
            if self._is_intact(reference):
                return Kept(self.kind, reference, tuple(self._pending(reference)))
        except DatabaseError as error:
            if sqlstate(error) not in ("42P01", "42703"):  # Public is not migrated yet.
                raise
        return Kept(self.kind, None)

    def _load(self) -> Reference:
        with schema_in_use(public_schema()):
            rows = ReferenceStep.objects.filter(kind=self.kind).order_by("position")
            notes = list(rows.values_list("app", "name", "changes", "source_digest"))
        self.sources = {(app, name): digest for app, name, _, digest in notes}
        steps = [
            Step((app, name), tuple((ObjectKey.load(k), old, new) for k, old, new in changes))
            for app, name, changes, _ in notes
        ]
        return Reference(self.kind, self.schema_name, steps)

    def _is_intact(self, reference: Reference) -> bool:
        """Whether its notes, its ledger and its structure agree, and its migrations are as then."""
        edited = any(
            digest != self.code.source_digest(key)
            for key, digest in self.sources.items()
            if key in self.code.loader.disk_migrations
        )
        if edited or not reference.steps:
            return False
        expected = reference.expect(reference.passed)
        return self._read() == expected.objects and self._ledger() == self._recorded(reference)

    def _read(self) -> ObjectMap:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT oid FROM pg_namespace WHERE nspname = %s", (self.schema_name,))
            row = cursor.fetchone()
            return read_objects(cursor.connection, row[0], self.schema_name) if row else {}

    def _ledger(self) -> frozenset[MigrationKey]:
        with self._in_schema(include_public=False):
            return frozenset(Recorder(self.connection).applied_migrations())

    def _recorded(self, reference: Reference) -> frozenset[MigrationKey]:
        return self.code.ledger_of(reference.passed)

    def _pending(self, reference: Reference) -> Sequence[MigrationKey]:
        standing = self.code.standing(self._recorded(reference))
        return (*standing.pending, *standing.squash_unrecorded)

    def _in_schema(self, include_public: bool = True) -> AbstractContextManager[Any]:
        if self.kind == PUBLIC_KIND:
            return stand_in_for_public(self.schema_name)
        kind = None if self.kind == TENANT_KIND else self.kind
        return schema_in_use(self.schema_name, kind=kind, include_public=include_public)

    def _start(self) -> Reference:
        """An empty schema with a ledger, in one transaction with the loss of the old one."""
        name = quote(self.schema_name)
        with transaction.atomic(using=self.connection.alias):
            with schema_in_use(public_schema()) as connection, connection.cursor() as cursor:
                ReferenceStep.objects.filter(kind=self.kind).delete()
                cursor.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
                cursor.execute(f"CREATE SCHEMA {name}")
            with self._in_schema(include_public=False):
                Recorder(self.connection).ensure_schema()
            return self._note(Reference(self.kind, self.schema_name), BASE, {})

    def _move(self, reference: Reference) -> Reference:
        """Pass what is pending, by Django's own executor, one transaction per migration."""
        self._refuse_before_public()
        objects = self._read()
        with self._in_schema():
            executor: Any = MigrationExecutor(self.connection)
            executor.recorder = Recorder(self.connection)
            state = executor._create_project_state(with_applied_migrations=True)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        for done, (migration, _) in enumerate(plan):
            key = (migration.app_label, migration.name)
            self.progress(f"building reference {self.kind}", done, len(plan))
            try:
                with self._transaction(migration.atomic):
                    with self._in_schema():
                        state.apps  # noqa: B018 - rendered once here, as Django's executor does
                        state = executor.apply_migration(state, migration)
                    reference = self._note(reference, key, objects)
            except (DatabaseError, psycopg.Error) as error:
                raise _unavailable(error, f"{label(key)} failed: ") from error
            objects = reference.expect(reference.passed).objects
        return self._record_squashed(executor, reference, objects)

    def _record_squashed(
        self, executor: Any, reference: Reference, objects: ObjectMap
    ) -> Reference:
        """Record squashed migrations whose replaced ones were passed, as Django's migrate does."""
        with transaction.atomic(using=self.connection.alias):
            with self._in_schema():
                executor.loader.build_graph()
                executor.check_replacements()
            for key in sorted(self._ledger() - self._recorded(reference)):
                reference = self._note(reference, key, objects)
        return reference

    def _note(self, reference: Reference, key: MigrationKey, before: ObjectMap) -> Reference:
        """Write down what one migration changed, in the transaction that is open."""
        changes = changes_between(before, self._read())
        with schema_in_use(public_schema()):
            ReferenceStep.objects.create(
                kind=self.kind,
                position=len(reference.steps),
                app=key[0],
                name=key[1],
                source_digest="" if key == BASE else self.code.source_digest(key),
                changes=[[changed.dump(), old, new] for changed, old, new in changes],
            )
        steps = [*reference.steps, Step(key, changes)]
        return Reference(self.kind, self.schema_name, steps)

    def _transaction(self, atomic: bool) -> AbstractContextManager[Any]:
        return whole_transaction(self.connection) if atomic else nullcontext()

    def _refuse_before_public(self) -> None:
        """Tables of tenants point to tables of public: those must be there first."""
        if self.kind == PUBLIC_KIND:
            return
        with schema_in_use(public_schema()):
            recorded = Recorder(self.connection).applied_migrations()
        if pending := of_public(self.code.standing(frozenset(recorded)).pending):
            raise ReferenceUnavailable(
                f"public lacks {findings.named([*map(label, pending)])}, which come first",
                f"bring public to the code: {VERIFY} --fix",
            )


class _BuildLock:
    """One builder per kind; others wait until it is through."""

    def __init__(self, connection: Any, kind: str, progress: Progress) -> None:
        self.connection = connection
        self.kind = kind
        self.progress = progress

    def __enter__(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not self._lock():
            if time.monotonic() > deadline:
                raise ReferenceUnavailable(
                    f"another run has been building it for {WAIT_SECONDS // 60} minutes",
                    f"once that run is through: {VERIFY}",
                )
            self.progress(f"waiting for another run that builds reference {self.kind}", 0, 1)

    def _lock(self) -> bool:
        """Stand in line for it: whoever copies the reference meanwhile comes after."""
        try:
            with transaction.atomic(using=self.connection.alias):
                locks.wait_for(self.connection, locks.REFERENCE, self.kind, WAIT_MS)
        except OperationalError as error:
            if sqlstate(error) == "55P03":
                return False
            raise
        return True

    def __exit__(self, *_: object) -> None:
        if self.connection.is_usable():
            locks.unlock(self.connection, locks.REFERENCE, self.kind)


def _unavailable(error: Exception, prefix: str = "") -> ReferenceUnavailable:
    """Why it can't be had, in the words of somebody who has to change it."""
    match sqlstate(error):
        case "42P01" | "42703" if not prefix:
            return ReferenceUnavailable("public is not migrated yet", f"begin with: {VERIFY} --fix")
        case "42501" | "25006":
            return ReferenceUnavailable(
                prefix + "this database role may not create schemas",
                f"once, as a role that may create schemas in this database: {VERIFY}",
            )
    return ReferenceUnavailable(prefix + one_line(error), f"mend the cause, then: {VERIFY}")
