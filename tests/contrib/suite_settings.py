"""Settings of django-tenants' test project, with ``migrate_schemas`` on this engine."""

import os

from dts_test_project.settings import *  # noqa: F403

from zumodra.settings.database import database_from_url

_SHARED_APPS = ["django_tenants", "tenant_migrations", *SHARED_APPS[1:]]  # noqa: F405
SHARED_APPS = _SHARED_APPS
INSTALLED_APPS = [*_SHARED_APPS, *(app for app in TENANT_APPS if app not in _SHARED_APPS)]  # noqa: F405
DATABASES = {"default": database_from_url(os.environ["DATABASE_URL"])}
DATABASES["default"]["TEST"] = {"NAME": f"{DATABASES['default']['NAME']}_suite"}
GET_EXECUTOR_FUNCTION = "tenant_migrations.contrib.django_tenants.get_executor"
