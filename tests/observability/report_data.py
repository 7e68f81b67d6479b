"""A report on an eventful week of a fleet of five hundred, with fixed figures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tenant_migrations.observability.report.advice import advise
from tenant_migrations.observability.report.comparing import WORDS
from tenant_migrations.observability.report.data import (
    Checks,
    Comparison,
    Counted,
    FailureCause,
    Heals,
    Mark,
    OpenAlert,
    Report,
    Slow,
    Standing,
)
from tenant_migrations.observability.report.period import iso_week
from tenant_migrations.vocabulary import OutcomeState, TenantStatus

MADE_AT = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)

NOT_OK = (
    ("ridgeline_hr", "drifted", 0),
    ("harbour_and_sons", "pending", 2),
    ("northwind", "pending", 2),
    ("o_malley_recruiting", "pending", 2),
    ("silverlake", "quarantined", 1),
)
NOT_OK_BY_DAY = (0, 2, None, 31, 9, 6, 5)
PENDING_BY_DAY = (0, 4, None, 62, 18, 9, 7)
SECONDS_BY_DAY = (1.31, 1.28, None, 1.62, 1.35, 1.33, 1.34)
CHECKS_BY_DAY = ((96, 0), (88, 2), (0, 0), (95, 3), (96, 0), (96, 0), (96, 1))
HEALED_BY_DAY = ((0, 0), (14, 0), (0, 0), (486, 22), (18, 4), (3, 4), (1, 4))


def eventful_week() -> Report:
    """The report, with the advice that follows from it."""
    report = Report(
        source="zumodra.com",
        made_at=MADE_AT,
        period=iso_week("2026-W47"),
        standing=Standing(
            taken_at=datetime(2026, 11, 22, 23, 45, tzinfo=UTC),
            is_old=False,
            total=500,
            by_status={
                TenantStatus.QUARANTINED: 1,
                TenantStatus.DRIFTED: 1,
                TenantStatus.PENDING: 3,
                TenantStatus.OK: 495,
            },
            public_status="ok",
            pending_total=7,
            pending_by_app={"finance": 4, "ats": 3},
            not_ok=NOT_OK,
        ),
        checks=Checks(
            done=567,
            failed=6,
            expected=672,
            average_seconds=1.37,
            slowest_seconds=4.82,
            failures=(
                Counted("no connection to the database: connection refused", 4),
                Counted("the database could not be read: canceling statement", 2),
            ),
        ),
        checks_before=Checks(done=672, failed=0, expected=672, average_seconds=1.29),
        heals=Heals(
            rollouts=11,
            stopped=1,
            tenants={
                OutcomeState.FIXED: 522,
                OutcomeState.FAILED: 34,
                OutcomeState.SKIPPED: 5,
                OutcomeState.NOT_ATTEMPTED: 12,
            },
            causes=(
                FailureCause(
                    "ats.0021_candidate_email_unique",
                    "23505",
                    'could not create unique index "ats_candidate_email_key"',
                    "rows of this tenant contradict a unique constraint; clean them, then: "
                    "manage.py verify_tenant_migrations --fix",
                    22,
                    ("acme_staffing", "brightpath", "harbour_and_sons", "juniper", "northwind"),
                ),
                FailureCause(
                    "finance.0025_refund",
                    "55P03",
                    "canceling statement due to lock timeout",
                    "somebody holds the lock; then: manage.py verify_tenant_migrations --fix",
                    4,
                    ("juniper", "o_malley_recruiting", "silverlake", "tallow<script>"),
                ),
            ),
        ),
        heals_before=Heals(rollouts=3, tenants={OutcomeState.FIXED: 41}),
        comparisons=_comparisons(),
        marks=_marks(),
        slow_tenants=(
            Slow("northwind", 18.42, migrations=3),
            Slow("juniper", 11.9, migrations=3),
            Slow("brightpath", 4.31, migrations=2),
        ),
        slow_migrations=(
            Slow("ats.0021_candidate_email_unique", 2.914, tenants=464),
            Slow("finance.0025_refund", 0.118, tenants=496),
            Slow("finance.0024_subscription_cancellation", 0.031, tenants=500),
        ),
        alerts=(
            OpenAlert(
                "critical",
                "3 tenants failed in ats.0021_candidate_email_unique (SQLSTATE 23505)",
                datetime(2026, 11, 19, 8, 15, tzinfo=UTC),
                6,
            ),
            OpenAlert(
                "critical",
                "1 tenant in quarantine (TM016)",
                datetime(2026, 11, 20, 14, 30, tzinfo=UTC),
                5,
            ),
        ),
    )
    return replace(report, advice=advise(report))


def _marks() -> tuple[Mark, ...]:
    days = zip(
        NOT_OK_BY_DAY, PENDING_BY_DAY, SECONDS_BY_DAY, CHECKS_BY_DAY, HEALED_BY_DAY, strict=True
    )
    return tuple(
        Mark(MONDAY + timedelta(days=number), *checks, not_ok, pending, seconds, *healed)
        for number, (not_ok, pending, seconds, checks, healed) in enumerate(days)
    )


def _comparisons() -> tuple[Comparison, ...]:
    now = (5.0, 7.0, 561 / 672, 6.0, 1.37, 522.0, 34.0)
    before = (0.0, 0.0, 1.0, 0.0, 1.29, 41.0, 0.0)
    return tuple(
        Comparison(what, unit, value, then, more_is_better)
        for (what, unit, more_is_better), value, then in zip(WORDS, now, before, strict=True)
    )
