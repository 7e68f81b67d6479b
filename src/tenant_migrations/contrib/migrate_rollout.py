"""What ``migrate_schemas`` changes, as a rollout: under the fleet lock, and on record."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from django.db import DatabaseError

from tenant_migrations.contrib.migrate_reading import Look, Reader
from tenant_migrations.contrib.migrate_request import Request
from tenant_migrations.database import one_line, public_schema, schema_in_use
from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.fleet.graph import MigrationKey
from tenant_migrations.fleet.ledger import digest_of
from tenant_migrations.locks import FleetLock
from tenant_migrations.models import Quarantine
from tenant_migrations.rollout.applying import Limits, Progress
from tenant_migrations.rollout.attempting import attempt_task
from tenant_migrations.rollout.engine import Engine
from tenant_migrations.rollout.failures import Consequence, Skipped
from tenant_migrations.rollout.planning import Plan, Skip, Task
from tenant_migrations.rollout.recording import Record
from tenant_migrations.rollout.reversing import Reversal, reverse
from tenant_migrations.vocabulary import OutcomeState, TenantStatus

TRIGGER = "migrate_schemas"
RELEASE = "manage.py verify_tenant_migrations --fix --retry-quarantined"


class Rollout:
    """One run; enter it before anything is changed.

    Holds the fleet lock meanwhile; each schema commits by itself. Raises ``Busy`` on entry where
    another run holds the lock. A run that dies leaves whole schemas only, and the next one records
    it as crashed.
    """

    def __init__(self, reader: Reader, looks: Sequence[Look]) -> None:
        self.reader = reader
        self.looks = {look.schema.name: look for look in looks}
        self.stopped = ""
        """Why no further schema would fare better; empty while there is hope."""
        self._lock = FleetLock()
        self._engine = Engine(reader.code, Limits(), self._lock.check)

    def __enter__(self) -> Self:
        self._lock.__enter__()
        try:
            self._open()
        except BaseException as error:
            self._lock.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        reason = self.stopped
        if error is not None:
            reason = one_line(error) if isinstance(error, Exception) else "interrupted"
        # Where it can't be recorded, the next run finds this one with nobody holding the lock.
        with suppress(DatabaseError, DatabaseUnavailable):
            self._record.close(reason)
        self._lock.__exit__(kind, error, trace)

    def run(self, look: Look) -> str:
        """Do what is to be done to one schema; why it failed, or empty.

        One transaction, as ``applying.py`` says; tried again where that may help.
        """
        task = self._tasks.get(look.schema.name)
        if task is None:
            return self._skipped[look.schema.name]
        failure = attempt_task(task, self._record, self._apply, self._plan_again)
        if failure is not None:
            at = f"{failure.migration}: " if failure.migration else ""
            code = f" (SQLSTATE {failure.sqlstate})" if failure.sqlstate else ""
            if failure.consequence is Consequence.STOP:
                self.stopped = f"{task.schema_name}: {failure.message}"
            return f"{at}{failure.message}{code}"
        return self._why_skipped(task)

    def _open(self) -> None:
        variants = self.reader.variants([*self.looks.values()])
        quarantined = self._quarantined()
        self._tasks = {
            name: self._task(look, variants[name])
            for name, look in self.looks.items()
            if name not in quarantined
        }
        reason = "it is in quarantine"
        self._skipped = dict.fromkeys(quarantined, f"{reason}; release it with {RELEASE}")
        skips = [Skip(name, TenantStatus.QUARANTINED, reason, RELEASE) for name in quarantined]
        revision = self.reader.code.revision
        self._record = Record.open(TRIGGER, revision, _described(self.reader.request))
        self._record.plan(Plan(tuple(self._tasks.values()), tuple(skips)))

    def _quarantined(self) -> list[str]:
        with schema_in_use(public_schema()):
            rows = Quarantine.objects.filter(schema_name__in=self.looks)
            return sorted(rows.values_list("schema_name", flat=True))

    def _task(self, look: Look, variant: str) -> Task:
        fake = self.reader.request.fake
        return Task(
            look.schema.name,
            look.schema.kind,
            TenantStatus.OK if look.steps.backwards else TenantStatus.PENDING,
            look.ledger_digest,
            variant,
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
        return self._task(look, self.reader.variants([look])[task.schema_name])

    def _apply(self, task: Task, done: Progress, record: Callable[[], None]) -> None:
        code = self.reader.code
        back = self.looks[task.schema_name].steps.backwards
        if not back:
            self._engine.apply(task, done, record)
            return
        reverse(
            Reversal(task.schema_name, task.kind, code.ledger_of(back)),
            code,
            Limits(),
            still_ours=self._lock.check,
            check_ledger=lambda ledger: _refuse_other_ledger(ledger, task),
            record=lambda _: record(),
        )

    def _why_skipped(self, task: Task) -> str:
        with schema_in_use(public_schema()):
            outcome = self._record.rollout.outcomes.get(schema_name=task.schema_name)
        return "" if outcome.state == OutcomeState.FIXED else outcome.message


def _described(request: Request) -> dict[str, Any]:
    return {"target": [request.app_label, request.migration_name], "fake": request.fake}


def _refuse_other_ledger(ledger: Iterable[MigrationKey], task: Task) -> None:
    if digest_of(ledger) != task.ledger_digest:
        raise Skipped("its ledger changed since it was read; ask again")
