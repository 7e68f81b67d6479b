"""A tenant that is gone leaves no quarantine behind for the next one of its name."""

from tenant_migrations.models import Quarantine, StepJournal
from tests.support.fleets import Fleet
from zumodra.tenants.models import Tenant


def test_a_deleted_tenant_is_forgotten(fleet: Fleet) -> None:
    Quarantine.objects.create(schema_name="alpha", reason="a step could not be proven")
    StepJournal.objects.create(schema_name="alpha", app="ats", name="0020", unproven=True)
    Quarantine.objects.create(schema_name="beta", reason="another")
    Tenant.objects.get(schema_name="alpha").delete()
    assert list(Quarantine.objects.values_list("schema_name", flat=True)) == ["beta"]
    assert not StepJournal.objects.exists()


def test_a_tenant_can_be_deleted_where_the_apps_tables_are_not_there(fleet: Fleet) -> None:
    for table in ("quarantine", "stepjournal"):
        fleet.sql(f"DROP TABLE tenant_migrations_{table} CASCADE")
    Tenant.objects.get(schema_name="alpha").delete()
    assert not Tenant.objects.filter(schema_name="alpha").exists()
