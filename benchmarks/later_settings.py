"""The platform's settings with a later version of its code and one of several executors.

``BENCH_LATER`` names a package of ``benchmarks.later``, if any, ``BENCH_EXECUTOR`` the function
that ``migrate_schemas`` takes its executor from.
"""

import os

from zumodra.settings import *  # noqa: F403

if _later := os.environ.get("BENCH_LATER"):
    MIGRATION_MODULES = {"finance": f"benchmarks.later.{_later}"}
GET_EXECUTOR_FUNCTION = os.environ.get(
    "BENCH_EXECUTOR", "django_tenants.migration_executors.get_executor"
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"django_tenants_smart_executor": {"level": "ERROR"}},
}
