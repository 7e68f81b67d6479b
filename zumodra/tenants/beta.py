"""A tenant for a company that tries the product."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.utils import timezone

from tenant_migrations.exceptions import WrongUse
from zumodra.accounts.models import Profile, Role
from zumodra.custom_account_u.models import User
from zumodra.finance.models import Plan, Subscription
from zumodra.tenants import naming, provisioning
from zumodra.tenants.links import set_password_url, site_url
from zumodra.tenants.models import Domain, Tenant

DEFAULT_PLAN = Tenant.Plan.STARTER
DEFAULT_TRIAL_DAYS = 30
LONGEST_TRIAL_DAYS = 365


@dataclass(frozen=True, kw_only=True)
class BetaRequest:
    """What was asked for; None is the default, and any answer will do for a tenant that exists."""

    company: str
    email: str
    domain: str | None = None
    plan: str | None = None
    trial_days: int | None = None

    @classmethod
    def parse(
        cls, company: str, email: str, domain: str | None, plan: str | None, trial_days: int | None
    ) -> "BetaRequest":
        """A request of clean values. Raises ``WrongUse`` for the first one that is not."""
        if plan is not None and plan not in Tenant.Plan.values:
            raise WrongUse(f"There is no plan {plan!r}; choose {', '.join(Tenant.Plan.values)}.")
        if trial_days is not None and not 1 <= trial_days <= LONGEST_TRIAL_DAYS:
            raise WrongUse(f"A trial lasts 1 to {LONGEST_TRIAL_DAYS} days, not {trial_days}.")
        return cls(
            company=naming.clean_company(company),
            email=naming.clean_email(email),
            domain=None if domain is None else naming.clean_domain(domain),
            plan=plan,
            trial_days=trial_days,
        )


@dataclass(frozen=True, kw_only=True)
class BetaTenant:
    """The answer: the same one whether the tenant was made just now or before."""

    name: str
    schema_name: str
    domain: str
    plan: str
    trial_ends: date | None
    sign_in_url: str
    set_password_url: str | None
    """None where the owner has set a password."""


def find_existing(request: BetaRequest) -> Tenant | None:
    """The tenant that was asked for, if there is one already.

    Raises ``WrongUse`` where the company or the address belongs to somebody else, or the tenant
    differs from what was asked for: this command changes nothing that exists.
    """
    finished = Tenant.objects.filter(is_demo=False).exclude(status=Tenant.Status.PROVISIONING)
    tenant: Tenant | None = finished.filter(name__iexact=request.company).first()
    if tenant is None:
        other = finished.filter(owner_email=request.email).first()
        if other is not None:
            raise WrongUse(
                f"{request.email} owns the company {other.name!r} already; "
                "use another address for this one."
            )
        if User.objects.filter(email=request.email).exists():
            raise WrongUse(f"There is an account for {request.email} already; use another address.")
        return None
    if tenant.owner_email != request.email:
        raise WrongUse(
            f"The company {tenant.name!r} exists already and belongs to another address; "
            "give this one a name of its own."
        )
    _check_same(request, tenant)
    return tenant


def _check_same(request: BetaRequest, tenant: Tenant) -> None:
    domain = _primary_domain(tenant)
    trial_ends = _trial_end(request.trial_days, tenant.created.date())
    for what, asked, has in [
        ("domain", request.domain, domain),
        ("plan", request.plan, tenant.plan),
        ("trial end", request.trial_days and trial_ends, tenant.trial_ends),
    ]:
        if asked and asked != has:
            raise WrongUse(
                f"The company {tenant.name!r} exists already with the {what} {has}, not "
                f"{asked}; change it in the administration."
            )


def plan_tenant(request: BetaRequest, check: bool = True) -> provisioning.NewTenant:
    """What would be made. Raises ``WrongUse`` where the domain or the schema is taken.

    Without `check` the database isn't asked: there are no tenants in it yet.
    """
    label = naming.label_for(request.company)
    if check:
        label = _free_label(label, request.company)
    schema_name = naming.schema_name_for(label)
    domain = request.domain or f"{label}.{settings.BASE_DOMAIN}"
    if check:
        _check_free(schema_name, domain)
    return provisioning.NewTenant(
        name=request.company,
        schema_name=schema_name,
        slug=label,
        domain=domain,
        owner_email=request.email,
        plan=request.plan or DEFAULT_PLAN,
        trial_ends=_trial_end(request.trial_days, timezone.now().date()),
    )


def make(new: provisioning.NewTenant) -> Tenant:
    """Make the tenant with its owner, who has no password yet. Fails as ``provision`` does."""
    provisioning.build_reference()
    return provisioning.provision(new, _fill)


def _free_label(label: str, company: str) -> str:
    """The label, told apart by a digest where a company of another name has it."""
    schema_name = naming.schema_name_for(label)
    finished = Tenant.objects.exclude(status=Tenant.Status.PROVISIONING)
    taken = finished.filter(schema_name=schema_name).exists()
    return naming.with_digest(label, company) if taken else label


def _check_free(schema_name: str, domain: str) -> None:
    if Domain.objects.filter(domain=domain).exclude(tenant__schema_name=schema_name).exists():
        raise WrongUse(f"The domain {domain} belongs to another tenant; choose one with --domain.")
    unfinished = Tenant.objects.filter(schema_name=schema_name).exists()
    if not unfinished and provisioning.existing_schemas([schema_name]):
        raise WrongUse(
            f"A schema {schema_name} exists without a tenant; it is left alone. Rename it or "
            "choose another name for the company."
        )


def answer(tenant: Tenant) -> BetaTenant:
    """What to tell the owner. Makes a new link each time, until a password is set."""
    domain = _primary_domain(tenant)
    owner = User.objects.filter(email=tenant.owner_email).first()
    wants_password = owner is not None and not owner.has_usable_password()
    return BetaTenant(
        name=tenant.name,
        schema_name=tenant.schema_name,
        domain=domain,
        plan=tenant.plan,
        trial_ends=tenant.trial_ends,
        sign_in_url=site_url(domain),
        set_password_url=set_password_url(owner, domain) if owner and wants_password else None,
    )


def _fill(tenant: Tenant) -> None:
    owner = User.objects.create_user(tenant.owner_email)
    Profile.objects.create(user=owner, role=Role.OWNER)
    today = timezone.now().date()
    plan = Plan.objects.get(code=tenant.plan)
    Subscription.objects.create(
        plan=plan,
        seats=plan.seats,
        started_on=today,
        period_start=today,
        period_end=tenant.trial_ends or today,
        trial_ends=tenant.trial_ends,
    )


def _primary_domain(tenant: Tenant) -> str:
    domain = tenant.domains.order_by("-is_primary", "pk").first()
    return domain.domain if domain else ""


def _trial_end(days: int | None, first_day: date) -> date:
    return first_day + timedelta(days=DEFAULT_TRIAL_DAYS if days is None else days)
