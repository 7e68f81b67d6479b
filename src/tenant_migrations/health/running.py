"""Running: every check in a thread of its own, none waited for longer than its time.

PostgreSQL ends what it does for a check that overruns (``statement_timeout``). Whatever else hangs
is left behind in its thread: the answer never waits for it.
"""

import logging
import time
import traceback
from collections.abc import Collection, Sequence
from queue import Empty, SimpleQueue
from threading import Thread

from django.db import DatabaseError, connections
from django.utils import timezone

from tenant_migrations.database import one_line, sqlstate
from tenant_migrations.exceptions import TenantMigrationsError
from tenant_migrations.fleet.findings import VERIFY
from tenant_migrations.health import library
from tenant_migrations.health.asking import Asking, Check
from tenant_migrations.health.checks import chosen_checks
from tenant_migrations.health.report import Answer, CheckResult, HealthReport, unhealthy
from tenant_migrations.logs import event
from tenant_migrations.redaction import redacted
from tenant_migrations.vocabulary import CheckStatus

logger = logging.getLogger("tenant_migrations.health")

DATABASE_HINT = "see that the server runs and lets this role in: manage.py dbshell"


def examine(*, full: bool, timeout: float, without: Collection[str] = ()) -> HealthReport:
    """Make the checks, with ``full`` all but those named, and wait ``timeout`` seconds at most.

    Never raises for what a check meets. Raises ``ImproperlyConfigured`` where ``HEALTH_CHECKS_ADD``
    or ``HEALTH_CHECKS_REMOVE`` name what is not there.
    """
    checks = [check for check in chosen_checks(full=full) if check.name not in without]
    at, started = timezone.now(), time.monotonic()
    results = _in_parallel(checks, Asking(timeout), started)
    report = HealthReport(
        at,
        _since(started),
        tuple(results.get(check.name) or _overrun(check, timeout) for check in checks),
    )
    _log(report)
    return report


def _in_parallel(checks: Sequence[Check], asking: Asking, started: float) -> dict[str, CheckResult]:
    """The results that came in time, by name."""
    answers: SimpleQueue[CheckResult] = SimpleQueue()

    def work(check: Check) -> None:
        answers.put(_ask(check, asking))

    for check in checks:
        Thread(target=work, args=(check,), name=f"health-{check.name}", daemon=True).start()
    results: dict[str, CheckResult] = {}
    while len(results) < len(checks):
        left = started + asking.timeout - time.monotonic()
        try:
            result = answers.get(timeout=max(left, 0))
        except Empty:
            break
        results[result.name] = result
    return results


def _ask(check: Check, asking: Asking) -> CheckResult:
    started = time.monotonic()
    try:
        answer = check.ask(asking)
    except BaseException as error:  # Also SystemExit: a check of the project's own may do anything.
        answer = _answer_of(error, check)
    finally:
        connections.close_all()  # Of this thread, such as those of a cache in the database.
    return CheckResult(check.name, answer, _since(started))


def _answer_of(error: BaseException, check: Check) -> Answer:
    """What an error says of the thing that was asked. Unexpected ones do not show their text."""
    if isinstance(error, library.Failure):
        return library.answer_of(error)
    if sqlstate(error) in ("42P01", "42703"):
        return unhealthy("public is not migrated yet", f"begin with: {VERIFY} --fix")
    if isinstance(error, (DatabaseError, TenantMigrationsError)):
        return unhealthy(redacted(one_line(error)), DATABASE_HINT)
    if isinstance(error, OSError):
        return unhealthy(redacted(one_line(error)), "mend the cause, then: manage.py health_check")
    trace = "".join(traceback.format_exception(error))
    event(logger, logging.ERROR, "check_broke", check=check.name, traceback=redacted(trace))
    return unhealthy(
        f"the check itself failed: {type(error).__name__}",
        "the log has the traceback (logger tenant_migrations.health, event check_broke)",
    )


def _overrun(check: Check, timeout: float) -> CheckResult:
    answer = unhealthy(
        f"no answer within {timeout:g} s",
        "if it only needs more time: manage.py health_check --full --timeout=60",
    )
    return CheckResult(check.name, answer, round(timeout, 3), overran=True)


def _log(report: HealthReport) -> None:
    for result in report.results:
        if result.answer.status is not CheckStatus.HEALTHY:
            event(
                logger,
                logging.INFO,
                f"check_{result.answer.status}",
                check=result.name,
                why=result.answer.message,
                duration=result.duration_seconds,
            )
    counts = {status.value: count for status, count in report.by_status.items()}
    event(
        logger,
        logging.INFO,
        "health_checked",
        status=report.status,
        duration=report.duration_seconds,
        **counts,
    )


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
