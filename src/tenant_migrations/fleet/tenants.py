"""Who belongs to the fleet: tenant rows, their domains, and the schemas that exist."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError
from django_tenants.utils import (
    get_multi_type_database_field_name,
    get_tenant_model,
    get_tenant_types,
    has_multi_type_tenants,
)

from tenant_migrations import conf
from tenant_migrations.database import one_line, public_schema, schema_in_use, sqlstate
from tenant_migrations.exceptions import DatabaseUnavailable, WrongUse
from tenant_migrations.fleet.graph import MigrationKey

TENANT_KIND = "tenant"
"""Kind of every tenant where the project has no tenant types."""

ASIDE_SCHEMA = "tenant_migrations_aside_"
"""What names of schemas begin with that a rollback replaced and that are about to be dropped."""

PUBLIC_KIND = "public"
"""Kind of the shared schema."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One row of the tenant model."""

    schema_name: str
    kind: str
    """``tenant``, or the tenant type; tenants of one kind have the same apps."""
    domain: str | None
    """Primary domain, else any domain, else none."""
    has_primary_domain: bool


def kinds() -> tuple[str, ...]:
    """The kinds of tenant that the project has."""
    if has_multi_type_tenants():
        return tuple(name for name in get_tenant_types() if name != public_schema())
    return (TENANT_KIND,)


def apps_of(kind: str) -> frozenset[str]:
    """Labels of the apps whose models live in schemas of a kind (a tenant kind or public)."""
    if has_multi_type_tenants():
        names = get_tenant_types()[public_schema() if kind == PUBLIC_KIND else kind]["APPS"]
    else:
        names = settings.TENANT_APPS if kind == TENANT_KIND else settings.SHARED_APPS
    wanted = set(names)
    return frozenset(
        config.label
        for config in apps.get_app_configs()
        if config.name in wanted or f"{type(config).__module__}.{type(config).__name__}" in wanted
    )


def of_public(migrations: Iterable[MigrationKey]) -> list[MigrationKey]:
    """Those that do something in public. Django records the others there too, as it does in
    tenants with those of shared apps, but the router keeps them from doing anything."""
    shared = apps_of(PUBLIC_KIND)
    return [key for key in migrations if key[0] in shared]


def read_tenants() -> list[Tenant] | None:
    """All tenants by schema name; ``None`` where public has no tenant table yet.

    Reads with the base manager: a project's own default manager may hide rows. Two statements,
    however many tenants there are. Raises ``DatabaseUnavailable`` where they may not be read.
    """
    model = get_tenant_model()
    type_field = get_multi_type_database_field_name() if has_multi_type_tenants() else None
    fields = ["pk", "schema_name", *([type_field] if type_field else [])]
    try:
        with schema_in_use(public_schema()):
            rows = list(model._base_manager.order_by("schema_name").values_list(*fields))
            domains = _domains(model)
    except DatabaseError as error:
        reason = one_line(error)
        if sqlstate(error) in ("42P01", "42703"):
            if _may_use_public():
                return None
            reason = f"permission denied for schema {public_schema()}"
        raise DatabaseUnavailable(f"the tenants can't be read: {reason}") from error
    return [
        Tenant(
            schema_name=name,
            kind=rest[0] if rest else TENANT_KIND,
            domain=domains.get(pk, (None, False))[0],
            has_primary_domain=domains.get(pk, (None, False))[1],
        )
        for pk, name, *rest in rows
        if name != public_schema()
    ]


def _may_use_public() -> bool:
    """Without that right, a table that is there looks like one that is not."""
    with schema_in_use(public_schema()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = %s",
            (public_schema(),),
        )
        return bool(cursor.fetchone() != (False,))


def _domains(model: Any) -> dict[Any, tuple[str, bool]]:
    """Per tenant its primary domain, else the first by name, and whether it is the primary."""
    related = model._meta.get_field("domains").related_model
    rows = related._base_manager.order_by("is_primary", "-domain")
    return {
        tenant: (domain, primary)
        for tenant, domain, primary in rows.values_list("tenant_id", "domain", "is_primary")
    }


def check_apps(labels: Iterable[str]) -> None:
    """Raise ``WrongUse`` for an app that no tenant has."""
    known = frozenset[str]().union(*map(apps_of, kinds()))
    for label in labels:
        if label not in known:
            raise WrongUse(
                f"app {label!r} is shared, not a tenant's: {public_schema()} is always checked; "
                f"tenants have {', '.join(sorted(known))}"
            )


def select(tenants: Iterable[Tenant], names: Iterable[str]) -> list[Tenant]:
    """The tenants with exactly these schema names, all of them when none is named.

    Raises ``WrongUse`` for a name that is no tenant's, showing it with control characters escaped.
    """
    by_name = {tenant.schema_name: tenant for tenant in tenants}
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name in by_name:
            continue
        if name == public_schema():
            raise WrongUse(f"{name!r} is the shared schema, not a tenant: it is always checked")
        near = next((other for other in by_name if other.lower() == name.lower()), None)
        advice = f"did you mean {near!r}?" if near else "names match exactly"
        raise WrongUse(f"no tenant has the schema name {name!r}; {advice}")
    return [by_name[name] for name in wanted] if wanted else list(by_name.values())


def is_ignored_schema(name: str) -> bool:
    """Whether a schema is none of the fleet's: reference schemas, those that a rollback replaced,
    and ``IGNORE_SCHEMAS``."""
    options = conf.get()
    return name.startswith((options.REFERENCE_SCHEMA + "_", ASIDE_SCHEMA)) or any(
        fnmatchcase(name, pattern) for pattern in options.IGNORE_SCHEMAS
    )
