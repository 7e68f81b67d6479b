"""Tenants: all of them with their apps, a page at a time, and one of them."""

import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import psycopg
from django.core.paginator import Paginator
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django_tenants.utils import get_tenant_model

from tenant_migrations.database import one_line, public_schema, quote, reading
from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.fleet.tenants import PUBLIC_KIND, apps_of, kinds
from tenant_migrations.logs import event
from tenant_migrations.maintenance import active
from tenant_migrations.models import (
    FleetAction,
    Incident,
    Quarantine,
    ReferenceStep,
    Rollback,
    Sample,
    TenantOutcome,
    TenantState,
)
from tenant_migrations.vocabulary import TenantStatus
from tenant_migrations.web.pages.backups import backups_of
from tenant_migrations.web.pages.overview import counts_by_status, unchecked
from tenant_migrations.web.pages.page import draw, fleet_page, number

logger = logging.getLogger("tenant_migrations.web")

ON_A_PAGE = 50
HISTORY_SHOWN = 20
TABLES_SHOWN = 10
TABLES_TIMEOUT_MS = 2_000

SORTS = {
    "status": ("gravity", "schema_name"),
    "name": ("schema_name",),
    "-name": ("-schema_name",),
    "pending": ("-pending", "schema_name"),
    "since": ("-since", "schema_name"),
}
SORT_NAMES = {
    "status": "gravest first",
    "name": "name",
    "-name": "name, backwards",
    "pending": "most pending",
    "since": "newest change",
}

LARGEST_TABLES = """
    SELECT c.relname, pg_total_relation_size(c.oid), greatest(c.reltuples, 0)::bigint
      FROM pg_class c
     WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'p', 'm')
     ORDER BY 2 DESC, 1 LIMIT %s
"""


@dataclass(frozen=True)
class Cell:
    """One app of one tenant."""

    app: str
    pending: int
    others: int


@dataclass(frozen=True)
class Row:
    """One tenant in the list."""

    state: TenantState
    cells: tuple[Cell, ...]
    others: int
    """Findings that belong to no app."""


@require_safe
@fleet_page
def tenants(request: HttpRequest) -> HttpResponse:
    """Tenants by apps; filtered, sorted and cut into pages by the database."""
    wanted = {name: request.GET.get(name, "")[:255] for name in ("q", "status", "app", "variant")}
    sort = request.GET.get("sort", "status")
    sort = sort if sort in SORTS else "status"
    paginator = Paginator(_filtered(wanted).order_by(*SORTS[sort]), ON_A_PAGE)
    page = paginator.get_page(number(request.GET.get("page"), 1))
    apps = app_labels()
    # Where something is to be done, one need not scroll for it.
    shown = sorted(apps, key=lambda app: (not any(app in state.apps for state in page), app))
    kept = {name: value for name, value in {**wanted, "sort": sort}.items() if value}
    context = {
        "section": "tenants",
        "wanted": wanted,
        "sort": sort,
        "sorts": SORT_NAMES,
        "counts": counts_by_status(),
        "unchecked": unchecked(),
        "apps": apps,
        "columns": shown,
        "rows": [_row(state, shown) for state in page],
        "page_obj": page,
        "query": urlencode(kept),
        "is_filtered": any(wanted.values()),
    }
    part = "tenants_table" if request.GET.get("part") == "table" else "tenants"
    return draw(request, part, context)


@require_safe
@fleet_page
def tenant(request: HttpRequest) -> HttpResponse:
    """One tenant, named by ``?name=`` as names may hold what an address can't."""
    name = request.GET.get("name", "")[:63]
    state = TenantState.objects.filter(schema_name=name).first()
    exists = tenant_exists(name)
    if not exists and (state is None or state.kind != PUBLIC_KIND):
        raise Http404("no such tenant")
    whole = Sample.objects.filter(whole_fleet=True, succeeded=True)
    checked = whole.values_list("taken_at", flat=True).first()
    context = {
        "section": "tenants",
        "name": name,
        "state": state,
        "is_public": not exists,
        "checked_at": max(filter(None, (checked, state.checked_at)), default=None)
        if state
        else None,
        "outcomes": TenantOutcome.objects.filter(schema_name=name)
        .select_related("rollout")
        .defer("rollout__plan", "rollout__waves")
        .order_by("-rollout_id")[:HISTORY_SHOWN],
        "incidents": Incident.objects.filter(schema_name=name)[:HISTORY_SHOWN],
        "actions": FleetAction.objects.filter(schema_name=name)[:HISTORY_SHOWN],
        "quarantine": Quarantine.objects.filter(schema_name=name).first(),
        "maintenance": active(name),
        "tables": largest_tables(name),
        "backups": backups_of(name),
        "rollbacks": Rollback.objects.filter(schema_name=name)[:HISTORY_SHOWN],
    }
    return draw(request, "tenant", context)


def tenant_exists(name: str) -> bool:
    """Whether a tenant has exactly this schema name."""
    model = get_tenant_model()
    return name != public_schema() and bool(model._base_manager.filter(schema_name=name).exists())


def app_labels() -> list[str]:
    """Labels of the tenants' apps that have migrations, as the references passed them."""
    of_tenants = frozenset[str]().union(*map(apps_of, kinds()))
    passed = ReferenceStep.objects.filter(kind__in=kinds()).order_by("app")
    return [app for app in passed.values_list("app", flat=True).distinct() if app in of_tenants]


def largest_tables(schema_name: str) -> list[dict[str, Any]] | None:
    """A tenant's largest tables with bytes and estimated rows; ``None`` where it takes too long."""
    try:
        with reading() as raw:
            raw.execute("SELECT set_config('statement_timeout', %s, false)", (_TIMEOUT,))
            rows = raw.execute(LARGEST_TABLES, (quote(schema_name), TABLES_SHOWN)).fetchall()
    except (psycopg.Error, DatabaseUnavailable) as error:
        event(logger, logging.WARNING, "tables_not_measured", error=one_line(error))
        return None
    return [{"name": name, "bytes": size, "rows": count} for name, size, count in rows]


_TIMEOUT = str(TABLES_TIMEOUT_MS)


def _filtered(wanted: dict[str, str]) -> QuerySet[TenantState]:
    gravity = Case(
        *(When(status=status.value, then=Value(at)) for at, status in enumerate(TenantStatus)),
        default=Value(-1),
        output_field=IntegerField(),
    )
    states = TenantState.objects.exclude(kind=PUBLIC_KIND).annotate(gravity=gravity)
    if wanted["q"]:
        states = states.filter(
            Q(schema_name__icontains=wanted["q"]) | Q(domain__icontains=wanted["q"])
        )
    if wanted["status"]:
        states = states.filter(status=wanted["status"])
    if wanted["app"]:
        states = states.filter(apps__has_key=wanted["app"])
    if wanted["variant"]:
        states = states.filter(variant=wanted["variant"])
    return states.defer("findings")


def _row(state: TenantState, apps: list[str]) -> Row:
    cells = tuple(Cell(app, *state.apps.get(app, (0, 0))) for app in apps)
    rest = sum(others for app, (_, others) in state.apps.items() if app not in apps)
    return Row(state, cells, rest)
