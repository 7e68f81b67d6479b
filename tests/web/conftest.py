"""Fixtures of the web side: tenants' hosts that are asked, and a guard that starts afresh."""

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.test import Client, override_settings

from tenant_migrations.web import healer, incidents, looking
from tenant_migrations.web.closed import known_marks
from tenant_migrations.web.looking import looker

Host = Callable[[str], Client]


@pytest.fixture(autouse=True)
def afresh(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the guard of this process knows of another test's database is forgotten.

    What it is still writing is written before the fleet goes. A busy machine has time to look.
    """
    monkeypatch.setattr(looking, "SECONDS", 60.0)
    for fleet in {"fleet", "public_only"}.intersection(request.fixturenames):
        request.getfixturevalue(fleet)
    looker.forget()
    known_marks.forget()
    with override_settings(TENANT_MIGRATIONS={**settings.TENANT_MIGRATIONS, "GUARD_HEALS": False}):
        yield
        # While nothing is healed still: whoever is told only now would have a process heal it.
        incidents.settle()
    healer.settle()


@pytest.fixture
def views() -> Iterator[None]:
    """Tenants' hosts serve the views of `tenant_urls`."""
    with override_settings(ROOT_URLCONF="tests.web.tenant_urls"):
        yield


@pytest.fixture
def host() -> Host:
    """A visitor of a tenant's host, by schema name; what a view raises becomes an answer 500."""

    def visitor(name: str) -> Client:
        return Client(headers={"host": f"{name}.localhost"}, raise_request_exception=False)

    return visitor
