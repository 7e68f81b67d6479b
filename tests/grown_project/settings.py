"""Settings of the project; ``MIGRATION_MODULES`` says where the migrations of `grown` are."""

from tests.torture.settings import *  # noqa: F403

SHARED_APPS = [
    "django_tenants",
    "tenant_migrations",
    "tests.torture.customers",
    "django.contrib.postgres",
    "django.contrib.contenttypes",
]
TENANT_APPS = ["django.contrib.contenttypes", "tests.grown_project.grown"]
INSTALLED_APPS = [*SHARED_APPS, "tests.grown_project.grown"]
