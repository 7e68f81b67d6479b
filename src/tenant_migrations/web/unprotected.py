"""Which views of tenants would answer 500 for a missing table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import checks
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string
from django_tenants.middleware.main import TenantMainMiddleware

from tenant_migrations.web.degrading import MARK, DegradeMixin
from tenant_migrations.web.guard import TenantGuardMiddleware


@dataclass(frozen=True)
class Unprotected:
    """One view without protection, at all its addresses."""

    view: str
    routes: tuple[str, ...]


def position_of(kind: type) -> int | None:
    """Where the settings name a middleware of a kind; ``None`` where they name none."""
    for position, path in enumerate(settings.MIDDLEWARE):
        middleware = import_string(path)
        if isinstance(middleware, type) and issubclass(middleware, kind):
            return position
    return None


def guard_is_on() -> bool:
    """Whether the guard stands behind the middleware that finds the tenant."""
    guard, finder = position_of(TenantGuardMiddleware), position_of(TenantMainMiddleware)
    return guard is not None and (finder is None or guard > finder)


def unprotected_views() -> list[Unprotected]:
    """Views of tenants' hosts that neither the guard nor ``DegradeMixin`` or ``degrades`` protects.

    Empty where the guard is on, which protects them all, and where nothing is served. Views are
    listed once, with all addresses.
    """
    urls = getattr(settings, "ROOT_URLCONF", None)
    if guard_is_on() or not urls:
        return []
    found: dict[str, list[str]] = {}
    for route, callback in _views(get_resolver(urls).url_patterns, ""):
        view = getattr(callback, "view_class", getattr(callback, "cls", callback))
        is_class = isinstance(view, type)
        if (is_class and issubclass(view, DegradeMixin)) or getattr(view, MARK, False):
            continue
        name = getattr(view, "__qualname__", type(view).__qualname__)
        found.setdefault(f"{view.__module__}.{name}", []).append("/" + route)
    return [Unprotected(view, tuple(routes)) for view, routes in found.items()]


def check_guard() -> list[checks.CheckMessage]:
    """What ``manage.py check`` says of the guard, or of the views that it would protect."""
    if position_of(TenantGuardMiddleware) is None:
        return [
            checks.Warning(
                f"{view.view} at {', '.join(view.routes[:3])} answers 500 where a tenant's table "
                "is missing.",
                hint="Add tenant_migrations.web.guard.TenantGuardMiddleware to MIDDLEWARE, or "
                "degrade by hand: DegradeMixin, or degrading() and the decorator degrades.",
                obj=view.view,
                id="tenant_migrations.W004",
            )
            for view in unprotected_views()
        ]
    if guard_is_on():
        return []
    return [
        checks.Warning(
            "TenantGuardMiddleware stands before the middleware that finds the tenant.",
            hint="Move it right behind TenantMainMiddleware.",
            id="tenant_migrations.W003",
        )
    ]


def _views(patterns: Iterable[Any], before: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.callback
