"""What earlier runs took: seconds per tenant, for the forecast of the next run. Reads only."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import DatabaseError

from tenant_migrations.database import one_line, public_schema, schema_in_use, sqlstate
from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.models import Rollout, TenantOutcome
from tenant_migrations.vocabulary import OutcomeState

RECENT = 20
"""So many of the newest runs are looked at."""
MOST_OUTCOMES = 20_000


@dataclass(frozen=True)
class Pace:
    """How long one tenant took."""

    seconds: float
    """Of the median tenant."""
    tenants: int
    """How many it is known of."""
    same: bool
    """Whether these were the same migrations; else it is what recent ones took, as many."""


def read_paces(wanted: Sequence[Sequence[str]]) -> list[Pace | None]:
    """For each list of migrations how long a tenant takes; ``None`` where nothing is on record.

    A tenant without migrations to apply is compared with all that was done before.
    """
    records = _read()
    each = [seconds / max(1, len(applied)) for applied, seconds in records]
    return [_pace(labels, records, each) for labels in wanted]


def _pace(
    labels: Sequence[str], records: list[tuple[frozenset[str], float]], each: list[float]
) -> Pace | None:
    if not records:
        return None
    same = [seconds for applied, seconds in records if labels and applied == frozenset(labels)]
    if same:
        return Pace(statistics.median(same), len(same), True)
    return Pace(statistics.median(each) * max(1, len(labels)), len(each), False)


def _read() -> list[tuple[frozenset[str], float]]:
    """What was applied to a tenant and how long it took, of the newest runs."""
    try:
        with schema_in_use(public_schema()):
            newest = list(Rollout.objects.order_by("-id").values_list("id", flat=True)[:RECENT])
            rows = (
                TenantOutcome.objects.filter(rollout__in=newest, state=OutcomeState.FIXED)
                .exclude(schema_name=public_schema())
                .exclude(duration_seconds=None)
                .order_by("-id")
                .values_list("applied", "duration_seconds")
            )
            return [(frozenset(applied), took or 0) for applied, took in rows[:MOST_OUTCOMES]]
    except DatabaseError as error:
        if sqlstate(error) == "42P01":  # Public is not migrated yet.
            return []
        raise DatabaseUnavailable(f"the records can't be read: {one_line(error)}") from error
