"""Health for probes and people."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from pytest_django import DjangoAssertNumQueries

from tenant_migrations.web import health
from tests.observability.samples import add_check
from tests.support.fleets import Fleet
from zumodra.custom_account_u.models import User


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No answer of another test serves, and one serves for as long as a busy machine needs."""
    monkeypatch.setattr(health, "SECONDS", 60.0)
    for kept in (health._newest, health._newest_full):
        kept.forget()
    yield
    for kept in (health._newest, health._newest_full):
        kept.forget()


def ask(path: str, **headers: str) -> tuple[int, dict[str, object]]:
    answer = Client(headers={"host": "localhost", **headers}).get(f"/health/{path}")
    return answer.status_code, answer.json()


def test_live_asks_nothing(fleet: Fleet, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert ask("live/") == (200, {"status": "healthy"})


def test_ready_and_well(fleet: Fleet) -> None:
    assert ask("ready/") == (200, {"status": "healthy"})
    assert ask("") == (200, {"status": "healthy"})


def test_not_ready_while_public_is_behind_and_ready_again(fleet: Fleet) -> None:
    fleet.forget_migration("public", "integrations", "0003_apicredential")
    assert ask("ready/") == (503, {"status": "unhealthy"})
    fleet.fake_migration("public", "integrations", "0003_apicredential")
    assert ask("ready/") == (503, {"status": "unhealthy"}), "an answer serves for a while"
    health._newest.forget()
    assert ask("ready/")[0] == 200


def test_not_ready_where_every_tenant_is_broken(fleet: Fleet) -> None:
    add_check(by_status={"drifted": 3, "pending": 1})
    assert ask("ready/")[0] == 200
    assert ask("")[1] == {"status": "degraded"}
    health._newest.forget()
    add_check(by_status={"drifted": 3, "missing": 1})
    assert ask("ready/") == (503, {"status": "unhealthy"})


def test_no_database(fleet: Fleet) -> None:
    connection.close()
    name = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = "nothing_of_that_name"
    try:
        assert ask("live/")[0] == 200
        code, document = ask("ready/")
        assert (code, document) == (503, {"status": "unhealthy"})
        assert ask("") == (503, {"status": "unhealthy"})
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name


def test_details_are_for_those_who_may_know(fleet: Fleet) -> None:
    add_check(by_status={"ok": 3, "drifted": 1})
    options = {**settings.TENANT_MIGRATIONS, "METRICS_TOKEN": "secret"}
    with override_settings(TENANT_MIGRATIONS=options):
        assert ask("", authorization="Bearer wrong")[1] == {"status": "degraded"}
        _, document = ask("", authorization="Bearer secret")
    checks = document["checks"]
    assert isinstance(checks, dict)
    assert set(checks) == {"database", "cache", "migrations", "tenants"}
    assert checks["tenants"]["message"] == "3 of 4 tenants ok"
    visitor = Client(headers={"host": "localhost"})
    visitor.force_login(User.objects.create_superuser("operator@example.com"))
    assert "checks" in visitor.get("/health/").json()
    visitor.force_login(User.objects.create_user("clerk@example.com", is_staff=True))
    assert visitor.get("/health/").json() == {"status": "degraded"}


def test_all_that_can_be_asked_without_a_look_at_the_fleet(fleet: Fleet) -> None:
    add_check()
    options = {**settings.TENANT_MIGRATIONS, "METRICS_TOKEN": "secret"}
    with override_settings(TENANT_MIGRATIONS=options):
        assert set(ask("?full=1")[1]) == {"status"}
        _, document = ask("?full=1", authorization="Bearer secret")
    checks = document["checks"]
    assert isinstance(checks, dict)
    assert {"database", "disk", "locks", "monitoring", "quarantine", "tenants"} <= set(checks)
    assert "tenant_migrations" not in checks
    assert checks["tenants"]["message"] == "4 of 4 tenants ok"
