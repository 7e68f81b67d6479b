"""Settings of a small project that many visit at once; ``DATABASE_URL`` names its database."""

import os

from zumodra.settings.database import database_from_url

SECRET_KEY = "crowd"
ALLOWED_HOSTS = [".localhost"]
DATABASES = {"default": {**database_from_url(os.environ["DATABASE_URL"]), "CONN_MAX_AGE": None}}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
TENANT_MODEL = "customers.Tenant"
TENANT_DOMAIN_MODEL = "customers.Domain"
SHARED_APPS = [
    "django_tenants",
    "tenant_migrations",
    "tests.torture.customers",
    "django.contrib.contenttypes",
]
TENANT_APPS = ["tests.web.crowd.parcels"]
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
MIDDLEWARE = [
    "tests.web.crowd.urls.timed",
    "django_tenants.middleware.main.TenantMainMiddleware",
    "tenant_migrations.web.guard.TenantGuardMiddleware",
]
ROOT_URLCONF = "tests.web.crowd.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
TENANT_MIGRATIONS = {"GUARD_HEALS": False}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
