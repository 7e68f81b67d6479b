"""Applying: brings one schema to the code.

Guarantees. Everything that a task does to a schema (repairs, migrations, their ledger rows, what
``post_migrate`` adds) and the note that it was done commit in one transaction, or not at all.
Migrations with ``atomic = False`` divide the task into several such transactions and run between
them under a journal (``steps.py``). The schema's advisory lock and its ledger table are locked
first, and the ledger is read again under them: nothing is applied on top of what somebody else is
doing. ``lock_timeout`` and ``statement_timeout`` bound every statement.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from django.core.management.sql import emit_post_migrate_signal
from django.db.models.signals import post_migrate, pre_migrate

from tenant_migrations import locks
from tenant_migrations.database import tenant_connection, whole_transaction
from tenant_migrations.fleet.graph import Code, MigrationKey, label
from tenant_migrations.fleet.ledger import Recorder, digest_statement
from tenant_migrations.fleet.likeness import read_prints, read_relations
from tenant_migrations.fleet.permissions import Registry
from tenant_migrations.locks import Holder
from tenant_migrations.rollout import receivers
from tenant_migrations.rollout.courses import Course
from tenant_migrations.rollout.failures import Skipped
from tenant_migrations.rollout.holding import (
    Limits,
    Refusal,
    Unlike,
    hold,
    last_answer,
    lock_ledger,
    refusals,
)
from tenant_migrations.rollout.planning import Task
from tenant_migrations.rollout.progress import Entry, Progress
from tenant_migrations.rollout.registrations import Registrations
from tenant_migrations.rollout.repair import repair
from tenant_migrations.rollout.replayable import obstacle
from tenant_migrations.rollout.scripts import (
    SETTLE,
    Script,
    Transcript,
    fitting,
    recording,
)
from tenant_migrations.rollout.steps import apply_by_steps

CONCURRENT_LOCK_FACTOR = 15
"""A concurrent index waits for old transactions, and nobody waits behind it: it may wait longer."""


@dataclass(eq=False)
class Application:
    """One task in one schema, which is in use on this thread's connection.

    With scripts, what they hold is executed from the one that fits; the rest runs for real on the
    course. Raises ``Skipped`` when the schema is in other hands or not as planned, ``Unlike`` when
    no script fits, ``Unproven`` from a journal, and whatever the operations raise.
    """

    task: Task
    code: Code
    limits: Limits
    progress: Progress
    holder: Holder
    """Asked for before anything is done and before each commit."""
    entry: Entry
    """Ended inside the last transaction, so that what it writes is true when the work is."""
    course: Course | None = None
    """None where scripts hold everything."""
    scripts: tuple[Script, ...] = ()
    """Of which the first that fits is used."""
    transcript: Transcript | None = None
    """Where what is done is taken down for other tenants."""
    connection: Any = field(default_factory=tenant_connection)
    script: Script | None = field(default=None, init=False)

    def run(self) -> None:
        """One transaction, or several where a migration runs outside of one."""
        parts = self._parts()
        first = parts.pop(0) if parts and self._is_atomic(parts[0][0]) else []
        with self._transaction() as cursor:
            self._prepare(cursor)
            self._apply(cursor, first)
            if not parts:
                self._finish(cursor)
        for part in parts:
            if not self._is_atomic(part[0]):
                self._apply_outside(part[0])
                if part is not parts[-1]:
                    continue
            with self._transaction() as cursor:
                self._apply(cursor, part if self._is_atomic(part[0]) else [])
                if part is parts[-1]:
                    self._finish(cursor)

    def taken_down(self) -> Script | None:
        """The script, once this has run; none where rows of this tenant stood in the way."""
        if not (self.transcript and self.course) or self.progress.refused:
            return None
        return self.transcript.script(self.course)

    def _parts(self) -> list[list[MigrationKey]]:
        """Pending migrations in runs that can share a transaction; others stand alone."""
        parts: list[list[MigrationKey]] = []
        for key in self.task.pending:
            if parts and self._is_atomic(key) and self._is_atomic(parts[-1][0]):
                parts[-1].append(key)
            else:
                parts.append([key])
        return parts

    @property
    def _way(self) -> Course:
        if self.course is None:
            raise RuntimeError("what no script holds needs a course")
        return self.course

    def _is_atomic(self, key: MigrationKey) -> bool:
        return self.code.migration(key).atomic

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        """A transaction in the right schema, under its lock, that only commits while it is ours.

        Gives a cursor with the schema in its search path.
        """
        with (
            self.progress.of_one_transaction(),
            whole_transaction(self.connection),
            self.connection.cursor() as cursor,
        ):
            with refusals():
                cursor.execute(hold(self.task.schema_name, self.limits, self.holder))
            yield cursor
            self.holder.check(self.connection)

    def _prepare(self, cursor: Any) -> None:
        """Check that the schema is as planned, record what is proven, create what is absent."""
        recorder = Recorder(self.connection)
        if self.task.ledger_digest or recorder.has_table():
            self._check_ledger(cursor)
        else:
            recorder.ensure_schema()
        self._record_proven(recorder)
        if self.task.remedies:
            repaired = repair(self.connection, self.task.remedies)
            self.progress.repaired += repaired.created
            self.progress.refused += repaired.refused
        if self.transcript or self.scripts:
            self._compare(cursor)
        if self.course and self.task.pending:
            receivers.call(
                receivers.before_migrating(),
                pre_migrate,
                using=self.connection.alias,
                apps=self.course.apps_before,
                plan=self.course.plan,
            )

    def _check_ledger(self, cursor: Any) -> None:
        """Lock the ledger against Django's own migrate, and read it again under the lock.

        Where a script is all that is to be done, whether it fits tells that with less to read.
        """
        lock = lock_ledger(self.task.schema_name)
        if self.scripts and not (self.task.record or self.task.remedies):
            cursor.execute(lock)
            return
        cursor.execute(f"{lock};{digest_statement(self.task.schema_name)}")
        if last_answer(cursor) != (self.task.ledger_digest,):
            raise Skipped("its ledger changed since it was read; ask again")

    def _record_proven(self, recorder: Recorder) -> None:
        """Rows of what is proven; a squashed one counts for Django only with all it replaces."""
        recorded = set(recorder.applied_migrations()) if self.task.record else set()
        for key in self.task.record:
            for row in (*self.code.migration(key).replaces, key):
                if row not in recorded:
                    recorder.record_applied(*row)
            self.progress.applied.append(label(key))

    def _compare(self, cursor: Any) -> None:
        """Take down how the schema looks, or find the script that was made for what looks so."""
        raw, schema = self.connection.connection, self.task.schema_name
        held = self._registrations.held(cursor)
        if self.transcript:
            self.transcript.relations = read_relations(raw, schema)
            self.transcript.before = read_prints(
                raw, schema, sorted(set(self.transcript.relations.values()))
            )
            self.transcript.held = held
        if self.scripts:
            self.script = fitting(self.scripts, raw, schema, held)
            if self.script is None or self.progress.refused:
                raise Unlike

    def _apply(self, cursor: Any, keys: Sequence[MigrationKey]) -> None:
        """Migrations that share the open transaction, each with its ledger rows."""
        for key in keys:
            self.progress.current = label(key)
            if self.script and key in self.script.texts:
                cursor.execute(self.script.texts[key])
            else:
                self._perform(cursor, key)
            self.progress.applied.append(label(key))
        self.progress.current = ""

    def _perform(self, cursor: Any, key: MigrationKey) -> None:
        """One migration by its own operations."""
        leg = self._way.leg(key)
        editor = self.connection.schema_editor(atomic=True)
        is_steady = not obstacle(leg.migration)
        taken_down = (
            self.transcript.of(key, editor) if self.transcript and is_steady else nullcontext()
        )
        with taken_down, editor:
            for move in leg.moves:
                if not is_steady:
                    move.settle()
                move.operation.database_forwards(key[0], editor, move.before, move.after)
        cursor.execute(";".join([recording(leg.rows), *SETTLE]))

    def _apply_outside(self, key: MigrationKey) -> None:
        """A migration that must not run in a transaction, under a lock of the session."""
        self.progress.current = label(key)
        limit = self.limits.lock_timeout_ms * CONCURRENT_LOCK_FACTOR
        if not locks.try_lock(self.connection, locks.TENANT, self.task.schema_name):
            raise Skipped(Refusal.TAKEN.value)
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {limit}")
            self.holder.check(self.connection)
            apply_by_steps(self.connection, self._way.leg(key), self.task.schema_name)
            self.progress.applied.append(label(key))
        finally:
            if self.connection.is_usable():
                with self.connection.cursor() as cursor:
                    cursor.execute("RESET lock_timeout")
                locks.unlock(self.connection, locks.TENANT, self.task.schema_name)
        self.progress.current = ""

    def _finish(self, cursor: Any) -> None:
        """What ``migrate`` does after the last migration, and the note that all is done."""
        if closing := (self.script or self._way).closing:
            cursor.execute(recording(closing))
        if self.task.pending or self.task.registrations:
            if self.script:
                self._register_from(self.script, cursor)
            else:
                self._register(cursor)
        self.entry.end()

    @property
    def _registrations(self) -> Registrations:
        return Registrations(self.task.schema_name, Registry.of(self.task.kind))

    def _register(self, cursor: Any) -> None:
        """All receivers of ``post_migrate`` are called, as Django does."""
        if self.transcript and not self._registrations.are_there(cursor):
            self.transcript = None
        if self.transcript:
            last = self._registrations.last(cursor)
        emit_post_migrate_signal(
            0,
            False,
            self.connection.alias,
            apps=self._way.apps_after,
            plan=self._way.plan,
        )
        if self.transcript:
            self.transcript.registrations = self._registrations.added_since(cursor, last)

    def _register_from(self, script: Script, cursor: Any) -> None:
        """Rows where a script has them; receivers that make no such rows are called."""
        if script.registrations:
            cursor.execute(script.registrations)
        for replacement in receivers.replacements():
            replacement(self.task.schema_name)
        if self.course:
            receivers.call(
                receivers.after_migrating(),
                post_migrate,
                using=self.connection.alias,
                apps=self.course.apps_after,
                plan=self.course.plan,
            )
