"""Two types of tenants: shops of a retailer and depots of a wholesaler."""

import os

import dj_database_url

SECRET_KEY = "only-for-tests"
DATABASES = {
    "default": dj_database_url.parse(
        os.environ["DATABASE_URL"], engine="django_tenants.postgresql_backend"
    )
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
GET_EXECUTOR_FUNCTION = "tenant_migrations.contrib.django_tenants.get_executor"
TENANT_MODEL = "customers.Customer"
TENANT_DOMAIN_MODEL = "customers.Host"
HAS_MULTI_TYPE_TENANTS = True
MULTI_TYPE_DATABASE_FIELD = "type"
HERE = "tests.typed_project"
TENANT_TYPES = {
    "public": {
        "APPS": [
            "django_tenants",
            "tenant_migrations",
            "django.contrib.contenttypes",
            f"{HERE}.customers",
        ],
        "URLCONF": "",
    },
    "retail": {"APPS": ["django.contrib.contenttypes", f"{HERE}.retail"], "URLCONF": ""},
    "wholesale": {"APPS": ["django.contrib.contenttypes", f"{HERE}.wholesale"], "URLCONF": ""},
}
INSTALLED_APPS = list(dict.fromkeys(app for kind in TENANT_TYPES.values() for app in kind["APPS"]))
USE_TZ = True
