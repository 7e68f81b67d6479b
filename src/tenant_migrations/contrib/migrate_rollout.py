"""What ``migrate_schemas`` changes, as a rollout: under the fleet lock, and on record."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Self

from django.db import DatabaseError

from tenant_migrations import conf
from tenant_migrations.contrib.migrate_reading import Look, Reader
from tenant_migrations.contrib.migrate_request import Request
from tenant_migrations.database import one_line, public_schema, schema_in_use
from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.fleet.graph import MigrationKey
from tenant_migrations.fleet.ledger import digest_of
from tenant_migrations.fleet.tenants import PUBLIC_KIND
from tenant_migrations.locks import FleetLock
from tenant_migrations.models import Quarantine
from tenant_migrations.rollout.attempting import attempt_task
from tenant_migrations.rollout.budget import Budget
from tenant_migrations.rollout.crew import Crew, Stop
from tenant_migrations.rollout.engine import Engine
from tenant_migrations.rollout.failures import Failure, Skipped
from tenant_migrations.rollout.heartbeat import beating
from tenant_migrations.rollout.holding import Limits
from tenant_migrations.rollout.ordering import Sizes, groups, waves
from tenant_migrations.rollout.planning import Plan, Skip, Task
from tenant_migrations.rollout.preflight import preflight
from tenant_migrations.rollout.progress import Entry, Progress
from tenant_migrations.rollout.recording import Record
from tenant_migrations.rollout.reversing import Reversal, reverse
from tenant_migrations.vocabulary import TenantStatus, Wave

TRIGGER = "migrate_schemas"
RELEASE = "manage.py verify_tenant_migrations --fix --retry-quarantined"
QUARANTINED = "it is in quarantine"

Told = Callable[[Look, str], None]
"""Told of each schema when it is through, and why it failed, or empty."""


class Rollout:
    """One run; enter it before anything is changed.

    Holds the fleet lock meanwhile; each schema commits by itself. Raises on entry ``Busy`` where
    another run holds the lock, and ``DatabaseUnavailable`` where the server is not fit for a run.
    A run that dies leaves whole schemas only, and the next one records it as crashed.
    """

    def __init__(self, reader: Reader, looks: Sequence[Look]) -> None:
        self.reader = reader
        self.looks = {look.schema.name: look for look in looks}
        self.limits = Limits()
        self.stop = Stop()
        self.budget = Budget(len(looks), conf.get().SAME_FAILURE_LIMIT)

    def __enter__(self) -> Self:
        goes_back = any(look.steps.backwards for look in self.looks.values())
        # What goes backward runs code of the project, which is not written for threads.
        jobs = 1 if goes_back else conf.get().JOBS
        found = preflight(jobs, tenants=self.looks.keys() != {public_schema()})
        self._jobs, self._pages = found.jobs, found.pages
        with ExitStack() as stack:
            self._lock = stack.enter_context(FleetLock())
            self._engine = Engine(self.reader.code, self.limits, self._lock.holder)
            self._open()
            stack.enter_context(beating(self._lock, self._record.rollout.pk))
            stack.enter_context(self.stop.on_signals())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        reason = self.stop.reason
        if error is not None:
            reason = one_line(error) if isinstance(error, Exception) else "interrupted"
        with self._stack, suppress(DatabaseError, DatabaseUnavailable):
            # Where it can't be recorded, the next run finds this one with nobody holding the lock.
            self._record.close(reason)

    def run(self, looks: Sequence[Look], told: Told, *, in_order: bool) -> None:
        """Do what is to be done to these schemas, until the run has to stop.

        Each is one transaction, as ``applying.py`` and ``reversing.py`` say, and tried again where
        that may help. Unless they are wanted in this order, one of each group comes first, so that
        what is worked out for it serves the others, then the rest in waves and in threads.
        """
        tasks = []
        for look in looks:
            if task := self._tasks.get(look.schema.name):
                tasks.append(task)
            else:
                told(look, f"{QUARANTINED}; release it with {RELEASE}")
        if in_order or len(tasks) < 2:
            is_public = all(task.kind == PUBLIC_KIND for task in tasks)
            self._do(Wave.PUBLIC if is_public else Wave.REST, tasks, told, 1)
            return
        sizes = Sizes.read([task.schema_name for task in tasks], self._pages)
        tried = self._first_of_groups(tasks, sizes, told)
        rest = [task for task in tasks if task.schema_name not in tried]
        for wave, part in waves(rest, sizes).items():
            self._do(wave, part, told, self._jobs)

    def _first_of_groups(self, tasks: Sequence[Task], sizes: Sizes, told: Told) -> set[str]:
        tried: set[str] = set()
        shared = [task for task in tasks if self._engine.is_shared(task)]
        for members in groups(shared, sizes):
            for task in members:
                if self._engine.has_script(task) or self.stop.reason:
                    break
                self._do(Wave.FIRST, [task], told, 1)
                tried.add(task.schema_name)
        return tried

    def _do(self, wave: Wave, tasks: Sequence[Task], told: Told, jobs: int) -> None:
        if not tasks or self.stop.reason:
            return
        self._record.wave(wave, [task.schema_name for task in tasks])

        def ended(task: Task, failure: Failure | None) -> str:
            look = self.looks[task.schema_name]
            if failure is None:
                told(look, self._record.left_alone.get(task.schema_name, ""))
                return ""
            told(look, _said(failure))
            self._record.quarantine_after(conf.get().QUARANTINE_AFTER, task.schema_name, failure)
            return self.budget.spend(task.schema_name, failure)

        Crew(jobs, self.stop, self._attempt, ended).do(tasks)

    def _attempt(self, task: Task) -> Failure | None:
        return attempt_task(task, self._record, self._apply, self._plan_again)

    def _open(self) -> None:
        with schema_in_use(public_schema()):
            names = Quarantine.objects.values_list("schema_name", flat=True)
            quarantined = sorted(self.looks.keys() & names)
        self._tasks = {
            name: self._task(look) for name, look in self.looks.items() if name not in quarantined
        }
        skips = [Skip(name, TenantStatus.QUARANTINED, QUARANTINED, RELEASE) for name in quarantined]
        revision = self.reader.code.revision
        self._record = Record.open(TRIGGER, revision, _described(self.reader.request))
        self._record.plan(Plan(tuple(self._tasks.values()), tuple(skips)))

    def _task(self, look: Look) -> Task:
        fake = self.reader.request.fake
        return Task(
            look.schema.name,
            look.schema.kind,
            TenantStatus.OK if look.steps.backwards else TenantStatus.PENDING,
            look.ledger_digest,
            # Structures are not read: schemas of one kind and ledger are one variant in the record.
            f"{look.schema.kind}-{look.ledger_digest[:8]}",
            pending=() if fake else look.steps.forwards,
            record=look.steps.forwards if fake else (),
            registrations=look.incomplete,
        )

    def _plan_again(self, task: Task) -> Task | Skip | None:
        """The task as it stands now: a commit whose reply was lost may have done it already."""
        (look,) = self.reader.read([self.looks[task.schema_name].schema])
        if reason := look.error or look.not_covered:
            return Skip(task.schema_name, TenantStatus.UNKNOWN, reason, "")
        if look.is_idle:
            return None
        self.looks[task.schema_name] = look
        return self._task(look)

    def _apply(self, task: Task, done: Progress, entry: Entry) -> None:
        code = self.reader.code
        back = self.looks[task.schema_name].steps.backwards
        if not back:
            self._engine.apply(task, done, entry)
            return
        entry.begin()
        reverse(
            Reversal(task.schema_name, task.kind, code.ledger_of(back)),
            code,
            self.limits,
            holder=self._lock.holder,
            check_ledger=lambda ledger: _refuse_other_ledger(ledger, task),
            record=lambda _: entry.end(),
        )


def _described(request: Request) -> dict[str, Any]:
    return {"target": [request.app_label, request.migration_name], "fake": request.fake}


def _said(failure: Failure) -> str:
    at = f"{failure.migration}: " if failure.migration else ""
    code = f" (SQLSTATE {failure.sqlstate})" if failure.sqlstate else ""
    return f"{at}{failure.message}{code}"


def _refuse_other_ledger(ledger: Iterable[MigrationKey], task: Task) -> None:
    if digest_of(ledger) != task.ledger_digest:
        raise Skipped("its ledger changed since it was read; ask again")
