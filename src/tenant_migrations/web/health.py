"""Health for probes and people: live, ready, and what is not well for those who may know.

No answer to strangers says more than one word. Tenants are judged by the newest recorded check: no
request looks at the fleet.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Lock
from typing import Any

from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenant_migrations import conf
from tenant_migrations.database import public_schema, schema_in_use
from tenant_migrations.fleet.findings import VERIFY
from tenant_migrations.health.report import CheckResult, HealthReport, healthy, unhealthy, warning
from tenant_migrations.health.running import examine
from tenant_migrations.models import Sample
from tenant_migrations.observability import history
from tenant_migrations.vocabulary import CheckStatus, HealthStatus, TenantStatus
from tenant_migrations.web.rights import is_scraper, may

SECONDS = 5.0
"""How old an answer may be, and how long a check may take."""

LOOKS_AT_THE_FLEET = ("tenant_migrations",)
"""The check that no request makes: ``tenants`` stands in for it."""

SERVING = (TenantStatus.OK, TenantStatus.PENDING)
"""Tenants of other statuses are broken."""

READY = ("database", "migrations", "tenants")
"""The checks on which it depends whether requests are sent here."""


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers; asks nothing else."""
    return JsonResponse({"status": HealthStatus.HEALTHY.value})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 where requests may be sent here, else 503.

    That is: the database answers, ``public`` is at the code, and not every tenant is broken.
    """
    report = _newest()
    grave = [
        result
        for result in report.results
        if result.name in READY and result.answer.status is CheckStatus.UNHEALTHY
    ]
    status = HealthStatus.UNHEALTHY if grave else HealthStatus.HEALTHY
    return JsonResponse({"status": status.value}, status=503 if grave else 200)


@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """The document of ``health_check`` for staff with the permission ``view_fleet`` and for who may
    read the metrics, with ``?full=1`` that of ``health_check --full``; its status alone for all
    others. 503 where that is ``unhealthy``."""
    may_know = is_scraper(request) or _is_staff(request)
    report = _newest_full() if may_know and request.GET.get("full") == "1" else _newest()
    document = report.document() if may_know else {"status": report.status.value}
    code = 503 if report.status is HealthStatus.UNHEALTHY else 200
    return JsonResponse(document, status=code)


def _is_staff(request: HttpRequest) -> bool:
    try:
        return may(request)
    except Error:  # Without its tables nobody is signed in.
        return False


def _tenants() -> CheckResult:
    """What the newest check of the whole fleet found."""
    started = time.monotonic()
    try:
        with schema_in_use(public_schema()):
            sample = history.newest(succeeded=True)
        answer = _answer_of(sample)
    except Error:
        answer = unhealthy("the records can't be read", f"begin with: {VERIFY} --fix")
    return CheckResult("tenants", answer, round(time.monotonic() - started, 3))


def _answer_of(sample: Sample | None) -> Any:
    if sample is None or not sample.total_tenants:
        return healthy("no tenant was checked yet")
    counts = {"by_status": sample.by_status, "checked_at": sample.taken_at.isoformat()}
    serving = sum(sample.by_status.get(status.value, 0) for status in SERVING)
    well = sample.by_status.get(TenantStatus.OK.value, 0)
    message = f"{well} of {sample.total_tenants} tenants ok"
    if well == sample.total_tenants:
        return healthy(message, **counts)
    allowed = timedelta(minutes=conf.get().HEALTH_MONITORING_MINUTES)
    if not serving and timezone.now() - sample.taken_at <= allowed:
        return unhealthy(message, VERIFY, **counts)
    return warning(message, f"{VERIFY} --fix", **counts)


class _Kept:
    """An answer that serves for ``SECONDS``; who asks meanwhile waits for one that is made."""

    def __init__(self, make: Callable[[], HealthReport]) -> None:
        self._make = make
        self._lock = Lock()
        self._report: HealthReport | None = None
        self._until = 0.0

    def __call__(self) -> HealthReport:
        with self._lock:
            if self._report is None or time.monotonic() >= self._until:
                self._report = self._make()
                self._until = time.monotonic() + SECONDS
            return self._report

    def forget(self) -> None:
        self._until = 0.0


def _make(*, full: bool) -> HealthReport:
    report = examine(full=full, timeout=SECONDS, without=LOOKS_AT_THE_FLEET)
    results = (*report.results, _tenants())
    return HealthReport(report.timestamp, report.duration_seconds, results)


_newest = _Kept(partial(_make, full=False))
_newest_full = _Kept(partial(_make, full=True))
