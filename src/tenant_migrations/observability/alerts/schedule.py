"""Schedule: who is to hear of what now. Pure functions.

A problem is told when it comes, again after growing pauses while it lasts, at once when it has
grown a lot, and once more when it is over. A channel that a message did not reach gets it with
the next run.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tenant_migrations.models import Alert
from tenant_migrations.observability.alerts.problems import Problem
from tenant_migrations.vocabulary import AlertSeverity

REPEAT_AFTER = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=24))
"""Pauses after the first, the second and every further message of a problem that lasts."""

GROWTH = 2
"""A problem that has this many times the tenants it was told with is told at once."""

RESOLVE_TRIES_FOR = timedelta(hours=24)
"""How long a channel that could not be reached is still told that a problem is over."""

EVERYBODY = None


@dataclass(frozen=True)
class Telling:
    """One thing to be told."""

    alert: Alert
    problem: Problem | None
    """``None``: it is over."""
    only: frozenset[str] | None = EVERYBODY
    """Names of the channels that lack the last message."""


def due(
    problems: Iterable[Problem],
    alerts: Mapping[str, Alert],
    now: datetime,
    may_be_over: Callable[[str], bool],
) -> list[Telling]:
    """What is to be told now, and of every problem that is there, its alert.

    ``alerts`` are those known, by key, open and over. ``may_be_over`` tells of an open one's key
    whether its problem's absence means anything. Alerts are changed only as far as they come, come
    again or go.
    """
    tellings = []
    present = set()
    for problem in problems:
        present.add(problem.key)
        known = alerts.get(problem.key)
        if known is None or known.resolved_at is not None:
            alert = known or Alert(key=problem.key)
            _begin(alert, now)
            tellings.append(Telling(alert, problem))
        elif _is_due(problem, known, now):
            tellings.append(Telling(known, problem))
        elif known.undelivered:
            tellings.append(Telling(known, problem, frozenset(known.undelivered)))
    for alert in alerts.values():
        if alert.key in present:
            continue
        if alert.resolved_at is None:
            if may_be_over(alert.key):
                alert.resolved_at = now
                tellings.append(Telling(alert, None))
        elif alert.undelivered and now - alert.resolved_at < RESOLVE_TRIES_FOR:
            tellings.append(Telling(alert, None, frozenset(alert.undelivered)))
    return tellings


def _begin(alert: Alert, now: datetime) -> None:
    alert.first_at = now
    alert.last_sent_at = alert.resolved_at = None
    alert.times_sent = alert.tenants = 0
    alert.undelivered = []
    alert.delivery_error = ""


def _is_due(problem: Problem, alert: Alert, now: datetime) -> bool:
    if alert.last_sent_at is None:
        return True
    order = list(AlertSeverity)
    if order.index(problem.severity) < order.index(AlertSeverity(alert.severity)):
        return True
    if alert.tenants and len(problem.tenants) >= GROWTH * alert.tenants:
        return True
    pause = REPEAT_AFTER[min(alert.times_sent, len(REPEAT_AFTER)) - 1]
    return now - alert.last_sent_at >= pause
