"""Running: one rollout from the fleet lock to its last record.

Public first, then the reference, then canaries, one tenant of each group by itself, and the rest in
waves. A tenant that fails costs the others nothing; what no tenant would survive ends the run, and
what it did not reach is recorded as not attempted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol

from django.db import DatabaseError

from tenant_migrations import conf
from tenant_migrations.apps import TenantMigrationsConfig
from tenant_migrations.database import one_line, public_schema
from tenant_migrations.exceptions import DatabaseUnavailable, Refused, WrongUse
from tenant_migrations.fleet.expectation import Reference
from tenant_migrations.fleet.findings import Finding, named
from tenant_migrations.fleet.graph import Code, MigrationKey, label
from tenant_migrations.fleet.report import FleetReport, SchemaReport
from tenant_migrations.fleet.survey import Question, survey, survey_public, who_is_asked_about
from tenant_migrations.fleet.tenants import PUBLIC_KIND, of_public
from tenant_migrations.locks import FleetLock
from tenant_migrations.models import TenantOutcome
from tenant_migrations.provisioning.reference import bring_forward
from tenant_migrations.rollout.attempting import attempt_task
from tenant_migrations.rollout.budget import Budget, allowed_failures
from tenant_migrations.rollout.crew import Crew, Ended, Stop
from tenant_migrations.rollout.engine import Engine
from tenant_migrations.rollout.failures import Failure
from tenant_migrations.rollout.heartbeat import beating
from tenant_migrations.rollout.holding import Limits
from tenant_migrations.rollout.ordering import Sizes, groups, waves
from tenant_migrations.rollout.planning import Options, Plan, Skip, Task, plan_for, plan_schema
from tenant_migrations.rollout.preflight import Preflight, preflight
from tenant_migrations.rollout.progress import Entry, Progress
from tenant_migrations.rollout.quarantine import release
from tenant_migrations.rollout.recording import Record
from tenant_migrations.rollout.verifying import older_code
from tenant_migrations.vocabulary import OutcomeState, TenantStatus, Wave

Report = Callable[[str, int, int], None]


class Doing(Protocol):
    """What does the tasks of a wave, as ``Crew`` does."""

    def do(self, tasks: Iterable[Task]) -> None: ...


Hands = Callable[["Run", Ended], "Doing"]
"""Makes what does a wave in the place of threads, told of each tenant's end."""


@dataclass(frozen=True)
class Order:
    """What a heal was asked to do."""

    question: Question
    options: Options = field(default_factory=Options)
    limits: Limits = field(default_factory=Limits)
    max_failures: str = ""
    """A number of tenants or a share such as ``2%``; empty: no bound."""
    canaries: Sequence[str] = ()
    trigger: str = "cli"
    hands: Hands | None = field(default=None, compare=False)
    """Hands waves out to other machines; ``None``: threads of this process do them."""


@dataclass(frozen=True)
class Summary:
    """What a heal did."""

    rollout: int
    fixed: int
    failed: int
    skipped: int
    not_attempted: int
    stopped: str
    """Why it ended before every tenant was tried; empty when it did not."""
    outcomes: tuple[TenantOutcome, ...] = field(default=(), repr=False)
    preflight: tuple[Finding, ...] = ()
    """What was noticed of the server before."""


def heal(order: Order, code: Code, progress: Report) -> tuple[FleetReport, Summary]:
    """Bring the fleet, or the tenants asked for, to the code, and say where it stands afterwards.

    Holds the fleet lock throughout; each tenant commits by itself (``applying.py``), and a run that
    dies leaves whole tenants only, each either done or untouched. Safe to run again.

    Raises ``Busy`` where another run holds the lock, ``DatabaseUnavailable`` where the server is
    not fit for a run (``preflight.py``), ``Refused`` when the code is older than the newest
    recorded or public is behind and not asked for, ``WrongUse`` for unknown names.
    """
    _refuse_unknown_names(order, code)
    order, found = fitted(order)
    with FleetLock() as lock:
        report, summary = Run(order, code, lock, progress, found.pages).all()
    return report, replace(summary, preflight=found.findings)


def fitted(order: Order) -> tuple[Order, Preflight]:
    """The order with as many jobs as the server has room for, and what was found of the server.

    Raises ``DatabaseUnavailable`` where it is not fit for a run.
    """
    found = preflight(order.question.jobs)
    return replace(order, question=replace(order.question, jobs=found.jobs)), found


def preview(order: Order, code: Code, progress: Report) -> tuple[FleetReport, Plan]:
    """What ``heal`` would do now; changes nothing but the reference schemas."""
    _refuse_unknown_names(order, code)
    references, unavailable = bring_forward(code, progress)
    report = survey(code, references, order.question, fleet_findings=unavailable, progress=progress)
    return report, plan_for(report, code, order.options, order.canaries)


def _refuse_unknown_names(order: Order, code: Code) -> None:
    _, chosen = who_is_asked_about(order.question, code)
    for canary in order.canaries:
        if canary not in {tenant.schema_name for tenant in chosen}:
            raise WrongUse(f"--canary={canary!r} is not among the tenants of this run")


class Run:
    """One rollout while it runs."""

    def __init__(
        self,
        order: Order,
        code: Code,
        lock: FleetLock,
        progress: Report,
        pages: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.order = order
        self.code = code
        self.lock = lock
        self.progress = progress
        self.pages = pages
        self.stop = Stop()
        self.engine = Engine(code, order.limits, lock.holder)
        self.references: dict[str, Reference] = {}
        self.fleet_findings: list[Finding] = []

    def all(self) -> tuple[FleetReport, Summary]:
        self._own_tables()
        self.record = Record.open(self.order.trigger, self.code.revision, self._described())
        try:
            with self.stop.on_signals(), beating(self.lock, self.record.rollout.pk):
                after = self._stages()
        except BaseException as error:
            self._close_after(error)
            raise
        self.record.close(self.stop.reason, after)
        return after, self._summary()

    def _stages(self) -> FleetReport:
        """Public, reference, tenants, and how the fleet is afterwards."""
        self._public()
        self.record.wave(Wave.REFERENCE)
        self.references, self.fleet_findings = bring_forward(self.code, self.progress)
        self._refuse_older_code()
        before = self._survey(self.order.question)
        plan = plan_for(before, self.code, self.order.options, self.order.canaries)
        plan = self._with_public(plan, before.public)
        self.record.plan(plan, before)
        self._tenants(plan, len(before.tenants))
        # Whoever stopped it waits for its end: ledgers tell soon what was done and what was not.
        structure = self.order.question.structure and not self.stop.by_signal
        return self._survey(replace(self.order.question, structure=structure))

    def _own_tables(self) -> None:
        """The tables that the record is kept in come first, and so before any record."""
        app = frozenset({TenantMigrationsConfig.name})
        report = survey_public(self.code, app)
        if report.verdict.pending:
            self._refuse_for_some(report.verdict.pending)
            task = self._public_task(report)
            self.engine.apply(task, Progress(), Entry())

    def _public(self) -> None:
        """Bring public's migrations up to the code before anything else, or go no further."""
        report = survey_public(self.code)
        if not report.verdict.pending:
            return
        if self.order.question.tenants:
            self._refuse_for_some(of_public(report.verdict.pending))
            return
        task = self._public_task(report)
        self.record.plan(Plan((task,)))
        self.record.wave(Wave.PUBLIC, [task.schema_name])
        self.progress("migrating public", 0, 1)
        failure = self.attempt(task)
        if failure is not None:
            at = f" in {failure.migration}" if failure.migration else ""
            code = f" (SQLSTATE {failure.sqlstate})" if failure.sqlstate else ""
            raise Refused(f"public failed{at}{code}: {failure.message}; no tenant was touched")

    def _refuse_for_some(self, pending: Sequence[MigrationKey]) -> None:
        """Where only some tenants were asked for, public is left alone, and must not be behind."""
        if pending and self.order.question.tenants:
            raise Refused(
                f"public lacks {named([*map(label, pending)])}, which come before any tenant's: "
                "run verify_tenant_migrations --fix without --tenant"
            )

    def _public_task(self, report: SchemaReport) -> Task:
        planned = plan_schema(report, self.code, Options())
        if isinstance(planned, Skip):
            raise Refused(f"public can't be migrated: {planned.reason}; {planned.hint}")
        return planned

    def _refuse_older_code(self) -> None:
        if finding := older_code(self.references, self.code):
            raise Refused(f"{finding.message}; {finding.hint}")

    def _with_public(self, plan: Plan, public: SchemaReport) -> Plan:
        """Public's structure is repaired with the tenants', unless only some were asked for."""
        if self.order.question.tenants or public.status is TenantStatus.OK:
            return plan
        planned = plan_schema(public, self.code, self.order.options)
        if isinstance(planned, Skip):
            return replace(plan, skips=(planned, *plan.skips))
        return replace(plan, tasks=(planned, *plan.tasks))

    def _tenants(self, plan: Plan, total: int) -> None:
        """Public's repairs, canaries, then one tenant of each group, then waves of the rest."""
        if self.order.options.retry_quarantined:
            release([task.schema_name for task in plan.tasks])
        self.budget = Budget(
            allowed_failures(self.order.max_failures, total),
            0 if self.order.max_failures else conf.get().SAME_FAILURE_LIMIT,
            frozenset(self.order.canaries),
        )
        self.done: set[str] = set()
        public = [task for task in plan.tasks if task.kind == PUBLIC_KIND]
        canaries = [task for task in plan.tasks if task.schema_name in self.order.canaries]
        self._do(Wave.PUBLIC, "repairing public", public, 1)
        self._do(Wave.CANARIES, "trying canaries", canaries, 1)
        first = {task.schema_name for task in (*public, *canaries)}
        rest = [task for task in plan.tasks if task.schema_name not in first]
        if not rest:
            return
        sizes = Sizes.read([task.schema_name for task in rest], self.pages)
        self._first_of_groups(rest, sizes)
        rest = [task for task in rest if task.schema_name not in self.done]
        parts = waves(rest, sizes)
        for number, (wave, part) in enumerate(parts.items(), start=1):
            what = "healing" if len(parts) == 1 else f"healing (wave {number} of {len(parts)})"
            self._do(wave, what, part, self.order.question.jobs, hands=self.order.hands)

    def _first_of_groups(self, tasks: Sequence[Task], sizes: Sizes) -> None:
        """One tenant of each group by itself; another where its own rows stood in the way."""
        shared = groups([task for task in tasks if self.engine.is_shared(task)], sizes)
        for members in shared:
            for task in members:
                if self.engine.has_script(task) or self.stop.reason:
                    break
                self._do(Wave.FIRST, "trying the first of a kind", [task], 1)

    def _do(
        self,
        wave: Wave,
        what: str,
        tasks: Sequence[Task],
        jobs: int,
        hands: Hands | None = None,
    ) -> None:
        """Attempt these tasks, until the run has to stop."""
        if not tasks or self.stop.reason:
            return
        self.record.wave(wave, [task.schema_name for task in tasks])
        done = 0

        def ended(task: Task, failure: Failure | None) -> str:
            nonlocal done
            done += 1
            self.done.add(task.schema_name)
            self.progress(what, done, len(tasks))
            if failure is None:
                return ""
            self.record.quarantine_after(conf.get().QUARANTINE_AFTER, task.schema_name, failure)
            return self.budget.spend(task.schema_name, failure)

        self.progress(what, 0, len(tasks))
        crew = hands(self, ended) if hands else Crew(jobs, self.stop, self.attempt, ended)
        crew.do(tasks)

    def attempt(self, task: Task) -> Failure | None:
        return attempt_task(task, self.record, self.engine.apply, self.plan_again)

    def plan_again(self, task: Task) -> Task | Skip | None:
        """The task as it stands now: a commit whose reply was lost may have done it already."""
        if task.kind == PUBLIC_KIND:
            report = survey_public(self.code, references=self.references)
        else:
            question = replace(self.order.question, tenants=(task.schema_name,))
            report = self._survey(question).tenants[0]
        if report.status is TenantStatus.OK:
            return None
        return plan_schema(report, self.code, self.order.options)

    def _survey(self, question: Question) -> FleetReport:
        return survey(
            self.code,
            self.references,
            question,
            fleet_findings=self.fleet_findings,
            progress=self.progress,
        )

    def _close_after(self, error: BaseException) -> None:
        """Record why the run broke off, if the database still lets us."""
        reason = one_line(error) if isinstance(error, Exception) else "interrupted"
        # Where it does not, the next run finds it running with nobody holding the lock: crashed.
        with suppress(DatabaseError, DatabaseUnavailable):
            self.record.close(reason)

    def _described(self) -> dict[str, Any]:
        question = self.order.question
        return {
            "tenants": list(question.tenants),
            "apps": list(question.apps),
            "structure": question.structure,
            "reconcile": self.order.options.reconcile,
            "max_failures": self.order.max_failures,
            "canaries": list(self.order.canaries),
        }

    def _summary(self) -> Summary:
        outcomes = self.record.outcomes()
        count = dict.fromkeys(OutcomeState, 0)
        for outcome in outcomes:
            if outcome.schema_name != public_schema():
                count[OutcomeState(outcome.state)] += 1
        return Summary(
            rollout=self.record.rollout.pk,
            fixed=count[OutcomeState.FIXED],
            failed=count[OutcomeState.FAILED],
            skipped=count[OutcomeState.SKIPPED],
            not_attempted=count[OutcomeState.NOT_ATTEMPTED],
            stopped=self.stop.reason,
            outcomes=tuple(outcomes),
        )
