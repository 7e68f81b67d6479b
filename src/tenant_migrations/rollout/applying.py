"""Applying: brings one schema to the code by Django's own operations.

Guarantees. Everything that a task does to a schema (repairs, migrations, their ledger rows, what
``post_migrate`` adds) and the note that it was done commit in one transaction, or not at all.
Migrations with ``atomic = False`` divide the task into several such transactions and run between
them under a journal (``steps.py``). The schema's advisory lock and its ledger table are locked
first, and the ledger is read again under them: nothing is applied on top of what somebody else is
doing. ``lock_timeout`` and ``statement_timeout`` bound every statement.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ModelState, ProjectState
from django_tenants.signals import schema_migrated, schema_pre_migration

from tenant_migrations import conf, locks
from tenant_migrations.database import (
    quote,
    schema_in_use,
    tenant_connection,
    whole_transaction,
)
from tenant_migrations.fleet.graph import Code, MigrationKey, label
from tenant_migrations.fleet.ledger import LEDGER_TABLE, digest_of
from tenant_migrations.fleet.tenants import PUBLIC_KIND, TENANT_KIND
from tenant_migrations.rollout.failures import Skipped
from tenant_migrations.rollout.planning import Task
from tenant_migrations.rollout.repair import repair
from tenant_migrations.rollout.steps import apply_by_steps

CONCURRENT_LOCK_FACTOR = 15
"""A concurrent index waits for old transactions, and nobody waits behind it: it may wait longer."""


@dataclass
class Progress:
    """What a task has done so far; what was committed is known even when it fails later."""

    current: str = ""
    """The migration that is running."""
    applied: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @contextmanager
    def of_one_transaction(self) -> Iterator[None]:
        """Forget what was noted in this block where it fails, as it was rolled back."""
        notes = (self.applied, self.repaired, self.refused)
        lengths = [len(note) for note in notes]
        try:
            yield
        except BaseException:
            for note, length in zip(notes, lengths, strict=True):
                del note[length:]
            raise


@dataclass(frozen=True)
class Limits:
    """Bounds of every statement, in milliseconds; 0 is none."""

    lock_timeout_ms: int = field(default_factory=lambda: conf.get().LOCK_TIMEOUT_MS)
    statement_timeout_ms: int = field(default_factory=lambda: conf.get().STATEMENT_TIMEOUT_MS)


def apply_task(
    task: Task,
    code: Code,
    limits: Limits,
    progress: Progress,
    *,
    still_ours: Callable[[Any], None],
    record: Callable[[], None],
) -> None:
    """Do what the task says.

    ``still_ours`` is called at the start and before each commit, with the connection, and raises
    when the run has lost its right to write; ``record`` is called inside the last transaction, so
    that what it writes is true exactly when the work is. Raises ``Skipped`` when the schema is in
    other hands or not as planned, ``Unproven`` from a journal, and whatever the operations raise.
    """
    connection: Any = tenant_connection()
    kind = None if task.kind in (PUBLIC_KIND, TENANT_KIND) else task.kind
    schema_pre_migration.send(apply_task, schema_name=task.schema_name)
    with schema_in_use(task.schema_name, kind=kind):
        run = _Run(connection, task, code, limits, progress, still_ours)
        run.all(record)
    schema_migrated.send(apply_task, schema_name=task.schema_name)


@dataclass
class _Run:
    """One task in one schema that is in use."""

    connection: Any
    task: Task
    code: Code
    limits: Limits
    progress: Progress
    still_ours: Callable[[Any], None]
    executor: Any = field(init=False)
    state: ProjectState = field(init=False)

    def all(self, record: Callable[[], None]) -> None:
        """One transaction, or several where a migration runs outside of one."""
        segments = self._segments()
        first = segments.pop(0) if segments and self._is_atomic(segments[0]) else []
        with self._transaction():
            self._prepare()
            self._apply(first)
            if not segments:
                self._finish(record)
        for position, segment in enumerate(segments, start=1):
            last = position == len(segments)
            if self._is_atomic(segment):
                with self._transaction():
                    self._apply(segment)
                    if last:
                        self._finish(record)
            else:
                self._apply_outside(segment[0])
                if last:
                    with self._transaction():
                        self._finish(record)

    def _segments(self) -> list[list[MigrationKey]]:
        """Pending migrations in runs that can share a transaction; others stand alone."""
        segments: list[list[MigrationKey]] = []
        for key in self.task.pending:
            if segments and self._is_atomic([key]) and self._is_atomic(segments[-1]):
                segments[-1].append(key)
            else:
                segments.append([key])
        return segments

    def _is_atomic(self, segment: list[MigrationKey]) -> bool:
        return self.code.migration(segment[0]).atomic

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A transaction in the right schema, under its lock, that only commits while it is ours."""
        with self.progress.of_one_transaction(), whole_transaction(self.connection):
            with self.connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {self.limits.lock_timeout_ms}")
                cursor.execute(f"SET LOCAL statement_timeout = {self.limits.statement_timeout_ms}")
                cursor.execute("SELECT current_schema()")
                if cursor.fetchone()[0] != self.task.schema_name:
                    raise Skipped("its schema is not there any more")
            if not locks.try_lock_transaction(self.connection, locks.TENANT, self.task.schema_name):
                raise Skipped("another run is working on it")
            self.still_ours(self.connection)
            yield
            self.still_ours(self.connection)

    def _prepare(self) -> None:
        """Check that the schema is as planned, record what is proven, create what is absent."""
        recorder = MigrationRecorder(self.connection)
        if recorder.has_table():
            self._check_ledger()
        else:
            recorder.ensure_schema()
        self._record_proven(recorder)
        repaired = repair(self.connection, self.task.remedies)
        self.progress.repaired += repaired.created
        self.progress.refused += repaired.refused
        self.executor = MigrationExecutor(self.connection)
        self.state = self.executor._create_project_state(with_applied_migrations=True)
        if self.task.pending:
            self._emit(emit_pre_migrate_signal, self.state.clone())

    def _record_proven(self, recorder: MigrationRecorder) -> None:
        """Rows of what is proven; a squashed one counts for Django only with all it replaces."""
        recorded = set(recorder.applied_migrations()) if self.task.record else set()
        for key in self.task.record:
            for row in (*self.code.migration(key).replaces, key):
                if row not in recorded:
                    recorder.record_applied(*row)
            self.progress.applied.append(label(key))

    def _check_ledger(self) -> None:
        """Lock the ledger against Django's own migrate, and read it again under the lock."""
        table = f"{quote(self.task.schema_name)}.{quote(LEDGER_TABLE)}"
        with self.connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute(f"SELECT app, name FROM {table}")
            if digest_of(cursor.fetchall()) != self.task.ledger_digest:
                raise Skipped("its ledger changed since it was read; ask again")

    def _apply(self, segment: list[MigrationKey]) -> None:
        """Migrations that share the open transaction, each with its ledger row."""
        for key in segment:
            self.progress.current = label(key)
            self._render()
            migration = self.executor.loader.graph.nodes[key]
            self.state = self.executor.apply_migration(self.state, migration)
            with self.connection.cursor() as cursor:
                # Django commits here, which fires deferred constraints. Without that, changing a
                # table in which rows were just written fails with "pending trigger events".
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            self.progress.applied.append(label(key))
        self.progress.current = ""

    def _apply_outside(self, key: MigrationKey) -> None:
        """A migration that must not run in a transaction, under a lock of the session."""
        self.progress.current = label(key)
        limit = self.limits.lock_timeout_ms * CONCURRENT_LOCK_FACTOR
        if not locks.try_lock(self.connection, locks.TENANT, self.task.schema_name):
            raise Skipped("another run is working on it")
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {limit}")
            self.still_ours(self.connection)
            self._render()
            migration = self.executor.loader.graph.nodes[key]
            self.state = apply_by_steps(
                self.connection, self.executor, self.state, migration, self.task.schema_name
            )
            self.progress.applied.append(label(key))
        finally:
            if self.connection.is_usable():
                with self.connection.cursor() as cursor:
                    cursor.execute("RESET lock_timeout")
                locks.unlock(self.connection, locks.TENANT, self.task.schema_name)
        self.progress.current = ""

    def _render(self) -> None:
        """Render all models of the state before a migration, as Django's executor does."""
        self.state.apps  # noqa: B018 - a cached property

    def _finish(self, record: Callable[[], None]) -> None:
        """What ``migrate`` does after the last migration, and the note that all is done."""
        self.executor.check_replacements()
        if self.task.pending or self.task.registrations:
            self.state.clear_delayed_apps_cache()
            self._emit(emit_post_migrate_signal, self.state)
        record()

    def _emit(self, emit: Callable[..., None], state: ProjectState) -> None:
        """Send Django's signal to every app, with the models that ``migrate`` would pass."""
        state_apps = state.apps
        if emit is emit_post_migrate_signal:
            with state_apps.bulk_update():
                keys = [(m.app_label, m.name_lower) for m in state_apps.real_models]
                for key in keys:
                    state_apps.unregister_model(*key)
            state_apps.render_multiple(
                [ModelState.from_model(apps.get_model(*key)) for key in keys]
            )
        plan = [(self.executor.loader.graph.nodes[key], False) for key in self.task.pending]
        emit(0, False, self.connection.alias, apps=state_apps, plan=plan)
