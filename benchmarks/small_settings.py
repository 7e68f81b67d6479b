"""The platform's public schema, and tenants of few relations, with a later version of their code.

``BENCH_LATER`` and ``BENCH_EXECUTOR`` are those of ``later_settings.py``.
"""

import os

from benchmarks.later_settings import *  # noqa: F403
from benchmarks.later_settings import SHARED_APPS as _SHARED_APPS

# The admin site shows models of the platform's tenants.
SHARED_APPS = [app for app in _SHARED_APPS if app != "zumodra.apps.AdminConfig"]
TENANT_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "benchmarks.small"]
INSTALLED_APPS = [*SHARED_APPS, "benchmarks.small"]
ROOT_URLCONF = "tenant_migrations.web.urls"
if _later := os.environ.get("BENCH_LATER"):
    MIGRATION_MODULES = {"finance": f"benchmarks.later.small_{_later}"}
