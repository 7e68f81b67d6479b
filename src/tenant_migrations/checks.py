"""System checks: what a wrong installation would otherwise show only at run time."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from tenant_migrations import conf

TAG = "tenant_guard"
"""``manage.py check --tag tenant_guard --fail-level WARNING`` says which views are unprotected."""

NAMES = ("tenant_migrations", "tenant_migrations.apps.TenantMigrationsConfig")


def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """E001: a bad value in ``TENANT_MIGRATIONS``."""
    try:
        conf.get()
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), id="tenant_migrations.E001")]
    return []


def check_installed_apps(
    app_configs: Sequence[AppConfig] | None, **_: Any
) -> list[checks.CheckMessage]:
    """E002: the app's records must live in the public schema, and only there."""
    if getattr(settings, "HAS_MULTI_TYPE_TENANTS", False):
        types: dict[str, Any] = getattr(settings, "TENANT_TYPES", {})
        public = getattr(settings, "PUBLIC_SCHEMA_NAME", "public")
        shared = types.get(public, {}).get("APPS", [])
        others = [app for name, kind in types.items() if name != public for app in kind["APPS"]]
    else:
        shared, others = getattr(settings, "SHARED_APPS", []), getattr(settings, "TENANT_APPS", [])
    if any(name in shared for name in NAMES) and not any(name in others for name in NAMES):
        return []
    return [
        checks.Error(
            "'tenant_migrations' must be in the shared apps and not in the tenant apps.",
            hint="Move 'tenant_migrations' to SHARED_APPS, then run migrate_schemas.",
            id="tenant_migrations.E002",
        )
    ]


def check_guard(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """W003: the guard stands where it sees no tenant. W004: views that nothing protects."""
    # By name: what is imported here is imported with the app, before its models.
    check: Any = import_string("tenant_migrations.web.unprotected.check_guard")
    return list(check())


def register_checks() -> None:
    """Called once, when the app is ready."""
    checks.register(check_settings)
    checks.register(check_installed_apps)
    checks.register(check_guard, TAG)
