"""The durable record of a run: one row for it, one for each schema that it set out to change.

What is recorded is logged too, as events of the logger ``tenant_migrations.rollout``.
"""

import json
import logging
import os
import shlex
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.utils import timezone

from tenant_migrations import conf
from tenant_migrations.database import public_schema, quote, schema_in_use, tenant_connection
from tenant_migrations.fleet.findings import HEAL, SCHEMA
from tenant_migrations.fleet.graph import label
from tenant_migrations.fleet.report import FleetReport
from tenant_migrations.logs import event
from tenant_migrations.models import Quarantine, Rollout, TenantOutcome
from tenant_migrations.rollout.failures import Consequence, Failure
from tenant_migrations.rollout.planning import Plan, Skip, Task
from tenant_migrations.rollout.progress import Entry, Progress, execute
from tenant_migrations.vocabulary import OutcomeState, RolloutState, TenantStatus, Wave

REFUSED_HINT = f"restore or clear the rows that stand in the way, then: {HEAL}"

DURATION = "round(%s + extract(epoch FROM clock_timestamp() - statement_timestamp()), 3)"
"""Seconds until a message was sent, and those in which the server was at it:
``statement_timestamp`` is when the message arrived (PostgreSQL documentation, "Current
Date/Time")."""

logger = logging.getLogger("tenant_migrations.rollout")


class Record:
    """Writes a rollout and its outcomes. Every call is one short transaction in public, or part of
    the transaction that is open on this thread's connection."""

    def __init__(self, rollout: Rollout) -> None:
        self.rollout = rollout
        self.left_alone: dict[str, str] = {}
        """Why schemas were skipped that were to be changed, by name."""

    @classmethod
    def open(cls, trigger: str, code_revision: str, options: dict[str, Any]) -> "Record":
        """Begin a run; earlier ones that never ended are marked as crashed."""
        with schema_in_use(public_schema()):
            close_crashed()
            rollout = Rollout.objects.create(
                trigger=trigger,
                code_revision=code_revision,
                options=options,
                host=socket.gethostname(),
                process=os.getpid(),
            )
        record = cls(rollout)
        record.log(
            logging.INFO,
            "rollout_started",
            trigger=trigger,
            code_revision=code_revision,
            host=rollout.host,
            process=rollout.process,
        )
        return record

    def plan(self, plan: Plan, before: FleetReport | None = None) -> None:
        """Write down what is to be done, before it is begun; once for public, once for tenants."""
        with schema_in_use(public_schema()):
            self.rollout.plan += [_dump_variant(task, names) for task, names in plan.variants()]
            self.rollout.before = _counts(before) if before else {}
            self.rollout.save(update_fields=["plan", "before"])
            TenantOutcome.objects.bulk_create(
                [
                    *(self._planned(self.rollout, task) for task in plan.tasks),
                    *(self._skipped(self.rollout, skip) for skip in plan.skips),
                ],
                batch_size=500,
                ignore_conflicts=True,
            )
        for skip in plan.skips:
            self.log(logging.WARNING, "tenant_skipped", tenant=skip.schema_name, why=skip.reason)

    def wave(self, wave: Wave, names: Sequence[str] = ()) -> None:
        """These schemas are begun together; what a wave is given in parts is one wave."""
        waves = self.rollout.waves
        if waves and waves[-1]["wave"] == wave:
            waves[-1]["schemas"] += names
        else:
            began_at = timezone.now().isoformat()
            waves.append({"wave": wave.value, "schemas": [*names], "began_at": began_at})
        with schema_in_use(public_schema()):
            self.rollout.save(update_fields=["waves"])

    @staticmethod
    def _planned(rollout: Rollout, task: Task) -> TenantOutcome:
        return TenantOutcome(
            rollout=rollout,
            schema_name=task.schema_name,
            status_before=task.status,
            ledger_before=task.ledger_digest,
        )

    @staticmethod
    def _skipped(rollout: Rollout, skip: Skip) -> TenantOutcome:
        return TenantOutcome(
            rollout=rollout,
            schema_name=skip.schema_name,
            state=OutcomeState.SKIPPED,
            status_before=skip.status,
            message=skip.reason,
            hint=skip.hint,
        )

    def entry(self, schema_name: str, done: Progress, attempt: int, began: float) -> Entry:
        """Of one attempt, which began then by ``time.monotonic``."""
        return _Attempt(self, schema_name, done, attempt, began)

    def failed(
        self, schema_name: str, failure: Failure, done: Progress, attempts: int, seconds: float
    ) -> None:
        """After the transaction that failed was rolled back."""
        self._end(
            schema_name,
            state=OutcomeState.FAILED,
            applied=done.applied,
            migration=failure.migration,
            sqlstate=failure.sqlstate,
            message=failure.message,
            hint=failure.hint.replace(SCHEMA, shlex.quote(schema_name)),
            attempts=attempts,
            duration_seconds=seconds,
        )
        again = failure.consequence is Consequence.RETRY and attempts < conf.get().LOCK_ATTEMPTS
        self.log(
            logging.WARNING if again else logging.ERROR,
            "tenant_retried" if again else "tenant_failed",
            tenant=schema_name,
            migration=failure.migration,
            sqlstate=failure.sqlstate,
            error=failure.message,
            attempts=attempts,
            duration=seconds,
        )

    def skipped(self, schema_name: str, reason: str) -> None:
        self.left_alone[schema_name] = reason
        self._end(schema_name, state=OutcomeState.SKIPPED, message=reason)
        self.log(logging.WARNING, "tenant_skipped", tenant=schema_name, why=reason)

    def quarantine(self, schema_name: str, reason: str) -> None:
        """Leave a tenant alone from now on, until somebody releases it."""
        with schema_in_use(public_schema()):
            Quarantine.objects.update_or_create(
                schema_name=schema_name, defaults={"reason": reason, "rollout": self.rollout}
            )
        self.log(logging.ERROR, "tenant_quarantined", tenant=schema_name, why=reason)

    def quarantine_after(self, most: int, schema_name: str, failure: Failure) -> None:
        """Leave a tenant alone that failed in the same migration in so many runs in a row."""
        with schema_in_use(public_schema()):
            tried = TenantOutcome.objects.filter(schema_name=schema_name).exclude(
                state__in=(OutcomeState.NOT_ATTEMPTED, OutcomeState.SKIPPED)
            )
            newest = tried.order_by("-rollout_id")[:most].values_list("state", "migration")
            alike = [*newest] == [(OutcomeState.FAILED, failure.migration)] * most
        if alike:
            self.quarantine(schema_name, f"{most} rollouts in a row failed: {failure.message}")

    def close(self, error: str = "", after: FleetReport | None = None) -> None:
        """The run is over; what it did not reach stays ``not attempted``."""
        with schema_in_use(public_schema()):
            if after:
                self._note_status(after)
                self.rollout.after = _counts(after)
            in_hand = self.rollout.outcomes.filter(state=OutcomeState.RUNNING)
            in_hand.update(state=OutcomeState.FAILED, message=error)
            self.rollout.state = RolloutState.STOPPED if error else RolloutState.FINISHED
            self.rollout.error = error
            self.rollout.finished_at = timezone.now()
            self.rollout.save(update_fields=["after", "state", "error", "finished_at"])
        self.log(
            logging.ERROR if error else logging.INFO,
            "rollout_ended",
            state=self.rollout.state,
            duration=(self.rollout.finished_at - self.rollout.started_at).total_seconds(),
            error=error,
            **self.rollout.after,
        )

    def _note_status(self, after: FleetReport) -> None:
        status = {schema.schema_name: schema.status for schema in (after.public, *after.tenants)}
        outcomes = list(self.rollout.outcomes.all())
        for outcome in outcomes:
            outcome.status_after = status.get(outcome.schema_name, TenantStatus.UNKNOWN)
        TenantOutcome.objects.bulk_update(outcomes, ["status_after"], batch_size=500)

    def outcomes(self) -> Sequence[TenantOutcome]:
        with schema_in_use(public_schema()):
            return list(self.rollout.outcomes.all())

    def log(self, level: int, name: str, **fields: Any) -> None:
        """An event of this run."""
        event(logger, level, name, run=self.rollout.pk, **fields)

    def update(self, schema_name: str, **values: Any) -> str:
        """The statement that writes down what is known of a schema."""
        connection = tenant_connection()
        connection.ensure_connection()
        assignments = ", ".join(
            f"{name} = {DURATION if name == 'duration_seconds' else '%s'}" for name in values
        )
        return psycopg.ClientCursor(connection.connection).mogrify(
            f"UPDATE {quote(public_schema())}.{quote(TenantOutcome._meta.db_table)}"
            f" SET {assignments}"
            " WHERE rollout_id = %s AND schema_name = %s",
            (*map(_plain, values.values()), self.rollout.pk, schema_name),
        )

    def _end(self, schema_name: str, **values: Any) -> None:
        execute(self.update(schema_name, **values))


@dataclass(frozen=True)
class _Attempt(Entry):
    """One attempt at a schema, on record."""

    record: Record
    schema_name: str
    done: Progress
    attempt: int
    began: float

    def beginning(self) -> str:
        """Not waited for to be on disk: where the server crashes and this is lost, the work is
        lost with it."""
        mark = self.record.update(
            self.schema_name, state=OutcomeState.RUNNING, started_at=timezone.now()
        )
        return f"BEGIN;SET LOCAL synchronous_commit = off;{mark};COMMIT"

    def ending(self) -> str:
        refused = "; ".join(self.done.refused)
        hint = REFUSED_HINT.replace(SCHEMA, shlex.quote(self.schema_name)) if refused else ""
        return self.record.update(
            self.schema_name,
            state=self._state,
            applied=self.done.applied,
            repaired=self.done.repaired,
            migration="",
            sqlstate="",
            message=refused,
            hint=hint,
            attempts=self.attempt,
            duration_seconds=self._seconds,
        )

    def tell(self) -> None:
        self.record.log(
            logging.ERROR if self.done.refused else logging.INFO,
            f"tenant_{self._state}",
            tenant=self.schema_name,
            applied=list(self.done.applied),
            repaired=list(self.done.repaired),
            attempts=self.attempt,
            duration=self._seconds,
            error="; ".join(self.done.refused),
        )

    @property
    def _state(self) -> OutcomeState:
        return OutcomeState.FAILED if self.done.refused else OutcomeState.FIXED

    @property
    def _seconds(self) -> float:
        return round(time.monotonic() - self.began, 3)


def close_crashed() -> None:
    """Mark runs that ended without saying so; only for the holder of the fleet lock."""
    crashed = Rollout.objects.filter(state=RolloutState.RUNNING)
    TenantOutcome.objects.filter(rollout__in=crashed, state=OutcomeState.RUNNING).update(
        state=OutcomeState.CRASHED, message="the run died while this tenant was in hand"
    )
    crashed.update(state=RolloutState.CRASHED, error="the process died before it was through")


def _plain(value: Any) -> Any:
    """A value as SQL knows it."""
    if isinstance(value, list):
        return json.dumps(value)
    return str(value) if isinstance(value, OutcomeState) else value


def _dump_variant(task: Task, names: Sequence[str]) -> dict[str, Any]:
    return {
        "variant": task.variant,
        "tenants": list(names),
        "migrations": [label(key) for key in task.pending],
        "record": [label(key) for key in task.record],
        "create": [f"{made.key.kind} {made.key.display}" for made in task.remedies],
    }


def _counts(report: FleetReport) -> dict[str, int]:
    return {status.value: count for status, count in report.by_status.items()}
