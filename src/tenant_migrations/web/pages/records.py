"""Incidents, quarantine, maintenance and the audit trail, as they are recorded."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from tenant_migrations.models import FleetAction, Incident, Maintenance, Quarantine
from tenant_migrations.web.pages.page import draw, fleet_page, number

ON_A_PAGE = 50


@require_safe
@fleet_page
def incidents(request: HttpRequest) -> HttpResponse:
    """What tenants' visitors met; with ``?all=1`` also what is over."""
    with_past = request.GET.get("all") == "1"
    found = Incident.objects.all() if with_past else Incident.objects.filter(resolved_at=None)
    page = Paginator(found, ON_A_PAGE).get_page(number(request.GET.get("page"), 1))
    context = {"section": "incidents", "page_obj": page, "with_past": with_past}
    return draw(request, "incidents", {**context, "query": "all=1" if with_past else ""})


@require_safe
@fleet_page
def quarantine(request: HttpRequest) -> HttpResponse:
    """Tenants that are left alone, and tenants under maintenance."""
    found = Quarantine.objects.order_by("schema_name")
    page = Paginator(found, ON_A_PAGE).get_page(number(request.GET.get("page"), 1))
    context = {
        "section": "quarantine",
        "page_obj": page,
        "marks": Maintenance.objects.filter(until__gt=timezone.now()),
    }
    return draw(request, "quarantine", context)


@require_safe
@fleet_page
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what, and when."""
    page = Paginator(FleetAction.objects.all(), ON_A_PAGE).get_page(
        number(request.GET.get("page"), 1)
    )
    return draw(request, "audit", {"section": "audit", "page_obj": page})
