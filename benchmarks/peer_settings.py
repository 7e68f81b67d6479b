"""The platform's settings with the peer's executors in ``migrate_schemas``."""

from zumodra.settings import *  # noqa: F403

GET_EXECUTOR_FUNCTION = "django_tenants_smart_executor.load_executor"
LOGGING = {"version": 1, "loggers": {"django_tenants_smart_executor": {"level": "ERROR"}}}
