"""Tenants that a careful reader must not stumble over: each gets a right answer."""

import pytest

from tests.support.code import code_edited, code_with
from tests.support.fleets import Fleet

NAMES = [
    "Ten-1",
    "select",
    'a"b',
    "ü" * 31,  # 62 bytes
    "\N{SNOWMAN}" * 21,  # 63 bytes
    "\x1b[31mred\x1b[0m",
    "<script>alert(1)</script>",
    "two  spaces and a tab\t.",
    "$(id)",
    "../../x",
    "%s {schema} [bold]",
    "a'; DROP TABLE x; --",
    "line\nbreak",
    "back\\slash",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_checked(fleet: Fleet, name: str) -> None:
    fleet.add_tenant(name)
    answer = fleet.verify("--json", f"--tenant={name}")
    assert answer.exit_code == 0
    assert answer.statuses() == {name: "ok"}


@pytest.mark.parametrize("name", NAMES)
def test_trouble_under_any_name_is_one_readable_line(fleet: Fleet, name: str) -> None:
    fleet.add_tenant(name)
    fleet.drop_table(name, "finance_refund")
    answer = fleet.verify()
    assert answer.exit_code == 1
    assert "\x1b" not in answer.stdout
    shown = name.encode("unicode_escape").decode() if not name.isprintable() else name
    headings = [line for line in answer.stdout.splitlines() if line.endswith("  drifted")]
    assert headings == [f"{shown}  drifted"]


@pytest.mark.parametrize("name", ["Ten-1", "select", "ü" * 31, "two words", "$(id)"])
def test_any_name_that_django_tenants_takes_is_healed(fleet: Fleet, name: str) -> None:
    fleet.add_tenant(name)
    fleet.take_back(name, "finance", "0024_subscription_cancellation")
    fleet.sql("DROP INDEX invoice_open_due_idx", schema=name)
    assert fleet.verify("--fix", f"--tenant={name}").exit_code == 0
    assert fleet.dump(name) == fleet.dump("alpha")


@pytest.mark.parametrize("name", ['a"b', "a'; DROP TABLE x; --", "line\nbreak"])
def test_a_name_that_django_tenants_refuses_costs_only_that_tenant(fleet: Fleet, name: str) -> None:
    fleet.add_tenant(name)
    for schema in (name, "alpha"):
        fleet.drop_table(schema, "finance_refund")
    answer = fleet.verify("--fix", "--json")
    assert answer.exit_code == 1
    assert answer.outcome("alpha")["state"] == "fixed"
    assert answer.outcome(name)["state"] in ("failed", "skipped")
    assert answer.outcome(name)["message"]


def test_a_row_without_a_schema_next_to_a_schema_without_a_row(fleet: Fleet) -> None:
    fleet.add_tenant("ghost", schema=False)
    fleet.add_schema("lost")
    answer = fleet.verify("--json")
    assert answer.status("ghost") == "missing"
    assert answer.json["orphans"] == ["lost"]
    assert answer.json["total_tenants"] == 5


def test_a_schema_without_ledger_and_tenant_is_nobodys(fleet: Fleet) -> None:
    fleet.sql("CREATE SCHEMA extensions")
    fleet.sql("CREATE TABLE extensions.spatial_ref_sys (id integer)")
    answer = fleet.verify("--json")
    assert (answer.exit_code, answer.json["orphans"]) == (0, [])


def test_a_ledger_never_answers_for_another(fleet: Fleet) -> None:
    """With `public` in the search path an absent ledger would read as public's."""
    fleet.drop_table("alpha", "django_migrations")
    answer = fleet.verify("--json", "--no-structure")
    assert answer.ids("alpha") == {"TM011"}


def test_duplicate_rows_do_not_hide_what_is_pending(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0024_subscription_cancellation")
    fleet.fake_migration("alpha", "finance", "0024_subscription_cancellation")
    answer = fleet.verify("--fix", "--json")
    assert (answer.exit_code, answer.ids("alpha")) == (0, {"TM004"})
    assert ("finance", "0025_refund") in fleet.ledger("alpha")


def test_a_squash_that_is_half_recorded_is_healed_by_what_it_replaces(fleet: Fleet) -> None:
    for name in ("0008_squashed_0010_job_details", "0010_job_employment"):
        fleet.forget_migration("alpha", "ats", name)
    fleet.sql("ALTER TABLE ats_job DROP COLUMN employment", schema="alpha")
    answer = fleet.verify("--json")
    assert {"TM003", "TM005"} <= answer.ids("alpha")
    assert answer.status("alpha") == "inconsistent"


def test_a_fresh_squash_over_an_old_ledger_is_recorded(fleet: Fleet) -> None:
    """What Django's own migrate does at its end: the row only, no operation."""
    with code_with(
        "hr_core",
        {"0016_squashed_0017": 'RunSQL("SELECT 1 / 0")'},
        depends_on="0015_salary_and_days_are_decimals",
        replaces=("0016_employee_hired_from", "0017_timeoffrequest_decision"),
    ):
        assert fleet.verify("--json").ids("alpha") == {"TM008"}
        assert fleet.verify("--fix").exit_code == 0
        assert ("hr_core", "0016_squashed_0017") in fleet.ledger("alpha")


def test_an_app_that_was_moved_to_the_tenants(fleet: Fleet) -> None:
    """Recorded in the tenant since the app was shared, never created there."""
    for table in fleet.tables("alpha"):
        if table.startswith("hr_core_"):
            fleet.drop_table("alpha", table)
    answer = fleet.verify("--json")
    assert answer.finding("alpha", "TM133")["object"] == "hr_core"
    healed = fleet.verify("--fix", "--tenant=alpha", "--json")
    assert healed.exit_code == 0, healed.outcome("alpha")
    assert set(fleet.tables("alpha")) == set(fleet.tables("beta"))


def test_an_invalid_index_is_built_again_not_doubled(fleet: Fleet) -> None:
    fleet.invalidate_index("alpha", "payment_paid_idx")
    assert fleet.verify("--fix").exit_code == 0
    assert fleet.dump("alpha") == fleet.dump("beta")


def test_a_tenant_without_any_domain(fleet: Fleet) -> None:
    fleet.add_tenant("unreachable", domain=None)
    answer = fleet.verify("--json")
    assert (answer.exit_code, answer.status("unreachable")) == (0, "ok")
    assert answer.tenant("unreachable")["domain"] is None
    found = answer.finding("unreachable", "TM013")
    assert found["message"] == "no domain: nobody can reach this tenant"


def test_a_tenant_with_two_domains_shows_the_primary_one(fleet: Fleet) -> None:
    fleet.sql(
        "INSERT INTO tenants_domain (domain, is_primary, tenant_id, created)"
        " SELECT 'aaa.example.com', false, id, now() FROM tenants_tenant"
        " WHERE schema_name = 'alpha'"
    )
    answer = fleet.verify("--json")
    assert answer.tenant("alpha")["domain"] == "alpha.localhost"
    assert answer.findings("alpha") == []


def test_a_default_manager_that_hides_rows_hides_no_tenant(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import models

    from zumodra.tenants.models import Tenant

    class Nobody(models.Manager[Tenant]):
        def get_queryset(self) -> models.QuerySet[Tenant]:
            return super().get_queryset().none()

    hiding = Nobody()
    hiding.model = Tenant
    monkeypatch.setitem(vars(Tenant._meta), "default_manager", hiding)
    assert not Tenant._default_manager.exists()
    assert fleet.verify("--json").json["total_tenants"] == 4


def test_a_row_for_public_is_no_tenant(fleet: Fleet) -> None:
    fleet.add_tenant("public", schema=False, domain="www.localhost")
    answer = fleet.verify("--json")
    assert answer.exit_code == 0
    assert "public" not in answer.statuses()
    assert answer.json["total_tenants"] == 4


def test_a_tenant_dropped_while_the_fleet_is_read(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ledger was read; when its structure is to be, the schema is gone."""
    from tenant_migrations.fleet import survey

    read = survey.read_fingerprints

    def drop_then_read(*args: object, **options: object) -> object:
        fleet.drop_schema("beta")
        return read(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(survey, "read_fingerprints", drop_then_read)
    answer = fleet.verify("--json")
    assert answer.exit_code == 1
    rest = {name: status for name, status in answer.statuses().items() if name != "beta"}
    assert rest == dict.fromkeys(("alpha", "gamma", "delta"), "ok")
    assert answer.status("beta") in ("missing", "unknown", "drifted")


def test_a_tenant_made_while_the_fleet_is_read_is_no_orphan(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenant_migrations.fleet import survey

    read = survey.ledger.read_schemas

    def add_then_read(connection: object) -> object:
        fleet.add_tenant("newborn")
        return read(connection)  # type: ignore[arg-type]

    monkeypatch.setattr(survey.ledger, "read_schemas", add_then_read)
    answer = fleet.verify("--json")
    assert (answer.exit_code, answer.json["orphans"]) == (0, [])


def test_a_tenant_restored_from_a_dump_is_well(fleet: Fleet) -> None:
    """PostgreSQL writes some checks otherwise after a dump was read back; they mean the same."""
    script = fleet.database.pg_dump("--schema", "alpha", "--inserts")
    fleet.drop_schema("alpha")
    with fleet.connect() as connection:
        connection.execute(script.encode())
    answer = fleet.verify("--json")
    assert (answer.exit_code, answer.ids("alpha")) == (0, set())


def test_an_edited_migration_is_compared_with_what_it_is_now(fleet: Fleet) -> None:
    """Tenants keep what the old text made; new ones would get something else."""
    with code_edited("finance", "0025_refund", "refund_amount_positive", "refund_amount_over_zero"):
        answer = fleet.verify("--json")
    assert set(answer.statuses().values()) == {"drifted"}
    assert {"TM103", "TM123"} <= answer.ids("alpha")


def test_columns_in_another_order_are_no_difference(fleet: Fleet) -> None:
    fleet.sql("ALTER TABLE finance_invoice DROP COLUMN memo", schema="alpha")
    fleet.sql("ALTER TABLE finance_invoice ADD COLUMN memo text", schema="alpha")
    assert fleet.verify("--json").findings("alpha") == []


def test_ignored_objects_and_schemas_are_not_reported(fleet: Fleet, settings: object) -> None:
    fleet.sql("CREATE TABLE custom_notes (id bigint)", schema="alpha")
    fleet.remove_row("beta")
    settings.TENANT_MIGRATIONS = {  # type: ignore[attr-defined]
        "IGNORE_OBJECTS": ["custom_*"],
        "IGNORE_SCHEMAS": ["bet*"],
    }
    answer = fleet.verify("--json")
    assert (answer.exit_code, answer.json["orphans"]) == (0, [])
    assert answer.findings("alpha") == []
