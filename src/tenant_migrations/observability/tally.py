"""What became of all schemas that rollouts were ever about, fast enough for every scrape.

Rollouts that ended do not change any more: each process counts them once and only adds new ones.
"""

from collections import Counter

from django.db.models import Count, Max, Min, QuerySet

from tenant_migrations.database import tenant_connection
from tenant_migrations.models import Rollout, TenantOutcome
from tenant_migrations.vocabulary import OutcomeState, RolloutState

_ended: dict[tuple[str, ...], tuple[int, Counter[str]]] = {}
"""By database: the newest rollout that was counted for good, and the schemas by outcome so far."""


def heals_ever() -> dict[OutcomeState, int]:
    """Schemas by what became of them, over all rollouts on record."""
    settings = tenant_connection().settings_dict
    database = tuple(str(settings[part]) for part in ("HOST", "PORT", "NAME"))
    upto, ended = _ended.get(database, (0, Counter()))
    newest = _newest_ended()
    later = TenantOutcome.objects.filter(rollout_id__gt=upto)
    if newest > upto:
        ended = ended + _count(later.filter(rollout_id__lte=newest))
        _ended[database] = newest, ended
    counted = ended + _count(later.filter(rollout_id__gt=newest))
    return {state: counted[state.value] for state in OutcomeState}


def outcomes_of(*rollouts: Rollout) -> dict[OutcomeState, int]:
    """The same over some rollouts."""
    counted = _count(TenantOutcome.objects.filter(rollout__in=rollouts))
    return {state: counted[state.value] for state in OutcomeState}


def _newest_ended() -> int:
    """The newest rollout with none running before it; 0 where there is none."""
    running = Rollout.objects.filter(state=RolloutState.RUNNING).aggregate(id=Min("id"))["id"]
    ended = Rollout.objects.filter(id__lt=running) if running else Rollout.objects.all()
    return int(ended.aggregate(id=Max("id"))["id"] or 0)


def _count(outcomes: QuerySet[TenantOutcome]) -> Counter[str]:
    return Counter(dict(outcomes.order_by().values_list("state").annotate(Count("id"))))
