"""The platform's settings with checks that hang."""

from zumodra.settings import *  # noqa: F403

TENANT_MIGRATIONS = {
    "HEALTH_CHECKS_ADD": [
        "tests.health.adopter.Sleeping",
        "tests.health.adopter.SleepingInPool",
    ],
}
