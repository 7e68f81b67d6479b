"""Migrations with ``atomic = False``: one operation at a time, under a journal.

Such a migration can be interrupted between its operations. What was done is known afterwards:
an operation that can run in a transaction commits together with its journal entry; a concurrent
index is decided by the catalog (an invalid one is dropped and built again); only code and SQL that
insist on running outside a transaction can't be proven, and end in quarantine when interrupted.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import router, transaction
from django.db.migrations import Migration, RunPython, RunSQL
from django.db.migrations.operations.base import Operation

from tenant_migrations.database import public_schema, quote, schema_in_use, whole_transaction
from tenant_migrations.fleet.graph import label
from tenant_migrations.models import StepJournal
from tenant_migrations.rollout.courses import Leg, Move
from tenant_migrations.rollout.failures import Unproven
from tenant_migrations.rollout.scripts import recording

CONCURRENTLY = (AddIndexConcurrently, RemoveIndexConcurrently)

INDEX = """
    SELECT x.indisvalid AND x.indisready
      FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
     WHERE c.relname = %s AND c.relnamespace = %s::regnamespace
"""


def apply_by_steps(connection: Any, leg: Leg, schema_name: str) -> None:
    """Run, or go on with, a migration with ``atomic = False`` in the schema that is in use.

    No transaction may be open. The ledger row and the end of the journal commit together. After
    any interruption the same call goes on where the last one ended; raises ``Unproven`` where that
    can't be told.
    """
    journal = _Journal(schema_name, leg.key)
    if journal.entry.unproven:
        raise Unproven(
            f"{label(leg.key)} was interrupted in operation {journal.entry.operations_done + 1}, "
            "which runs outside a transaction: nothing shows whether it is done"
        )
    for position, move in enumerate(leg.moves):
        if position >= journal.entry.operations_done:
            _Step(connection, leg.migration, move).run(journal)
    with transaction.atomic(using=connection.alias):
        with connection.cursor() as cursor:
            cursor.execute(recording(leg.rows))
        journal.close()


class _Journal:
    """The entry of one migration in one schema, kept in public."""

    def __init__(self, schema_name: str, key: tuple[str, str]) -> None:
        with schema_in_use(public_schema()):
            self.entry, _ = StepJournal.objects.get_or_create(
                schema_name=schema_name, app=key[0], name=key[1]
            )

    def done(self) -> None:
        self.entry.operations_done += 1
        self.entry.unproven = False
        self._save()

    def begin_unproven(self) -> None:
        self.entry.unproven = True
        self._save()

    def close(self) -> None:
        with schema_in_use(public_schema()):
            self.entry.delete()

    def _save(self) -> None:
        with schema_in_use(public_schema()):
            self.entry.save()


@dataclass(frozen=True)
class _Step:
    """One operation between two states."""

    connection: Any
    migration: Migration
    move: Move

    def run(self, journal: _Journal) -> None:
        """Do it in the way that leaves the least unproven."""
        operation = self.move.operation
        if isinstance(operation, CONCURRENTLY):
            if _index_still_to_do(self.connection, self.migration, operation):
                self._forwards(atomic=False)
            journal.done()
        elif _insists_on_autocommit(operation):
            journal.begin_unproven()
            self._forwards(atomic=False)
            journal.done()
        else:
            with whole_transaction(self.connection):
                self._forwards(atomic=True)
                journal.done()

    def _forwards(self, atomic: bool) -> None:
        with self.connection.schema_editor(atomic=atomic) as editor:
            self.move.operation.database_forwards(
                self.migration.app_label, editor, self.move.before, self.move.after
            )


def _insists_on_autocommit(operation: Operation) -> bool:
    """Code and SQL of the project, in a migration that asked for no transaction."""
    own = (RunPython, RunSQL)
    django = type(operation).__module__.startswith(("django.db.migrations.", "django.contrib."))
    return operation.atomic is not True and (isinstance(operation, own) or not django)


def _index_still_to_do(connection: Any, migration: Migration, operation: Any) -> bool:
    """Whether the catalog says that the operation is still to be done; clears a failed build."""
    if not router.allow_migrate(
        connection.alias, migration.app_label, model_name=operation.model_name_lower
    ):
        return True
    adding = isinstance(operation, AddIndexConcurrently)
    name = operation.index.name if adding else operation.name
    with connection.cursor() as cursor:
        cursor.execute(INDEX, (name, quote(connection.schema_name)))
        row = cursor.fetchone()
        if not adding:
            return row is not None
        if row and not row[0]:
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {quote(name)}")
        return row is None or not row[0]
