"""Reversing: takes given migrations of one schema back by their own reverse operations.

Guarantees. All of them, their ledger rows, and the note that it was done go in one transaction, or
nothing does: Django's executor removes the ledger row after the commit of the operations, which a
crash in between leaves behind for ever. The schema's advisory lock and its ledger are locked
first, and the ledger is read again under them.
"""

from collections.abc import Callable, Collection, Iterable
from copy import copy
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db.migrations import (
    AddIndex,
    Migration,
    RemoveIndex,
    RunPython,
    RunSQL,
    SeparateDatabaseAndState,
)
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState
from django_tenants.signals import schema_migrated, schema_pre_migration

from tenant_migrations.database import quote, schema_in_use, tenant_connection, whole_transaction
from tenant_migrations.exceptions import Refused
from tenant_migrations.fleet.findings import named
from tenant_migrations.fleet.graph import Code, LedgerLoader, MigrationKey, label
from tenant_migrations.fleet.ledger import LEDGER_TABLE
from tenant_migrations.fleet.tenants import PUBLIC_KIND, TENANT_KIND
from tenant_migrations.locks import Holder
from tenant_migrations.rollout.holding import (
    Limits,
    hold,
    lock_ledger,
    refusals,
)
from tenant_migrations.rollout.steps import CONCURRENTLY

Plan = tuple[MigrationKey, ...]


def plan_reversal(
    code: Code, ledger: Collection[MigrationKey], keys: Iterable[MigrationKey]
) -> Plan:
    """The given migrations that a ledger records, newest first, as Django would take them back.

    A squashed migration stands for those that it replaces. Reads nothing. Raises ``Refused`` where
    one is not in this code, where others that stay depend on one, and where one has no way back.
    """
    recorded = frozenset(ledger)
    wanted = recorded.intersection(keys)
    if absent := sorted(wanted - code.known):
        raise Refused(
            f"this code does not have {_named(absent)}: undo with the code that applied them"
        )
    loader = code.loader_for(recorded)
    nodes = frozenset(_node(loader, key, wanted) for key in wanted)
    _refuse_dependants(loader, recorded, nodes)
    order = [key for leaf in loader.graph.leaf_nodes() for key in loader.graph.forwards_plan(leaf)]
    plan = tuple(key for key in reversed(dict.fromkeys(order)) if key in nodes)
    for key in plan:
        _refuse_without_way_back(loader.graph.nodes[key])
    return plan


@dataclass(frozen=True)
class Reversal:
    """What is to be undone in one schema."""

    schema_name: str
    kind: str
    keys: Collection[MigrationKey]


def reverse(
    task: Reversal,
    code: Code,
    limits: Limits,
    *,
    holder: Holder | None = None,
    check_ledger: Callable[[frozenset[MigrationKey]], None] = lambda ledger: None,
    record: Callable[[Plan], None] = lambda plan: None,
) -> Plan:
    """Take migrations back; what was taken back, newest first.

    Keys that the ledger does not record are passed over, so that a repetition does nothing. One
    transaction, under the advisory lock of the schema and a lock on its ledger. ``check_ledger`` is
    given what the ledger records under these locks and raises to leave everything as it is;
    ``holder`` is asked for at the start and before the commit; ``record`` is called last inside the
    transaction, so that what it writes is true exactly when the work is.

    Raises ``Refused`` as ``plan_reversal``, ``Skipped`` where another run works on the schema or it
    is gone, and whatever the operations raise; then nothing has changed.
    """
    connection: Any = tenant_connection()
    tenant_type = None if task.kind in (PUBLIC_KIND, TENANT_KIND) else task.kind
    schema_pre_migration.send(reverse, schema_name=task.schema_name)
    with schema_in_use(task.schema_name, kind=tenant_type), whole_transaction(connection):
        with connection.cursor() as cursor, refusals():
            cursor.execute(hold(task.schema_name, limits, holder))
        ledger = _locked_ledger(connection, task.schema_name)
        check_ledger(ledger)
        plan = plan_reversal(code, ledger, task.keys)
        if plan:
            _run(_Executor(connection), plan)
        record(plan)
        if holder:
            holder.check(connection)
    schema_migrated.send(reverse, schema_name=task.schema_name)
    return plan


class _Executor(MigrationExecutor):
    """Django's, inside one transaction, with constraints checked after each migration."""

    def unapply_migration(self, state: ProjectState, migration: Any, fake: bool = False) -> Any:
        state = super().unapply_migration(state, _in_transaction(migration), fake)
        with self.connection.cursor() as cursor:
            # Django commits here. Without that, changing a table in which rows were just written
            # fails with "pending trigger events".
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        return state


def _run(executor: Any, plan: Plan) -> None:
    """As ``migrate`` goes backward, with the signals that it sends."""
    graph = executor.loader.graph
    steps = [(graph.nodes[key], True) for key in plan]
    full_plan = executor.migration_plan(graph.leaf_nodes(), clean_start=True)
    alias = executor.connection.alias
    before = executor._create_project_state(with_applied_migrations=True)
    emit_pre_migrate_signal(0, False, alias, apps=before.apps, plan=steps)
    state = executor._migrate_all_backwards(steps, full_plan, fake=False)
    executor.check_replacements()
    state.clear_delayed_apps_cache()
    state_apps = state.apps
    with state_apps.bulk_update():
        models = [(model.app_label, model.name_lower) for model in state_apps.real_models]
        for model in models:
            state_apps.unregister_model(*model)
    state_apps.render_multiple([ModelState.from_model(apps.get_model(*model)) for model in models])
    emit_post_migrate_signal(0, False, alias, apps=state_apps, plan=steps)


def _in_transaction(migration: Migration) -> Migration:
    """The same migration with indexes dropped and built as a transaction allows: with a lock."""
    same = copy(migration)
    vars(same)["operations"] = [_plain(operation) for operation in migration.operations]
    return same


def _plain(operation: Operation) -> Operation:
    if isinstance(operation, AddIndexConcurrently):
        return AddIndex(operation.model_name, operation.index)
    if isinstance(operation, RemoveIndexConcurrently):
        return RemoveIndex(operation.model_name, operation.name)
    return operation


def _locked_ledger(connection: Any, schema_name: str) -> frozenset[MigrationKey]:
    """What the ledger records, locked against Django's own migrate."""
    table = f"{quote(schema_name)}.{quote(LEDGER_TABLE)}"
    with connection.cursor() as cursor:
        cursor.execute(lock_ledger(schema_name))
        cursor.execute(f"SELECT app, name FROM {table}")
        return frozenset((app, name) for app, name in cursor.fetchall())


def _node(loader: LedgerLoader, key: MigrationKey, wanted: frozenset[MigrationKey]) -> MigrationKey:
    """The node of Django's graph that stands for a migration: itself, or what replaces it."""
    if key in loader.graph.nodes:
        return key
    for squash, migration in loader.replacements.items():
        if key in migration.replaces and squash in loader.graph.nodes:
            if staying := [part for part in migration.replaces if part not in wanted]:
                raise Refused(
                    f"{label(key)} is part of {label(squash)}, which can only be undone as a "
                    f"whole, with {_named(staying)}"
                )
            return squash
    raise Refused(f"this code does not have {label(key)}: undo with the code that applied it")


def _refuse_dependants(
    loader: LedgerLoader, recorded: frozenset[MigrationKey], nodes: frozenset[MigrationKey]
) -> None:
    applied = recorded | frozenset(loader.applied_migrations)
    dependants = {
        child.key
        for key in nodes
        for child in loader.graph.node_map[key].children
        if child.key in applied and child.key not in nodes
    }
    if dependants:
        raise Refused(f"{_named(sorted(dependants))} would stay and depend on what is undone")


def _refuse_without_way_back(migration: Migration) -> None:
    name = label((migration.app_label, migration.name))
    for operation in migration.operations:
        if not _is_reversible(operation):
            raise Refused(f"{name} can't be reversed: {operation.describe()} has no way back")
        if not migration.atomic and _insists_on_autocommit(operation):
            raise Refused(
                f"{name} can't be reversed inside a transaction: "
                f"{operation.describe()} runs outside of one"
            )


def _is_reversible(operation: Operation) -> bool:
    if isinstance(operation, SeparateDatabaseAndState):
        return all(map(_is_reversible, operation.database_operations))
    if isinstance(operation, RunPython):
        return operation.reverse_code is not None
    if isinstance(operation, RunSQL):
        return operation.reverse_sql is not None
    return bool(operation.reversible)


def _insists_on_autocommit(operation: Operation) -> bool:
    """Code and SQL of the project, in a migration that asked for no transaction."""
    own = isinstance(operation, (RunPython, RunSQL, SeparateDatabaseAndState))
    return own and operation.atomic is not True and not isinstance(operation, CONCURRENTLY)


def _named(keys: Iterable[MigrationKey]) -> str:
    return named([*map(label, keys)])
