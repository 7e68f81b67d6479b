"""Incidents: what visitors of a tenant met, one row per tenant and missing object.

A thread of its own writes them, so that no visitor waits for it. Requests that fail while it
writes are added up and written together.
"""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from django.db import Error, connections
from django.db.models import F
from django.utils import timezone

from tenant_migrations import conf, locks
from tenant_migrations.database import one_line, tenant_connection
from tenant_migrations.logs import event
from tenant_migrations.models import Incident
from tenant_migrations.observability.own_records import WRITE_TIMEOUTS_MS, own_records
from tenant_migrations.vocabulary import TenantStatus
from tenant_migrations.web import healer
from tenant_migrations.web.failures import Failure

logger = logging.getLogger("tenant_migrations.web")


@dataclass(frozen=True)
class _Met:
    """What one request met."""

    schema_name: str
    failure: Failure
    status: TenantStatus
    path: str


class _Notes:
    """What is yet to be written in this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: list[_Met] = []
        self._newest: Future[None] | None = None

    def add(self, met: _Met) -> None:
        with self._lock:
            self._waiting.append(met)
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, "tenant-migrations-incidents")
            if len(self._waiting) == 1:
                self._newest = self._thread.submit(self._write)

    def settle(self) -> None:
        newest = self._newest
        if newest is not None:
            newest.result()

    def _write(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        try:
            grouped: dict[tuple[str, str], list[_Met]] = {}
            for met in waiting:
                grouped.setdefault((met.schema_name, met.failure.object), []).append(met)
            for some in grouped.values():
                if _note(some[-1], len(some)):
                    healer.heal(some[-1].schema_name)
        except Error as error:
            event(logger, logging.WARNING, "incident_not_written", error=one_line(error))
        finally:
            connections.close_all()


_notes = _Notes()


def met(schema_name: str, failure: Failure, status: TenantStatus, path: str) -> None:
    """Count a request that failed for its tenant's schema, and tell the healer if it is time.

    Returns at once. One transaction in public per tenant and object; what can't be written is
    lost and logged.
    """
    _notes.add(_Met(schema_name, failure, status, path[:500]))


def settle() -> None:
    """Wait until all that was met in this process so far is written."""
    _notes.settle()


def _note(met: _Met, times: int) -> bool:
    """Write it down; whether the healer is to be told."""
    now = timezone.now()
    with own_records(WRITE_TIMEOUTS_MS):
        open_ones = Incident.objects.filter(schema_name=met.schema_name, resolved_at=None)
        updated = open_ones.filter(object=met.failure.object).update(
            count=F("count") + times, last_at=now, status=met.status, path=met.path
        )
        if not updated:
            Incident.objects.bulk_create(
                [
                    Incident(
                        schema_name=met.schema_name,
                        object=met.failure.object,
                        sqlstate=met.failure.sqlstate,
                        status=met.status,
                        path=met.path,
                        count=times,
                        first_at=now,
                        last_at=now,
                    )
                ],
                ignore_conflicts=True,
            )
            event(
                logger,
                logging.ERROR,
                "incident_opened",
                tenant=met.schema_name,
                object=met.failure.object,
                sqlstate=met.failure.sqlstate,
                status=met.status,
            )
        return _claim_healing(met.schema_name, now)


def _claim_healing(schema_name: str, now: datetime) -> bool:
    """Whether it falls to this process to tell the healer: once per tenant and time."""
    options = conf.get()
    if not options.GUARD_HEALS:
        return False
    if not locks.try_lock_transaction(tenant_connection(), locks.INCIDENT, schema_name):
        return False
    told_since = now - timedelta(minutes=options.GUARD_HEAL_MINUTES)
    of_tenant = Incident.objects.filter(schema_name=schema_name)
    if of_tenant.filter(healer_told_at__gt=told_since).exists():
        return False
    return bool(of_tenant.filter(resolved_at=None).update(healer_told_at=now))
