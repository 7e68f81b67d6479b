"""The platform's settings for people who heal what they find, and take their time over it."""

from zumodra.settings import *  # noqa: F403
from zumodra.settings import TENANT_MIGRATIONS as PLATFORM

TENANT_MIGRATIONS = {**PLATFORM, "GUARD_HEALS": False, "LOCK_ATTEMPTS": 30}
