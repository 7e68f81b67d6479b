"""What the rollouts of a period did, and what took them longest. Reads only."""

from collections import Counter, defaultdict
from typing import Any

from django.db.models import Count, Max

from tenant_migrations.models import Rollout, TenantOutcome
from tenant_migrations.observability.report.data import FailureCause, Heals, Slow
from tenant_migrations.observability.report.period import Period
from tenant_migrations.vocabulary import OutcomeState, RolloutState

MOST_LISTED = 5
"""Slowest tenants, slowest migrations, causes of failures and names of each."""

FAILED = (OutcomeState.FAILED, OutcomeState.CRASHED)


def outcomes_of(period: Period) -> Any:
    """What the rollouts that began in a period did, as a query."""
    within = TenantOutcome.objects.filter(
        rollout__started_at__gte=period.start, rollout__started_at__lt=period.end
    )
    return within.order_by()


def heals_of(period: Period) -> Heals:
    """The rollouts that began in a period."""
    within = Rollout.objects.filter(started_at__gte=period.start, started_at__lt=period.end)
    outcomes = outcomes_of(period)
    states = dict(within.order_by().values_list("state").annotate(Count("id")))
    counted = dict(outcomes.values_list("state").annotate(Count("id")))
    return Heals(
        rollouts=sum(states.values()),
        stopped=states.get(RolloutState.STOPPED, 0),
        crashed=states.get(RolloutState.CRASHED, 0),
        tenants={state: counted[state] for state in OutcomeState if counted.get(state)},
        causes=_causes(outcomes.filter(state__in=FAILED)),
    )


def _causes(failed: Any) -> tuple[FailureCause, ...]:
    groups = failed.values("migration", "sqlstate").annotate(
        tenants=Count("schema_name", distinct=True), newest=Max("pk")
    )
    found = []
    for group in groups.order_by("-tenants", "migration", "sqlstate")[:MOST_LISTED]:
        alike = failed.filter(migration=group["migration"], sqlstate=group["sqlstate"])
        names = alike.order_by("schema_name").values_list("schema_name", flat=True).distinct()
        newest = TenantOutcome.objects.get(pk=group["newest"])
        found.append(
            FailureCause(
                group["migration"],
                group["sqlstate"],
                newest.message,
                newest.hint.replace(f" --tenant={newest.schema_name}", "")
                if group["tenants"] > 1
                else newest.hint,
                group["tenants"],
                tuple(names[:MOST_LISTED]),
            )
        )
    return tuple(found)


def slow_tenants_of(period: Period) -> tuple[Slow, ...]:
    """The tenants whose healing took longest."""
    fixed = outcomes_of(period).filter(state=OutcomeState.FIXED, duration_seconds__isnull=False)
    rows = fixed.order_by("-duration_seconds", "schema_name").values_list(
        "schema_name", "duration_seconds", "applied"
    )
    return tuple(
        Slow(name, round(seconds, 3), migrations=len(applied))
        for name, seconds, applied in rows[:MOST_LISTED]
    )


def slow_migrations_of(period: Period) -> tuple[Slow, ...]:
    """By average over tenants. A tenant's time is shared evenly by what was applied together."""
    fixed = outcomes_of(period).filter(state=OutcomeState.FIXED, duration_seconds__isnull=False)
    spent: dict[str, float] = defaultdict(float)
    times: Counter[str] = Counter()
    rows = fixed.exclude(applied=[]).values_list("applied", "duration_seconds")
    for applied, seconds in rows.iterator():
        for name in applied:
            spent[name] += seconds / len(applied)
            times[name] += 1
    found = [Slow(name, round(spent[name] / times[name], 3), times[name]) for name in spent]
    return tuple(sorted(found, key=lambda slow: (-slow.seconds, slow.name))[:MOST_LISTED])
