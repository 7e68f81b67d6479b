"""Fixtures of the health checks."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import override_settings

OF_THE_MACHINE = ("HEALTH_DISK_PERCENT", "HEALTH_MEMORY_PERCENT", "HEALTH_CONNECTIONS_PERCENT")


@pytest.fixture(autouse=True)
def roomy_machine() -> Iterator[None]:
    """How full this machine is, and the server that others test on too, is no finding here."""
    limits = dict.fromkeys(OF_THE_MACHINE, 100)
    with override_settings(TENANT_MIGRATIONS={**settings.TENANT_MIGRATIONS, **limits}):
        yield
