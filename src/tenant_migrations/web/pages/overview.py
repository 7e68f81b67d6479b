"""The overview: how many tenants are how, and since when."""

from datetime import datetime
from typing import Any

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_tenants.utils import get_tenant_model

from tenant_migrations.database import public_schema
from tenant_migrations.fleet.tenants import PUBLIC_KIND
from tenant_migrations.maintenance import marks
from tenant_migrations.models import Incident, Quarantine, Rollout, Sample, TenantState
from tenant_migrations.observability.report.charts import Chart, Column, chart
from tenant_migrations.vocabulary import RolloutState, TenantStatus
from tenant_migrations.web.pages.backups import newest_backup
from tenant_migrations.web.pages.page import draw, fleet_page

SAMPLES_SHOWN = 30
VARIANTS_SHOWN = 8
NAMES_SHOWN = 5


@require_safe
@fleet_page
def overview(request: HttpRequest) -> HttpResponse:
    """Counts by status, variants, the last check, the trend, and what is under way."""
    counts = counts_by_status()
    newest = Sample.objects.filter(whole_fleet=True).first()
    context = {
        "section": "overview",
        "counts": counts,
        "total": sum(count for _, count in counts),
        "unchecked": unchecked(),
        "public": TenantState.objects.filter(kind=PUBLIC_KIND).first(),
        "sample": newest,
        "last_good": _last_good(newest),
        "variants": _variants(),
        "trend": _trend(),
        "running": Rollout.objects.brief().filter(state=RolloutState.RUNNING),
        "last_rollout": Rollout.objects.brief().exclude(state=RolloutState.RUNNING).first(),
        "incidents": Incident.objects.filter(resolved_at=None)[:NAMES_SHOWN],
        "open_incidents": Incident.objects.filter(resolved_at=None).count(),
        "quarantined": Quarantine.objects.count(),
        "under_maintenance": sorted(marks()),
        "backup": newest_backup(),
    }
    return draw(request, "overview", context)


def counts_by_status() -> list[tuple[str, int]]:
    """Number of tenants of each status that occurs, gravest first."""
    states = TenantState.objects.exclude(kind=PUBLIC_KIND).order_by()
    found = dict(states.values_list("status").annotate(tenants=Count("id")))
    return [(status.value, found[status.value]) for status in TenantStatus if status in found]


def unchecked() -> int:
    """How many tenants no check has seen yet."""
    known = TenantState.objects.values("schema_name")
    tenants = get_tenant_model()._base_manager.exclude(schema_name=public_schema())
    return int(tenants.exclude(schema_name__in=known).count())


def _last_good(newest: Sample | None) -> datetime | None:
    """When a check last succeeded, if the newest did not."""
    if newest is None or newest.succeeded:
        return None
    good = Sample.objects.filter(whole_fleet=True, succeeded=True)
    return good.values_list("taken_at", flat=True).first()


def _variants() -> list[dict[str, Any]]:
    states = TenantState.objects.exclude(kind=PUBLIC_KIND).exclude(variant="").order_by()
    grouped = states.values("variant", "status").annotate(tenants=Count("id"))
    return [{**row} for row in grouped.order_by("-tenants", "variant")[:VARIANTS_SHOWN]]


def _trend() -> Chart | None:
    whole = Sample.objects.filter(whole_fleet=True)
    newest = list(reversed(whole[:SAMPLES_SHOWN]))
    if len(newest) < 2:
        return None
    return chart("Tenants by check", [_column(sample) for sample in newest], _written)


def _column(sample: Sample) -> Column:
    name = timezone.localtime(sample.taken_at).strftime("%d %b %H:%M")
    if not sample.succeeded or sample.total_tenants is None:
        return Column(name, None)
    well = sample.by_status.get(TenantStatus.OK.value, 0)
    return Column(name, float(well), float(sample.total_tenants - well))


def _written(value: float | None) -> str:
    return "no data" if value is None else f"{value:,.0f}"
