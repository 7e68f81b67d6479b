"""Maintenance by tenant: set, lengthened, ended, expired."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from tenant_migrations import maintenance
from tenant_migrations.models import Maintenance
from tests.support.fleets import Fleet
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
