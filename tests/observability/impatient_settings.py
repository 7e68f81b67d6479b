"""The platform's settings for alerts that nobody takes: they are not waited for long."""

from zumodra.settings import *  # noqa: F403
from zumodra.settings import TENANT_MIGRATIONS as PLATFORM

TENANT_MIGRATIONS = {**PLATFORM, "ALERT_TIMEOUT_SECONDS": 2}
