"""New tenants of projects with `TENANT_TYPES`: each from the reference of its type."""

from tests.fleet.test_tenant_types import TypedFleet, typed  # noqa: F401

SAVE = """
from tests.typed_project.customers.models import Customer, Host
for name, type_ in [("corner", "retail"), ("harbour", "wholesale"), ("market", "retail")]:
    customer = Customer(schema_name=name, type=type_)
    customer.auto_create_schema = True
    customer.save()
    Host.objects.create(domain=f"{name}.localhost", tenant=customer)
"""


def test_a_tenant_has_what_its_type_has(typed: TypedFleet) -> None:  # noqa: F811
    answer = typed.manage("shell", "-v0", "-c", SAVE)
    assert answer.exit_code == 0, answer.stderr
    migrated = typed.manage("migrate_schemas", "--tenant", "--verbosity=0")
    assert migrated.exit_code == 0, migrated.stderr
    assert typed.verify().exit_code == 0
    assert typed.tables("corner") == typed.tables("market") == typed.tables("shop")
    assert typed.tables("harbour") == typed.tables("depot") != typed.tables("shop")
    with typed.database.connect() as raw:
        kept = raw.execute(
            "SELECT kind, obstacle FROM tenant_migrations_referencescript ORDER BY kind"
        ).fetchall()
    assert kept == [("retail", ""), ("wholesale", "")]


def test_a_type_that_there_is_not_is_refused(typed: TypedFleet) -> None:  # noqa: F811
    answer = typed.manage("shell", "-v0", "-c", SAVE.replace('"retail"', '"bakery"', 1))
    assert answer.exit_code == 1
    assert "there is no tenant type 'bakery'; there are retail, wholesale" in answer.stderr
    assert typed.tables("corner") == set()
