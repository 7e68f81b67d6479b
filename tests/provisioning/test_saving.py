"""`Tenant(...).save()` makes a whole tenant or nothing, and loses nothing that was there."""

import pytest

from tests.provisioning.conftest import SAVE, save
from tests.torture.fleet import TortureFleet

MADE = "SELECT nspname FROM pg_namespace WHERE nspname = 'new'"
FAILING_RECEIVER = """
from django_tenants import signals

def refuse(**named):
    raise ValueError("not this one")

signals.{signal}.connect(refuse)
"""


def traces(fleet: TortureFleet) -> list[str]:
    """What there is of the tenant `new`."""
    row = fleet.sql("SELECT schema_name FROM customers_tenant WHERE schema_name = 'new'")
    return [*(["row"] if row else []), *(["schema"] if fleet.sql(MADE) else [])]


def run(fleet: TortureFleet, *code: str) -> str:
    """The last line that Python code printed, on stderr where it failed."""
    answer = fleet.run("shell", "-v0", "-c", "\n".join(code))
    return (answer.stdout + answer.stderr).strip().splitlines()[-1:][0] if answer.exit_code else ""


def test_a_saved_tenant_equals_a_migrated_one(saved_template: TortureFleet) -> None:
    fleet = saved_template
    assert fleet.sql("SELECT kind, obstacle FROM tenant_migrations_referencescript") == [
        ("tenant", "")
    ]
    for name in ("saved", "again"):
        assert fleet.structure(name) == fleet.structure("migrated")
        assert fleet.ledger(name) == fleet.ledger("migrated")
        assert fleet.rows(name) == fleet.rows("migrated")


def test_it_is_well_in_the_eyes_of_verify(saved: TortureFleet) -> None:
    saved.sql(
        "INSERT INTO customers_domain (domain, is_primary, tenant_id)"
        " SELECT schema_name, true, id FROM customers_tenant WHERE schema_name <> 'migrated'"
    )
    assert saved.verify().exit_code == 0


def test_killed_at_any_statement_it_leaves_nothing_or_a_whole_tenant(saved: TortureFleet) -> None:
    file = saved.folder / "statements"
    assert saved.run(*save("counted"), STATEMENTS=str(file)).exit_code == 0
    statements = file.read_text().splitlines()
    commits = [n for n, text in enumerate(statements, 1) if text == "COMMIT"]
    script = 1 + max(range(len(statements)), key=lambda number: len(statements[number]))
    whole = saved.structure("migrated")
    points = [(n, "before") for n in (1, script, script + 1, *commits)]
    for number, moment in [*points, (script, "sent"), *((n, "sent") for n in commits)]:
        command = saved.start(*save("new"), KILL_AT=str(number), KILL_WHEN=moment)
        assert command.wait().exit_code == -9
        saved.wait_for_backends(command)
        at = f"killed {moment} {number}: {statements[number - 1][:80]}"
        assert traces(saved) in ([], ["row", "schema"]), at
        if traces(saved):
            assert (number, moment) == (commits[-1], "sent")
            assert saved.structure("new") == whole, at
        assert not saved.advisory_locks(), at
    if not traces(saved):
        assert saved.run(*save("new")).exit_code == 0
    assert saved.structure("new") == whole


@pytest.mark.parametrize("signal", ["schema_migrated", "post_schema_sync"])
def test_a_receiver_that_fails_leaves_nothing(saved: TortureFleet, signal: str) -> None:
    said = run(saved, FAILING_RECEIVER.format(signal=signal), SAVE.format(name="new"))
    assert said == "ValueError: not this one"
    assert traces(saved) == []


@pytest.mark.parametrize("receiver", ["", FAILING_RECEIVER.format(signal="post_schema_sync")])
def test_a_schema_that_was_there_is_kept_whatever_fails(saved: TortureFleet, receiver: str) -> None:
    saved.sql("CREATE SCHEMA new")
    saved.sql("CREATE TABLE treasure AS SELECT 42 AS gold", schema="new")
    said = run(saved, receiver, SAVE.format(name="new"))
    assert said == ("ValueError: not this one" if receiver else "")
    assert traces(saved) == (["schema"] if receiver else ["row", "schema"])
    assert saved.sql("SELECT gold FROM treasure", schema="new") == [(42,)]


def test_it_belongs_to_the_transaction_around_it(saved: TortureFleet) -> None:
    inside = SAVE.format(name="new").replace("tenant.save()", "")
    for end, left in [("raise ValueError('no')", []), ("", ["row", "schema"])]:
        code = f"{inside}\nfrom django.db import transaction\nwith transaction.atomic():\n"
        run(saved, f"{code}    tenant.save()\n    {end}")
        assert traces(saved) == left
    assert saved.structure("new") == saved.structure("migrated")


def test_a_row_whose_schema_is_missing_gets_it(saved: TortureFleet) -> None:
    saved.add_row("new")
    get = "tenant = Tenant.objects.get(schema_name='new')"
    assert (
        run(saved, SAVE.format(name="new").replace("tenant = Tenant(schema_name='new')", get)) == ""
    )
    assert saved.structure("new") == saved.structure("migrated")


@pytest.mark.parametrize("fails", [False, True])
def test_without_a_script_it_is_migrated_or_leaves_nothing(
    saved: TortureFleet, fails: bool
) -> None:
    saved.sql("UPDATE tenant_migrations_referencescript SET obstacle = 'none', statements = ''")
    if fails:
        saved.sql(
            "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands()"
            "            WHERE object_identity LIKE 'new.shop_tagging%') THEN RAISE 'no'; END IF;"
            " END $$;"
            "CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('ALTER TABLE')"
            " EXECUTE FUNCTION refuse()"
        )
    answer = saved.run(*save("new"))
    assert bool(answer.exit_code) is fails, answer.stderr
    assert traces(saved) == ([] if fails else ["row", "schema"])
    if not fails:
        assert saved.structure("new") == saved.structure("migrated")


def test_many_are_made_over_a_few_connections(saved: TortureFleet) -> None:
    code = """
from tenant_migrations.provisioning.many import provision
from tests.torture.customers.models import Tenant
tenants = [Tenant(schema_name=f"many_{number}") for number in range(5)]
for tenant in tenants:
    tenant.auto_create_schema = True
provision(tenants, Tenant.save, jobs=2, done=lambda tenant: print(tenant.schema_name))
"""
    answer = saved.run("shell", "-v0", "-c", code)
    assert answer.exit_code == 0, answer.stderr
    assert sorted(answer.stdout.split()) == [f"many_{number}" for number in range(5)]
    clean = saved.structure("migrated")
    assert all(saved.structure(f"many_{number}") == clean for number in range(5))


def test_the_first_failure_ends_it_with_whole_tenants(saved: TortureFleet) -> None:
    code = """
from tenant_migrations.provisioning.many import provision
from tests.torture.customers.models import Tenant

def make(number):
    if number == 2:
        raise ValueError("not this one")
    tenant = Tenant(schema_name=f"many_{number}")
    tenant.auto_create_schema = True
    tenant.save()

provision(range(50), make, jobs=2)
"""
    assert run(saved, code) == "ValueError: not this one"
    rows = saved.sql("SELECT schema_name FROM customers_tenant WHERE schema_name ~ '^many_'")
    made = saved.sql("SELECT nspname FROM pg_namespace WHERE nspname ~ '^many_'")
    assert set(made) == set(rows) <= {("many_0",), ("many_1",), ("many_3",)}
    clean = saved.structure("migrated")
    assert all(saved.structure(name) == clean for (name,) in made)
