"""What may be done from the pages: by POST, with the permission of each action, and recorded.

Work that takes long is done by a ``manage.py`` of its own (``jobs.py``); what is one row is done
here. What is dangerous asks for the name to be typed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST
from django_tenants.utils import get_tenant_domain_model, get_tenant_model

from tenant_migrations import maintenance
from tenant_migrations.database import public_schema
from tenant_migrations.exceptions import TenantMigrationsError, WrongUse
from tenant_migrations.fleet.findings import plural
from tenant_migrations.models import Backup, FleetAction, Quarantine, Rollout
from tenant_migrations.rollout.quarantine import release
from tenant_migrations.vocabulary import OutcomeState
from tenant_migrations.web import jobs
from tenant_migrations.web.closed import link_in
from tenant_migrations.web.healer import heal_arguments
from tenant_migrations.web.pages.backups import backups_of, rollback_arguments
from tenant_migrations.web.pages.page import ACTIONS, draw, fleet_page, number
from tenant_migrations.web.pages.tenants import tenant_exists
from tenant_migrations.web.rights import may

TRIGGER = "web"

EVERYONE = "all tenants"
"""What is typed to have something done to the whole fleet."""

MOST_RETRIED = 500
"""Tenants that one retry names; with more the whole fleet is healed."""

MOST_MINUTES = 24 * 60


@dataclass(frozen=True)
class Wish:
    """What was asked for."""

    request: HttpRequest
    action: str
    schema_name: str

    @property
    def typed(self) -> str:
        return self.request.POST.get("typed", "")

    def row(self, **parameters: Any) -> FleetAction:
        """Its row in the audit trail, not saved."""
        user: Any = self.request.user
        return FleetAction(
            username=user.get_username()[:254],
            user_key=str(user.pk)[:64],
            action=self.action,
            schema_name=self.schema_name,
            parameters=parameters,
        )


@require_POST
@fleet_page
def act(request: HttpRequest) -> HttpResponse:
    """Do what the form asks for, or say why not: 403 without the permission, 400 for a mistake."""
    wish = Wish(request, request.POST.get("action", ""), request.POST.get("schema_name", ""))
    try:
        if wish.action not in DOING:
            raise WrongUse("there is no such action")
        if not may(request, ACTIONS[wish.action]):
            raise PermissionDenied
        if wish.schema_name and not tenant_exists(wish.schema_name):
            raise WrongUse("no tenant has that name")
        return DOING[wish.action](wish)
    except TenantMigrationsError as error:
        context = {"section": "", "problem": str(error), "back": _page_of(wish.schema_name)}
        return draw(request, "refused", context, status=400)


def _verify(wish: Wish) -> HttpResponse:
    chosen = [f"--tenant={wish.schema_name}"] if wish.schema_name else []
    return _start(wish.row(), ["verify_tenant_migrations", f"--trigger={TRIGGER}", *chosen])


def _heal(wish: Wish) -> HttpResponse:
    """One tenant, those of a rollout that it did not reach or mend, or all of them."""
    retried = number(wish.request.POST.get("rollout"), 0)
    if retried:
        names = _unmended(retried)
        if len(names) <= MOST_RETRIED:
            row = wish.row(rollout=retried, tenants=len(names))
            return _start(row, heal_arguments(names, TRIGGER))
    if wish.schema_name:
        return _start(wish.row(), heal_arguments([wish.schema_name], TRIGGER))
    _must_be_typed(wish, EVERYONE)
    return _start(wish.row(), heal_arguments([], TRIGGER))


def _release(wish: Wish) -> HttpResponse:
    _must_be_typed(wish, wish.schema_name)
    held = Quarantine.objects.filter(schema_name=wish.schema_name).first()
    if held is None:
        raise WrongUse("that tenant is not in quarantine")
    row = wish.row(reason=held.reason)
    release([wish.schema_name])
    jobs.record(row)
    return HttpResponseRedirect(_page_of(wish.schema_name))


def _maintenance_on(wish: Wish) -> HttpResponse:
    if not wish.schema_name:
        raise WrongUse("name a tenant")
    reason = wish.request.POST.get("reason", "").strip()[:500]
    minutes = number(wish.request.POST.get("minutes"), maintenance.MINUTES)
    if not reason:
        raise WrongUse("say why")
    if not 0 < minutes <= MOST_MINUTES:
        raise WrongUse(f"1 to {MOST_MINUTES} minutes")
    maintenance.begin(wish.schema_name, reason, minutes)
    jobs.record(wish.row(reason=reason, minutes=minutes))
    return HttpResponseRedirect(_page_of(wish.schema_name))


def _maintenance_off(wish: Wish) -> HttpResponse:
    if not maintenance.end(wish.schema_name):
        raise WrongUse("that tenant is not under maintenance")
    jobs.record(wish.row())
    return HttpResponseRedirect(_page_of(wish.schema_name))


def _plan_rollback(wish: Wish) -> HttpResponse:
    """What a restore would replace and lose: the command's own plan, which changes nothing."""
    backup = _backup(wish)
    row = wish.row(backup=backup.pk, name=backup.name)
    arguments = [*rollback_arguments(backup, wish.schema_name), "--dry-run"]
    return _start(row, arguments, keeps_answer=True)


def _rollback(wish: Wish) -> HttpResponse:
    backup = _backup(wish)
    _must_be_typed(wish, wish.schema_name)
    row = wish.row(backup=backup.pk, name=backup.name)
    return _start(row, [*rollback_arguments(backup, wish.schema_name), "--force"])


def _backup(wish: Wish) -> Backup:
    if not wish.schema_name:
        raise WrongUse("name a tenant: the whole database is restored on the command line")
    pk = number(wish.request.POST.get("backup"), 0)
    for backup in backups_of(wish.schema_name):
        if backup.pk == pk:
            return backup
    raise WrongUse("there is no such backup of that tenant")


def _look_in(wish: Wish) -> HttpResponse:
    """To the tenant's own host, with a link that opens it for a quarter of an hour."""
    domains = get_tenant_domain_model()._base_manager.order_by("-is_primary", "domain")
    domain = domains.filter(tenant__schema_name=wish.schema_name).first()
    if domain is None:
        raise WrongUse("that tenant has no domain")
    jobs.record(wish.row(domain=domain.domain))
    port = wish.request.get_host().rpartition(":")[2]
    port = f":{port}" if port.isdigit() else ""
    address = f"{wish.request.scheme}://{domain.domain}{port}/{link_in(wish.schema_name)}"
    context = {"section": "tenants", "name": wish.schema_name, "address": address}
    return draw(wish.request, "look_in", context)


DOING: dict[str, Callable[[Wish], HttpResponse]] = {
    "verify": _verify,
    "heal": _heal,
    "release": _release,
    "maintenance-on": _maintenance_on,
    "maintenance-off": _maintenance_off,
    "look-in": _look_in,
    "plan-rollback": _plan_rollback,
    "rollback": _rollback,
}


def _start(row: FleetAction, arguments: list[str], *, keeps_answer: bool = False) -> HttpResponse:
    jobs.start(row, arguments, keeps_answer=keeps_answer)
    return HttpResponseRedirect(reverse("tenant_migrations:action", args=[row.pk]))


def _unmended(pk: int) -> list[str]:
    """Tenants that a rollout failed to mend or did not reach, and that are still there."""
    states = (OutcomeState.FAILED, OutcomeState.CRASHED, OutcomeState.NOT_ATTEMPTED)
    found = Rollout.objects.filter(pk=pk).first()
    if found is None:
        raise WrongUse("there is no such rollout")
    left = found.outcomes.filter(state__in=states).values("schema_name")
    tenants = get_tenant_model()._base_manager.filter(schema_name__in=left)
    tenants = tenants.exclude(schema_name=public_schema()).order_by("schema_name")
    names = [*tenants.values_list("schema_name", flat=True)]
    if not names:
        raise WrongUse(f"rollout {pk} left {plural(0, 'tenant')} behind")
    return names


def _must_be_typed(wish: Wish, name: str) -> None:
    if not name:
        raise WrongUse("name a tenant")
    if wish.typed != name:
        raise WrongUse(f"nothing was done: type {name!r} to confirm")


def _page_of(schema_name: str) -> str:
    if not schema_name:
        return reverse("tenant_migrations:overview")
    return reverse("tenant_migrations:tenant") + "?" + urlencode({"name": schema_name})
