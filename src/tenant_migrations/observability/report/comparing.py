"""One period beside the one before. Pure."""

from collections.abc import Sequence

from tenant_migrations.models import Sample
from tenant_migrations.observability.report.data import Checks, Comparison, Heals, Report
from tenant_migrations.vocabulary import OutcomeState, TenantStatus

Figures = tuple[float | None, ...]

WORDS: tuple[tuple[str, str, bool | None], ...] = (
    ("Tenants not ok at the end", "", False),
    ("Pending migrations at the end", "", False),
    ("Checks done of those expected", "%", True),
    ("Checks that failed", "", False),
    ("Time of a check", "s", False),
    ("Tenants healed", "", None),
    ("Tenants that could not be healed", "", False),
)
"""What is compared, in which unit, and whether more of it is better (``None``: neither is)."""


def compare(
    report: Report, samples: Sequence[Sample], before: Sequence[Sample]
) -> tuple[Comparison, ...]:
    """The figures of ``WORDS``, now and before."""
    figures = _figures(samples, report.checks, report.heals)
    figures_before = _figures(before, report.checks_before, report.heals_before)
    return tuple(
        Comparison(what, unit, now, then, more_is_better)
        for (what, unit, more_is_better), now, then in zip(
            WORDS, figures, figures_before, strict=True
        )
    )


def not_ok(sample: Sample) -> int:
    """Tenants that a check found not ok."""
    return (sample.total_tenants or 0) - int(sample.by_status.get(TenantStatus.OK, 0))


def _figures(samples: Sequence[Sample], checks: Checks, heals: Heals) -> Figures:
    last = next((sample for sample in reversed(samples) if sample.succeeded), None)
    return (
        not_ok(last) if last else None,
        last.pending_total if last else None,
        checks.coverage,
        checks.failed if checks.done else None,
        checks.average_seconds,
        heals.count(OutcomeState.FIXED) if heals.rollouts else None,
        heals.failed if heals.rollouts else None,
    )
