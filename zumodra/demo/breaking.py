"""Breaking the demo tenants: only those, and only where nothing but a demo can be hurt."""

from collections.abc import Callable, Sequence

from django.conf import settings
from django_tenants.utils import schema_context

from tenant_migrations.exceptions import Refused, WrongUse
from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.survey import Progress, Question, no_progress
from tenant_migrations.rollout.verifying import verify
from zumodra.demo.breakages import BREAKAGES, Breakage
from zumodra.tenants import demo, provisioning
from zumodra.tenants.models import Domain, Tenant
from zumodra.tenants.schema import PUBLIC

NAMES = [breakage.schema_name for breakage in BREAKAGES]


def refuse_real_tenants() -> None:
    """Raise ``Refused`` where ``DATABASE_URL`` names a database with tenants that are no demo."""
    if not settings.DATABASE_URL or not provisioning.public_is_usable():
        return
    with schema_context(PUBLIC):
        real = Tenant.objects.filter(is_demo=False).order_by("schema_name").first()
    if real is not None:
        raise Refused(
            f"DATABASE_URL names a database with tenants that are no demo, such as "
            f"{real.schema_name}; unset it, or name an empty database."
        )


def break_all(told: Callable[[Breakage], None], progress: Progress = no_progress) -> None:
    """Break the six, each in its own way; `told` is called after each.

    Demo tenants that are not well, as an earlier run left them, are made anew first, so that the
    six are all that is broken. Raises ``WrongUse`` where one of the six does not exist or is no
    demo tenant, ``Refused`` as ``refuse_real_tenants``. Stopped anywhere, a later run begins anew.
    """
    refuse_real_tenants()
    ours = {tenant.schema_name: tenant for tenant in demo.existing()}
    if lacking := [name for name in NAMES if name not in ours]:
        raise WrongUse(
            f"There is no demo tenant {lacking[0]}; "
            f"run bootstrap_demo_tenant --tenants={len(NAMES) + 1} first."
        )
    report = verify(Question(tenants=list(ours)), Code(), progress)
    _make_anew([ours[tenant.schema_name] for tenant in report.not_ok])
    for breakage in BREAKAGES:
        breakage.apply(breakage.schema_name)
        told(breakage)


def _make_anew(broken: Sequence[Tenant]) -> None:
    """Drop the tenants and make them again, each at its own domain."""
    names = {tenant.schema_name for tenant in broken}
    if not names:
        return
    domain = Domain.objects.get(tenant__schema_name="tenant_demo", is_primary=True).domain
    numbers = [int(name.removeprefix("tenant_demo_")) for name in names if name != "tenant_demo"]
    wanted = demo.demo_tenants(max(numbers, default=1), domain)
    demo.remove_all(broken, _untold)
    demo.make_all([new for new in wanted if new.schema_name in names], _untold)


def _untold(name: str) -> None:
    """There are few."""
