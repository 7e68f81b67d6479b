"""Settings of the torture project.

``DATABASE_URL`` names the database. ``TORTURE_MIGRATIONS`` replaces migrations of apps, written
``app=package app=package``: another version of the code.
"""

import os

from zumodra.settings.database import database_from_url

SECRET_KEY = "torture"
DATABASES = {"default": database_from_url(os.environ["DATABASE_URL"])}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
GET_EXECUTOR_FUNCTION = "tenant_migrations.contrib.django_tenants.get_executor"
TENANT_MODEL = "customers.Tenant"
TENANT_DOMAIN_MODEL = "customers.Domain"
SHARED_APPS = [
    "django_tenants",
    "tenant_migrations",
    "tests.torture.customers",
    "django.contrib.postgres",
    "django.contrib.contenttypes",
    "django.contrib.auth",
]
TENANT_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "tests.torture.shop",
    "tests.torture.stock",
    "tests.torture.folded",
    "tests.torture.quick",
]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
MIGRATION_MODULES = dict(
    pair.split("=", 1) for pair in os.environ.get("TORTURE_MIGRATIONS", "").split()
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
