"""The fleet of demo tenants: ``tenant_demo``, ``tenant_demo_002`` and so on."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

from django.utils import timezone

from tenant_migrations.exceptions import Refused, WrongUse
from tenant_migrations.provisioning.many import provision
from zumodra.custom_account_u.models import User
from zumodra.demo_data import Company, fill_company
from zumodra.tenants import naming, provisioning
from zumodra.tenants.links import set_password_url
from zumodra.tenants.models import Domain, Tenant

MOST_TENANTS = 100_000
_PAID_PLANS = [Tenant.Plan.STARTER, Tenant.Plan.PROFESSIONAL, Tenant.Plan.ENTERPRISE]

Progress = Callable[[str], None]
"""Called with the schema name of each tenant that is done."""


def demo_tenants(count: int, domain: str) -> list[provisioning.NewTenant]:
    """The first `count` demo tenants. The first is served at `domain`, the others beside it."""
    if not 1 <= count <= MOST_TENANTS:
        raise WrongUse(f"--tenants takes 1 to {MOST_TENANTS}, not {count}.")
    return [_demo_tenant(number, domain) for number in range(1, count + 1)]


def missing(wanted: Sequence[provisioning.NewTenant]) -> list[provisioning.NewTenant]:
    """Those that are still to be made, one whose making was cut off among them.

    Raises ``WrongUse`` where a name or a domain belongs to somebody else, or a demo tenant is
    served elsewhere; ``Refused`` where one has lost its schema.
    """
    names = [new.schema_name for new in wanted]
    rows = {
        tenant.schema_name: tenant
        for tenant in Tenant.objects.filter(schema_name__in=names).prefetch_related("domains")
    }
    schemas = provisioning.existing_schemas(names)
    made = []
    for new in wanted:
        tenant = rows.get(new.schema_name)
        has_schema = new.schema_name in schemas
        if tenant is None and has_schema:
            raise WrongUse(
                f"A schema {new.schema_name} exists without a tenant; it is left alone. "
                "Rename it, or make fewer demos."
            )
        if tenant is None or _is_unfinished(tenant):
            made.append(new)
            continue
        _check_own(tenant, new)
        if not has_schema:
            raise Refused(
                f"{new.schema_name} has a row but no schema; add --reset to make the demo anew."
            )
    _check_domains_free(made)
    return made


def existing() -> list[Tenant]:
    """Every demo tenant: marked as one, and of a name that only those have."""
    rows = Tenant.objects.filter(is_demo=True).order_by("schema_name")
    return [tenant for tenant in rows if naming.DEMO_SCHEMA.fullmatch(tenant.schema_name)]


def remove_all(tenants: Sequence[Tenant], progress: Progress) -> None:
    """Remove the tenants, each in a transaction of its own; what is done stays done."""
    for tenant in tenants:
        provisioning.remove(tenant)
        progress(tenant.schema_name)


def make_all(wanted: Sequence[provisioning.NewTenant], progress: Progress, jobs: int = 1) -> None:
    """Make the tenants, so many at a time. Stopped anywhere, a later run makes only the rest."""

    def make(new: provisioning.NewTenant) -> None:
        provisioning.provision(new, partial(fill_company, _company(new.schema_name, new.domain)))

    if wanted:
        provisioning.build_reference()
        jobs = min(jobs, len(wanted))
        provision(wanted, make, jobs=jobs, done=lambda new: progress(new.schema_name))


def owner_link(new: provisioning.NewTenant) -> str | None:
    """Where the owner sets a password; None where that has happened."""
    owner = User.objects.get(email=new.owner_email)
    return None if owner.has_usable_password() else set_password_url(owner, new.domain)


def _demo_tenant(number: int, domain: str) -> provisioning.NewTenant:
    first = number == 1
    schema_name = "tenant_demo" if first else f"tenant_demo_{number:03d}"
    label, rest = domain.split(".", 1)
    own_domain = domain if first else f"{label}-{number:03d}.{rest}"
    return provisioning.NewTenant(
        name="Demo Company" if first else _company(schema_name, own_domain).name(),
        schema_name=schema_name,
        slug=schema_name.removeprefix("tenant_").replace("_", "-"),
        domain=own_domain,
        owner_email=f"owner@{own_domain}",
        plan=_PAID_PLANS[number % len(_PAID_PLANS)],
        status=Tenant.Status.ACTIVE,
        paid_until=timezone.now().date().replace(month=12, day=31),
        contact_name="Demo owner",
        country="PT",
        is_demo=True,
    )


def _company(schema_name: str, domain: str) -> Company:
    month: date = timezone.now().date().replace(day=1)
    return Company(seed=schema_name, domain=domain, month=month)


def _is_unfinished(tenant: Tenant) -> bool:
    return tenant.is_demo and tenant.status == Tenant.Status.PROVISIONING


def _check_own(tenant: Tenant, new: provisioning.NewTenant) -> None:
    if not tenant.is_demo:
        raise WrongUse(f"{tenant.schema_name} is no demo tenant; rename it, or make fewer demos.")
    domains = [domain.domain for domain in tenant.domains.all()]
    if new.domain not in domains:
        served = domains[0] if domains else "no domain"
        raise WrongUse(
            f"{tenant.schema_name} exists at {served}, not at {new.domain}; "
            "leave out --domain, or add --reset to make the demo anew."
        )


def _check_domains_free(wanted: Sequence[provisioning.NewTenant]) -> None:
    schemas = {new.domain: new.schema_name for new in wanted}
    taken = Domain.objects.filter(domain__in=schemas).select_related("tenant")
    for domain in taken:
        if domain.tenant.schema_name != schemas[domain.domain]:
            raise WrongUse(
                f"The domain {domain.domain} belongs to {domain.tenant.schema_name}; "
                "choose another with --domain."
            )
