"""Breaking the demo tenants: only those, and only where nothing but a demo can be hurt."""

from collections.abc import Callable, Sequence

from django.conf import settings
from django.db import connection
from django_tenants.utils import schema_context

from tenant_migrations.exceptions import Refused, WrongUse
from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.survey import Progress, Question, no_progress
from tenant_migrations.rollout.verifying import verify
from tenant_migrations.vocabulary import TenantStatus
from zumodra.demo.breakages import BREAKAGES, Breakage
from zumodra.tenants import demo, provisioning
from zumodra.tenants.models import Tenant
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

    What an earlier run left broken is made anew first, so that each is broken in its own way only.
    Raises ``WrongUse`` where one of the six does not exist or is no demo tenant, ``Refused`` as
    ``refuse_real_tenants``. Stopped anywhere, the next run begins again.
    """
    refuse_real_tenants()
    _make_anew(_broken(progress))
    for breakage in BREAKAGES:
        breakage.apply(breakage.schema_name)
        told(breakage)
    connection.close()


def _broken(progress: Progress) -> list[Tenant]:
    """Those of the six that are not well."""
    ours = {tenant.schema_name: tenant for tenant in demo.existing()}
    if lacking := [name for name in NAMES if name not in ours]:
        raise WrongUse(
            f"There is no demo tenant {lacking[0]}; "
            f"run bootstrap_demo_tenant --tenants={len(NAMES) + 1} first."
        )
    report = verify(Question(tenants=NAMES), Code(), progress)
    return [ours[tenant.schema_name] for tenant in report.not_ok]


def _make_anew(broken: Sequence[Tenant]) -> None:
    """Drop the tenants and make them again, at the domain that the whole demo has."""
    if not broken:
        return
    first = Tenant.objects.get(schema_name="tenant_demo")
    domain = first.domains.get(is_primary=True).domain
    names = [tenant.schema_name for tenant in broken]
    wanted = demo.demo_tenants(len(NAMES) + 1, domain)
    demo.remove_all(broken, _no_progress)
    demo.make_all([new for new in wanted if new.schema_name in names], _no_progress)


def _no_progress(name: str) -> None:
    """There are at most six."""


def expected_statuses() -> dict[str, TenantStatus]:
    """What verifying says of each of the six once they are broken."""
    return {breakage.schema_name: breakage.status for breakage in BREAKAGES}
