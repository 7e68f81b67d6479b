"""Maintenance by tenant: set, lengthened, ended, expired."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import RequestFactory
from django.utils import timezone
from django_tenants.utils import schema_context

from tenant_migrations import maintenance
from tenant_migrations.models import Maintenance
from tenant_migrations.web.closed import COOKIE, closed, known_marks, link_in
from tests.support.fleets import Fleet
from tests.web.conftest import Host
from zumodra.tenants.models import Tenant

pytestmark = pytest.mark.usefixtures("fleet")


def until_of(schema_name: str) -> timedelta:
    return Maintenance.objects.get(schema_name=schema_name).until - timezone.now()


def test_it_lasts_as_long_as_the_block_whatever_happens_in_it() -> None:
    with maintenance.under_maintenance("alpha", "rollback"):
        assert {name: mark.reason for name, mark in maintenance.marks().items()} == {
            "alpha": "rollback"
        }
    assert maintenance.marks() == {}
    with pytest.raises(ZeroDivisionError), maintenance.under_maintenance("alpha", "rollback"):
        raise ZeroDivisionError
    assert maintenance.active("alpha") is None


def test_a_mark_that_is_there_is_lengthened_and_stays_as_it_was() -> None:
    maintenance.begin("alpha", "an operator's reason", minutes=5)
    with maintenance.under_maintenance("alpha", "rollback", minutes=60):
        mark = maintenance.active("alpha")
        assert mark is not None
        assert mark.reason == "an operator's reason"
        assert until_of("alpha") > timedelta(minutes=59)
    assert timedelta(minutes=4) < until_of("alpha") < timedelta(minutes=5)


def test_beginning_again_never_ends_it_earlier() -> None:
    maintenance.begin("alpha", "first", minutes=60)
    assert maintenance.begin("alpha", "second", minutes=5).reason == "second"
    assert until_of("alpha") > timedelta(minutes=59)
    assert maintenance.end("alpha") is True
    assert maintenance.end("alpha") is False


def test_a_stale_mark_no_longer_counts_and_is_no_obstacle() -> None:
    maintenance.begin("alpha", "died")
    Maintenance.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert maintenance.marks() == {}
    assert maintenance.begin("alpha", "again", minutes=1).reason == "again"
    assert until_of("alpha") < timedelta(minutes=1)


def test_it_is_for_all_to_see_or_refused(fleet: Fleet) -> None:
    with schema_context("beta"):
        maintenance.begin("alpha", "seen by others")
    assert fleet.value("SELECT reason FROM tenant_migrations_maintenance") == "seen by others"
    with pytest.raises(RuntimeError), transaction.atomic():
        maintenance.begin("alpha", "nobody would see this")


def test_a_deleted_tenant_is_forgotten() -> None:
    maintenance.begin("alpha", "to be deleted")
    Tenant.objects.get(schema_name="alpha").delete()
    assert maintenance.marks() == {}


@pytest.mark.usefixtures("views")
def test_its_pages_answer_503_while_the_others_go_on(host: Host) -> None:
    assert host("alpha").get("/plain/").status_code == 200
    with maintenance.under_maintenance("alpha", "rollback"):
        known_marks.forget()
        answer = host("alpha").get("/plain/")
        assert (answer.status_code, answer["Retry-After"]) == (503, "60")
        assert "Down for maintenance" in answer.text
        assert "rollback" not in answer.text, "why is nobody's business"
        answer = host("alpha").get("/plain/", headers={"accept": "application/json"})
        assert answer.json()["error"] == "maintenance"
        assert host("beta").get("/plain/").status_code == 200
        assert host("alpha").post("/rest/").status_code == 503
    known_marks.forget()
    assert host("alpha").get("/plain/").status_code == 200


@pytest.mark.usefixtures("views")
def test_a_mark_that_expires_between_two_readings_no_longer_counts(host: Host) -> None:
    maintenance.begin("alpha", "died")
    known_marks.forget()
    assert host("alpha").get("/other/").status_code == 503
    mark = known_marks.get("alpha")
    assert mark is not None
    mark.until = timezone.now()
    assert host("alpha").get("/other/").status_code == 200


@pytest.mark.usefixtures("views")
def test_a_signed_link_looks_in_at_that_tenant_alone(host: Host) -> None:
    for name in ("alpha", "beta"):
        maintenance.begin(name, "work")
    visitor = host("alpha")
    answer = visitor.get(f"/other/{link_in('alpha')}&page=2")
    assert (answer.status_code, answer["Location"]) == (302, "/other/?page=2")
    cookie = answer.cookies[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert visitor.get("/other/").status_code == 200
    assert host("alpha").get("/other/").status_code == 503, "other visitors wait"
    assert host("beta").get(f"/other/{link_in('alpha')}").status_code == 503
    forged = link_in("alpha").replace("%3A", "x", 1)
    assert host("alpha").get(f"/other/{forged}").status_code == 503
    stranger = host("beta")
    stranger.cookies[COOKIE] = cookie.value
    assert stranger.get("/other/").status_code == 503


@pytest.mark.usefixtures("views")
def test_the_guard_works_before_its_table_is_there(fleet: Fleet, host: Host) -> None:
    fleet.drop_table("public", "tenant_migrations_maintenance")
    assert host("alpha").get("/other/").status_code == 200


def test_the_link_leads_to_no_other_host() -> None:
    maintenance.begin("alpha", "work")
    request = RequestFactory().get("/" + link_in("alpha"))
    request.path = "//other.example/"
    answer = closed(request, "alpha")
    assert answer is not None
    assert answer["Location"] == "/other.example/"
