"""The engine: does tasks, one by one or in threads, and works nothing out twice.

For the first tenant of a group (same ledger, same work to do) the real operations run and are taken
down; in others like it the script is executed, and where none fits, one more is made. What has to
run for real runs one tenant at a time in this process, as a project's code is not written for
threads and rendered models keep caches.
"""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

import psycopg
from django_tenants.signals import schema_migrated, schema_pre_migration

from tenant_migrations.database import schema_in_use, tenant_connection
from tenant_migrations.fleet.graph import Code, MigrationKey, label
from tenant_migrations.fleet.ledger import digest_of, read_rows
from tenant_migrations.fleet.tenants import PUBLIC_KIND, TENANT_KIND
from tenant_migrations.locks import Holder
from tenant_migrations.maintenance import under_maintenance
from tenant_migrations.rollout import receivers
from tenant_migrations.rollout.applying import Application
from tenant_migrations.rollout.courses import Course
from tenant_migrations.rollout.failures import Skipped
from tenant_migrations.rollout.holding import Limits, Refusal, Unlike
from tenant_migrations.rollout.planning import Group, Task
from tenant_migrations.rollout.progress import Entry, Progress
from tenant_migrations.rollout.replay import Replay
from tenant_migrations.rollout.replayable import router_obstacle
from tenant_migrations.rollout.scripts import Script, Transcript

MOST_SCRIPTS = 8
"""Of one group: tenants that were made in different ways have their columns in different order."""


class Engine:
    """Courses and scripts of one run. ``apply`` may be called from several threads."""

    def __init__(self, code: Code, limits: Limits, holder: Holder) -> None:
        self._code = code
        self._limits = limits
        self._holder = holder
        self._one_at_a_time = threading.RLock()
        self._courses: dict[tuple[Any, ...], Course] = {}
        self._scripts: dict[Group, tuple[Script, ...]] = {}
        self._replays = not router_obstacle()
        self._needs_course = bool(receivers.before_migrating() or receivers.after_migrating())
        self._replaces_receivers = bool(receivers.replacements())
        self._tells = receivers.anybody_listens_to_schemas()

    def has_script(self, task: Task) -> bool:
        """Whether a tenant of its group has been done, so that this one is quick."""
        return task.group in self._scripts

    def is_shared(self, task: Task) -> bool:
        """Whether doing one tenant of its group makes the others quicker."""
        lone = task.kind == PUBLIC_KIND or task.registrations
        return self._replays and bool(task.pending) and not lone

    def apply(self, task: Task, progress: Progress, entry: Entry) -> None:
        """Do what a task says; guarantees and errors are those of ``applying.py``.

        The entry is begun before, and ended inside the last transaction, so that what it writes is
        true exactly when the work is. Sends django-tenants' signals around it. A tenant whose
        migrations say ``needs_maintenance = True`` is under maintenance meanwhile.
        """
        kind = None if task.kind in (PUBLIC_KIND, TENANT_KIND) else task.kind
        with self._maintenance(task):
            self._tell(schema_pre_migration, task)
            with schema_in_use(task.schema_name, kind=kind) as connection:
                scripts = self._scripts.get(task.group, ())
                try:
                    self._do(task, progress, entry, scripts, connection)
                except Unlike:
                    self._do(task, progress, entry, (), connection)
            self._tell(schema_migrated, task)

    def _do(
        self,
        task: Task,
        progress: Progress,
        entry: Entry,
        scripts: tuple[Script, ...],
        connection: Any,
    ) -> None:
        """With scripts, unless it raises ``Unlike``."""
        if self._is_replay(scripts, task) and not connection.in_atomic_block:
            holder, limits = self._holder, self._limits
            Replay(task, limits, progress, holder, entry, scripts, connection).run()
            return
        entry.begin()
        self._run(
            Application(
                task, self._code, self._limits, progress, self._holder, entry, scripts=scripts
            )
        )

    def _is_replay(self, scripts: Sequence[Script], task: Task) -> bool:
        """Whether there is a ledger, and nothing is to be done but what scripts hold."""
        more = task.record or task.remedies or self._needs_course or self._replaces_receivers
        return bool(task.ledger_digest) and _are_whole(scripts, task) and not more

    def _maintenance(self, task: Task) -> AbstractContextManager[None]:
        """The guard's page for the tenant's visitors where a migration says that it needs it."""
        for key in task.pending:
            if getattr(self._code.migration(key), "needs_maintenance", False):
                return under_maintenance(task.schema_name, f"migrating {label(key)}")
        return nullcontext()

    def _run(self, application: Application) -> None:
        scripts, task = application.scripts, application.task
        with ExitStack() as stack:
            if not _are_whole(scripts, task) or self._needs_course:
                stack.enter_context(self._one_at_a_time)
                application.course = self._course(task)
                application.course.forget()
            known = self._scripts.get(task.group, ())
            if not scripts and self.is_shared(task) and len(known) < MOST_SCRIPTS:
                application.transcript = Transcript()
            application.run()
            if taken_down := application.taken_down():
                self._scripts[task.group] = (taken_down, *known)

    def _course(self, task: Task) -> Course:
        """The course from a task's ledger. Receivers get its plan, and don't change its legs."""
        way = (task.kind, task.ledger_digest, task.record, task.pending)
        if way not in self._courses:
            ledger = self._ledger(task)
            for key in task.record:
                ledger |= {key, *self._code.migration(key).replaces}
            alias = tenant_connection().alias
            self._courses[way] = Course.of(self._code, ledger, task.pending, alias)
        return self._courses[way]

    def _ledger(self, task: Task) -> set[MigrationKey]:
        """What the schema records now; read again, and compared, under the lock."""
        if not task.ledger_digest:
            return set()
        connection = tenant_connection()
        connection.ensure_connection()
        try:
            ledger = read_rows(connection.connection, task.schema_name)
        except psycopg.errors.UndefinedTable as error:
            raise Skipped(Refusal.GONE.value) from error
        if digest_of(key for _, key in ledger.rows) != task.ledger_digest:
            raise Skipped("its ledger changed since it was read; ask again")
        return set(ledger.keys)

    def _tell(self, signal: Any, task: Task) -> None:
        if self._tells:
            with self._one_at_a_time:
                signal.send(Engine, schema_name=task.schema_name)


def _are_whole(scripts: Sequence[Script], task: Task) -> bool:
    """Whether there are scripts, and no pending migration has to run for real."""
    return bool(scripts) and scripts[0].texts.keys() >= set(task.pending)
