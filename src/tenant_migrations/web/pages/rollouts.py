"""Rollouts: what was done to the fleet, and what is being done now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from tenant_migrations.database import public_schema
from tenant_migrations.models import FleetAction, Rollout
from tenant_migrations.vocabulary import OutcomeState, RolloutState
from tenant_migrations.web.pages.backups import rollback_context
from tenant_migrations.web.pages.page import draw, fleet_page, number

ON_A_PAGE = 25
FAILURES_SHOWN = 100
SILENT = timedelta(minutes=5)
"""How long a run may say nothing before its page says so."""

FAILED = (OutcomeState.FAILED, OutcomeState.CRASHED)
DONE = (OutcomeState.FIXED, OutcomeState.SKIPPED, *FAILED)


@dataclass(frozen=True)
class Speed:
    """How far a run is."""

    done: int
    total: int
    per_minute: float | None
    left: timedelta | None

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 100


@dataclass(frozen=True)
class Began:
    """A wave that has begun."""

    wave: str
    at: datetime
    schemas: int
    done: int
    failed: int


@dataclass(frozen=True)
class Part:
    """Tenants of one variant that a run brings to the code by the same steps."""

    variant: str
    tenants: int
    done: int
    migrations: list[str]
    create: list[str]


@require_safe
@fleet_page
def rollouts(request: HttpRequest) -> HttpResponse:
    """All rollouts, the newest first."""
    states = {
        state.name.lower(): Count("outcomes", filter=Q(outcomes__state=state))
        for state in (OutcomeState.FIXED, OutcomeState.FAILED, OutcomeState.SKIPPED)
    }
    paginator = Paginator(Rollout.objects.brief().annotate(**states).order_by("-id"), ON_A_PAGE)
    page = paginator.get_page(number(request.GET.get("page"), 1))
    return draw(request, "rollouts", {"section": "rollouts", "page_obj": page})


@require_safe
@fleet_page
def rollout(request: HttpRequest, pk: int) -> HttpResponse:
    """One rollout; while it runs the page asks for its live part again and again."""
    found = Rollout.objects.filter(pk=pk).first()
    if found is None:
        raise Http404("no such rollout")
    part = "rollout_live" if request.GET.get("part") == "live" else "rollout"
    return draw(request, part, {"section": "rollouts", **live_state(found)})


@require_safe
@fleet_page
def action(request: HttpRequest, pk: int) -> HttpResponse:
    """What somebody had done, live: the process, and the rollout that it made."""
    found = FleetAction.objects.filter(pk=pk).first()
    if found is None:
        raise Http404("no such action")
    context: dict[str, Any] = {"section": "audit", "action": found, "rollout": None}
    context |= rollback_context(found)
    if made := rollout_of(found):
        context |= live_state(made)
    part = "action_live" if request.GET.get("part") == "live" else "action"
    return draw(request, part, context)


def rollout_of(action: FleetAction) -> Rollout | None:
    """The rollout that an action's process made."""
    if action.process is None:
        return None
    made = Rollout.objects.filter(process=action.process, started_at__gte=action.at)
    if action.finished_at:
        made = made.filter(started_at__lte=action.finished_at)
    return made.order_by("id").first()


def live_state(rollout: Rollout) -> dict[str, Any]:
    """All that changes while a rollout runs."""
    outcomes = rollout.outcomes.all()
    counts = dict(outcomes.order_by().values_list("state").annotate(tenants=Count("id")))
    is_running = rollout.state == RolloutState.RUNNING
    failed = outcomes.filter(state__in=FAILED)
    states = dict(outcomes.order_by().values_list("schema_name", "state"))
    waves = _waves(rollout, states)
    return {
        "rollout": rollout,
        "is_running": is_running,
        "is_silent": is_running and timezone.now() - rollout.heartbeat_at > SILENT,
        "counts": [(state.value, counts.get(state.value, 0)) for state in OutcomeState],
        "speed": _speed(rollout, counts),
        "waves": waves,
        "not_begun": _not_begun(rollout, states) if waves else 0,
        "parts": _parts(rollout, states),
        "in_hand": outcomes.filter(state=OutcomeState.RUNNING),
        "failures": failed[:FAILURES_SHOWN],
        "more_failures": max(0, failed.count() - FAILURES_SHOWN),
        "skipped": outcomes.filter(state=OutcomeState.SKIPPED)[:FAILURES_SHOWN],
        "can_retry": not is_running and (failed.exists() or counts.get("not attempted")),
    }


def _speed(rollout: Rollout, counts: dict[str, int]) -> Speed:
    # Tenants that a plan leaves out are skipped before anything is done.
    worked = counts.get(OutcomeState.FIXED, 0) + counts.get(OutcomeState.FAILED, 0)
    done = sum(counts.get(state, 0) for state in DONE)
    total = sum(counts.values())
    if rollout.state != RolloutState.RUNNING or not worked:
        return Speed(done, total, None, None)
    first = rollout.outcomes.exclude(started_at=None).order_by("started_at")
    began = first.values_list("started_at", flat=True).first() or rollout.started_at
    seconds = max((timezone.now() - began).total_seconds(), 0.001)
    rate = worked / seconds
    return Speed(done, total, rate * 60, timedelta(seconds=round((total - done) / rate)))


def _waves(rollout: Rollout, states: Mapping[str, str]) -> list[Began]:
    return [
        Began(
            wave["wave"],
            datetime.fromisoformat(wave["began_at"]),
            len(wave["schemas"]),
            sum(states.get(name) in DONE for name in wave["schemas"]),
            sum(states.get(name) in FAILED for name in wave["schemas"]),
        )
        for wave in rollout.waves
    ]


def _not_begun(rollout: Rollout, states: Mapping[str, str]) -> int:
    """Schemas that the plan names and no wave has come to."""
    begun = {name for wave in rollout.waves for name in wave["schemas"]}
    return sum(
        state == OutcomeState.NOT_ATTEMPTED for name, state in states.items() if name not in begun
    )


def _parts(rollout: Rollout, states: Mapping[str, str]) -> list[Part]:
    return [
        Part(
            variant=public_schema() if names == [public_schema()] else part.get("variant", ""),
            tenants=len(names),
            done=sum(states.get(name) in DONE for name in names),
            migrations=part.get("migrations", []),
            create=part.get("create", []),
        )
        for part in rollout.plan
        if (names := part.get("tenants", []))
    ]
