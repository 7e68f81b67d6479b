"""The fleet in numbers for people."""

from collections.abc import Iterator

from tenant_migrations.cli.printable import printable
from tenant_migrations.observability.metrics import WITH_ERRORS, Metrics
from tenant_migrations.observability.past import Past
from tenant_migrations.vocabulary import OutcomeState, TenantStatus

UNKNOWN = "unknown"


def metrics_lines(metrics: Metrics, past: Past) -> Iterator[str]:
    """One line per number, what is wrong last."""
    check = metrics.check
    at = f"{check.taken_at:%Y-%m-%d %H:%M:%S %Z}" if check else "never"
    rows: list[tuple[str, object]] = [
        ("health", metrics.overall_health),
        ("last check", at),
        ("tenants", check.total_tenants if check else None),
        ("  ok", metrics.tenants(TenantStatus.OK)),
        ("  pending", metrics.tenants(TenantStatus.PENDING)),
        ("  drifted", metrics.tenants(TenantStatus.DRIFTED)),
        ("  quarantined", metrics.tenants(TenantStatus.QUARANTINED)),
        ("  with errors", metrics.tenants(*WITH_ERRORS)),
        ("pending migrations", check.pending_total if check else None),
        ("  most in one tenant", check.pending_max if check else None),
        (f"checks in {past.hours} h", len(past.checks)),
        ("  failed", len(past.checks) - len(past.answers)),
        ("  average duration", _seconds(past.average_duration)),
        (f"rollouts in {past.hours} h", past.rollouts),
        ("  schemas fixed", past.heals.get(OutcomeState.FIXED)),
        ("  schemas failed", past.heals.get(OutcomeState.FAILED)),
    ]
    for name, value in rows:
        yield f"{name:<24}{UNKNOWN if value is None else value}"
    for issue in metrics.issues:
        yield f"issue: {printable(issue)}"


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f} s"
