"""The fleet in numbers for Prometheus: what is exported, and in which shape.

A number that is not known is left out, never 0; no sample carries a timestamp, which node_exporter
would refuse.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tenant_migrations import conf
from tenant_migrations.observability.metrics import WITH_ERRORS, Health, Metrics
from tenant_migrations.vocabulary import OutcomeState, TenantStatus

Value = tuple[tuple[str, ...], float | None]
"""Label values and the number; none where it is not known."""

FINAL = (OutcomeState.FIXED, OutcomeState.FAILED, OutcomeState.SKIPPED, OutcomeState.CRASHED)
"""Outcomes that do not change any more, so that their number never falls."""


@dataclass(frozen=True)
class Definition:
    """One metric: its name without prefix, what it tells, and where its values come from."""

    name: str
    help: str
    read: Callable[[Metrics], Iterable[Value]]
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"

    def family(self, metrics: Metrics, prefix: str) -> Metric | None:
        """Its samples; ``None`` where nothing is known."""
        values = [(labels, value) for labels, value in self.read(metrics) if value is not None]
        if not values:
            return None
        make = GaugeMetricFamily if self.kind == "gauge" else CounterMetricFamily
        family = make(prefix + self.name, self.help, labels=self.labels)
        for labels, value in values:
            family.add_metric(labels, float(value))
        return family


class FleetCollector(Collector):
    """Gives what was gathered to a registry."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        options = conf.get()
        for definition in DEFINITIONS:
            if definition.name in NAMING_TENANTS and not options.METRICS_TENANT_LABELS:
                continue
            if family := definition.family(self._metrics, options.METRICS_PREFIX):
                yield family


def registry_of(metrics: Metrics) -> CollectorRegistry:
    """A registry with the fleet's metrics and nothing else."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FleetCollector(metrics))
    return registry


def _one(read: Callable[[Metrics], float | None]) -> Callable[[Metrics], list[Value]]:
    """Values of a metric without labels."""
    return lambda metrics: [((), read(metrics))]


def _tenants(*statuses: TenantStatus) -> Callable[[Metrics], list[Value]]:
    return _one(lambda metrics: metrics.tenants(*statuses))


def _of_check(name: str) -> Callable[[Metrics], list[Value]]:
    """A number that the newest check holds."""
    return _one(lambda metrics: getattr(metrics.check, name) if metrics.check else None)


def _of_rollout(name: str) -> Callable[[Metrics], list[Value]]:
    """A number or moment of the running rollout, else the newest."""

    def read(metrics: Metrics) -> float | None:
        value = getattr(metrics.rollout, name) if metrics.rollout else None
        return value.timestamp() if isinstance(value, datetime) else value

    return _one(read)


def _health(metrics: Metrics) -> float | None:
    health = metrics.overall_health
    return None if health is None else float(health is Health.HEALTHY)


def _pending_by_app(metrics: Metrics) -> list[Value]:
    by_app = metrics.check.pending_by_app if metrics.check else {}
    return [((app,), count) for app, count in sorted(by_app.items())]


def _pending_by_tenant(metrics: Metrics) -> list[Value]:
    named = metrics.check.not_ok if metrics.check else []
    return [((name, status), pending) for name, status, pending in named]


def _last_check(metrics: Metrics) -> float | None:
    return metrics.check.taken_at.timestamp() if metrics.check else None


def _last_check_succeeded(metrics: Metrics) -> float | None:
    if metrics.failed_check:
        return 0
    return 1 if metrics.check else None


def _autofix(metrics: Metrics) -> list[Value]:
    return [((state.value,), metrics.heals.get(state)) for state in FINAL]


def _rollout_tenants(metrics: Metrics) -> list[Value]:
    outcomes = metrics.rollout.outcomes if metrics.rollout else {}
    return [((state.value.replace(" ", "_"),), count) for state, count in outcomes.items()]


def _of_backup(field: str) -> Callable[[Metrics], list[Value]]:
    """A field of what is known of backups; moments as Unix time."""

    def value(metrics: Metrics) -> float | None:
        found = getattr(metrics.backup, field, None)
        return found.timestamp() if isinstance(found, datetime) else found

    return _one(value)


DEFINITIONS = (
    Definition("total_tenants", "Tenants in the fleet.", _of_check("total_tenants")),
    Definition("tenants_healthy", "Tenants that are ok.", _tenants(TenantStatus.OK)),
    Definition(
        "tenants_with_pending",
        "Tenants whose only fault is that migrations wait to be applied.",
        _tenants(TenantStatus.PENDING),
    ),
    Definition(
        "tenants_with_errors",
        "Tenants that are unknown, missing, inconsistent or ahead.",
        _tenants(*WITH_ERRORS),
    ),
    Definition(
        "tenants_drifted",
        "Tenants whose structure is not what their ledger says.",
        _tenants(TenantStatus.DRIFTED),
    ),
    Definition(
        "tenants_quarantined",
        "Tenants left alone until somebody releases them.",
        _tenants(TenantStatus.QUARANTINED),
    ),
    Definition(
        "total_pending_migrations",
        "Migrations that wait, summed over all tenants.",
        _of_check("pending_total"),
    ),
    Definition(
        "max_pending_migrations",
        "Migrations that wait in the tenant with the most.",
        _of_check("pending_max"),
    ),
    Definition(
        "pending_migrations_by_app",
        "Migrations that wait, summed over all tenants, by app.",
        _pending_by_app,
        ("app",),
    ),
    Definition(
        "tenant_pending_migrations",
        "Migrations that wait in a tenant that is not ok; only with METRICS_TENANT_LABELS.",
        _pending_by_tenant,
        ("schema_name", "status"),
    ),
    Definition("migration_health", "1 where nothing is wrong, else 0.", _one(_health)),
    Definition(
        "issues_detected",
        "Things that are wrong, as migration_metrics lists them.",
        _one(lambda metrics: len(metrics.issues)),
    ),
    Definition(
        "last_check_timestamp_seconds",
        "When the whole fleet was last checked with success (Unix time).",
        _one(_last_check),
    ),
    Definition(
        "last_check_succeeded",
        "1 where the newest check of the whole fleet succeeded, 0 where it failed.",
        _one(_last_check_succeeded),
    ),
    Definition(
        "check_duration_seconds",
        "How long the newest check that succeeded took.",
        _of_check("duration_seconds"),
    ),
    Definition(
        "autofix_total",
        "Schemas that heals were done with, by result.",
        _autofix,
        ("result",),
        "counter",
    ),
    Definition(
        "rollout_tenants",
        "Schemas of the running rollout, else of the newest, by state.",
        _rollout_tenants,
        ("state",),
    ),
    Definition("rollout_running", "1 while a rollout runs, else 0.", _of_rollout("is_running")),
    Definition(
        "rollout_heartbeat_timestamp_seconds",
        "When the running rollout, else the newest, last gave a sign of life (Unix time).",
        _of_rollout("heartbeat_at"),
    ),
    Definition(
        "rollout_duration_seconds",
        "How long the newest rollout took; absent while it runs.",
        _of_rollout("duration_seconds"),
    ),
    Definition(
        "last_backup_timestamp_seconds",
        "When the newest backup was made (Unix time); absent until there is one.",
        _of_backup("made_at"),
    ),
    Definition("last_backup_size_bytes", "Size of the newest backup.", _of_backup("size_bytes")),
    Definition(
        "last_backup_duration_seconds",
        "How long making the newest backup took.",
        _of_backup("duration_seconds"),
    ),
    Definition(
        "last_backup_verified",
        "1 if the newest backup was restored into a scratch database and compared, else 0.",
        _of_backup("is_verified"),
    ),
    Definition(
        "last_rehearsal_timestamp_seconds",
        "When a restore was last rehearsed (Unix time); absent until one was.",
        _of_backup("last_rehearsed_at"),
    ),
    Definition(
        "last_restore_duration_seconds",
        "How long the last restore into a scratch database took.",
        _of_backup("restore_seconds"),
    ),
    Definition(
        "collection_duration_seconds",
        "How long collecting these numbers took.",
        _one(lambda metrics: metrics.collection_seconds),
    ),
)

NAMING_TENANTS = frozenset({"tenant_pending_migrations"})
"""Metrics whose labels hold names of tenants."""
