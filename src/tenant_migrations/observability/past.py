"""What the last hours held: checks, heals and how pending migrations went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from django.utils import timezone

from tenant_migrations.models import Rollout, Sample
from tenant_migrations.observability import history
from tenant_migrations.observability.tally import outcomes_of
from tenant_migrations.vocabulary import OutcomeState, TenantStatus


@dataclass(frozen=True)
class Past:
    """A window of the history. What there is no data for is ``None``."""

    hours: int
    checks: Sequence[Sample] = ()
    """Of the whole fleet, oldest first, with those that failed."""
    rollouts: int = 0
    heals: Mapping[OutcomeState, int] = field(default_factory=dict)
    """Schemas that its rollouts were about, by what became of them."""

    @cached_property
    def answers(self) -> tuple[Sample, ...]:
        """The checks that did not fail."""
        return tuple(sample for sample in self.checks if sample.succeeded)

    @cached_property
    def durations(self) -> tuple[float, ...]:
        """Of the checks that did not fail, in seconds."""
        return tuple(sample.duration_seconds for sample in self.answers)

    @property
    def average_duration(self) -> float | None:
        return round(sum(self.durations) / len(self.durations), 3) if self.durations else None

    @property
    def healthy_share(self) -> float | None:
        """Share of the checks that found all well; one that failed did not."""
        if not self.checks:
            return None
        return round(sum(map(_found_all_well, self.answers)) / len(self.checks), 4)


def look_back(hours: int) -> Past:
    """The window that ends now. Raises ``DatabaseUnavailable``."""
    checks = history.window(hours)
    since = timezone.now() - timedelta(hours=hours)

    def read() -> Past:
        rollouts = Rollout.objects.brief().filter(started_at__gt=since)
        return Past(hours, checks, rollouts.count(), outcomes_of(*rollouts))

    return history.from_records(read, Past(hours, checks))


def _found_all_well(sample: Sample) -> bool:
    return sample.public_status == TenantStatus.OK and not sample.not_ok
