"""The fleet's history: a sample of every check and heal, kept for ``HISTORY_DAYS``.

Recording is an extra: it never makes a command fail, and it waits for nobody.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import DatabaseError, Error, OperationalError
from django.utils import timezone

from tenant_migrations import conf
from tenant_migrations.database import one_line, sqlstate, tenant_connection
from tenant_migrations.exceptions import Busy, DatabaseUnavailable, WrongUse
from tenant_migrations.fleet.report import FleetReport
from tenant_migrations.fleet.survey import Question
from tenant_migrations.logs import event
from tenant_migrations.models import Sample
from tenant_migrations.observability import states
from tenant_migrations.observability.own_records import (
    NOT_WRITABLE,
    READ_TIMEOUTS_MS,
    WRITE_TIMEOUTS_MS,
    own_records,
)

T = TypeVar("T")

logger = logging.getLogger(__name__)

MOST_NAMED = 100
"""Tenants that one sample names at most."""

NO_CONNECTION = (DatabaseUnavailable, OperationalError)


@contextmanager
def recorded(*, trigger: str, question: Question) -> Iterator[None]:
    """Leave a sample of the check inside where it fails; one that succeeds is left by ``record``.

    Wrong use and a run that another one kept away are no failed checks. Where no connection is to
    be had there is nothing to write to, and trying again would cost time.
    """
    started = time.monotonic()
    try:
        yield
    except (WrongUse, Busy):
        raise
    except Exception as error:
        seconds = time.monotonic() - started
        if tenant_connection().connection is None and isinstance(error, NO_CONNECTION):
            event(logger, logging.DEBUG, "sample_not_written", why="there is no connection")
        else:
            record_failure(one_line(error), trigger=trigger, question=question, seconds=seconds)
        raise


def record(
    report: FleetReport, *, trigger: str, question: Question, rollout: int | None = None
) -> Sample:
    """Leave a sample of a report, of the heal ``rollout`` where it was one, and prune old samples.

    The state of each tenant is kept too (``states.py``). One transaction in public for each, under
    short timeouts. Never raises and never tries again: where this role may not write, or the table
    is not there, the sample is only returned.
    """
    sample = sample_of(report, trigger=trigger, question=question, rollout=rollout)
    _save(sample)
    states.keep(report, question)
    return sample


def record_failure(error: str, *, trigger: str, question: Question, seconds: float) -> None:
    """Leave a sample of a check that failed, as ``record`` does."""
    _save(
        Sample(
            taken_at=timezone.now(),
            trigger=trigger,
            succeeded=False,
            error=error,
            whole_fleet=_is_whole(question),
            duration_seconds=round(seconds, 3),
        )
    )


def sample_of(
    report: FleetReport, *, trigger: str, question: Question, rollout: int | None = None
) -> Sample:
    """A report as a point of the history, not saved."""
    pending: Counter[str] = Counter()
    found: Counter[str] = Counter(finding.kind.value for finding in report.findings)
    for tenant in report.tenants:
        pending.update(app for app, _ in tenant.verdict.pending)
        found.update({finding.kind.value for finding in (*tenant.own, *tenant.verdict.findings)})
    return Sample(
        taken_at=timezone.now(),
        trigger=trigger,
        succeeded=True,
        whole_fleet=_is_whole(question),
        code_revision=report.code_revision,
        total_tenants=len(report.tenants),
        by_status={status.value: count for status, count in report.by_status.items()},
        public_status=report.public.status.value,
        not_ok=[
            [tenant.schema_name, tenant.status.value, len(tenant.verdict.pending)]
            for tenant in report.not_ok[:MOST_NAMED]
        ],
        findings=dict(found),
        pending_total=pending.total(),
        pending_max=max((len(tenant.verdict.pending) for tenant in report.tenants), default=0),
        pending_by_app=dict(pending),
        duration_seconds=report.duration_seconds,
        rollout_id=rollout,
    )


def newest(*, succeeded: bool | None = None) -> Sample | None:
    """The newest sample of the whole fleet, or of those that succeeded or failed."""
    wanted = Sample.objects.filter(whole_fleet=True)
    if succeeded is not None:
        wanted = wanted.filter(succeeded=succeeded)
    return wanted.first()


def window(hours: float, *, until: datetime | None = None) -> list[Sample]:
    """Samples of the whole fleet in the hours before ``until`` (by default now), oldest first.

    There are none before their table exists. Raises ``DatabaseUnavailable`` where it can't be read.
    """
    end = until or timezone.now()

    def read() -> list[Sample]:
        wanted = Sample.objects.filter(whole_fleet=True, taken_at__gt=end - timedelta(hours=hours))
        return list(wanted.filter(taken_at__lte=end).order_by("taken_at"))

    return from_records(read, [])


def last_seen(*, but_for: str) -> datetime | None:
    """When the whole fleet was last checked by anything but one trigger, whatever came of it."""
    others = Sample.objects.filter(whole_fleet=True).exclude(trigger=but_for)
    return others.values_list("taken_at", flat=True).first()


def from_records(read: Callable[[], T], nothing: T) -> T:
    """What ``read`` reads of the app's own tables, ``nothing`` before these are at the code.

    Raises ``DatabaseUnavailable`` where they can't be read.
    """
    try:
        with own_records(READ_TIMEOUTS_MS):
            return read()
    except DatabaseError as error:
        if sqlstate(error) in ("42P01", "42703"):
            return nothing
        raise DatabaseUnavailable(f"the records can't be read: {one_line(error)}") from error


def _is_whole(question: Question) -> bool:
    """Whether its answer tells all there is to tell of the fleet."""
    return not question.tenants and not question.apps and question.structure


def _save(sample: Sample) -> None:
    oldest = timezone.now() - timedelta(days=conf.get().HISTORY_DAYS)
    try:
        with own_records(WRITE_TIMEOUTS_MS):
            sample.save(force_insert=True)
            Sample.objects.filter(taken_at__lt=oldest).delete()
    except Error as error:
        reason = NOT_WRITABLE.get(sqlstate(error))
        level = logging.DEBUG if reason else logging.WARNING
        event(logger, level, "sample_not_written", why=reason or one_line(error))
