"""Each finding by a real fault in a real schema; a test is named after its id."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tenant_migrations.vocabulary import FindingKind
from tests.support.code import code_with
from tests.support.fleets import Fleet

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "findings.md"

REFUND = ("finance", "0025_refund")
SQUASHED = ("ats", "0008_squashed_0010_job_details")
EXTRAS = {
    "0090_extras": """
        RunSQL("CREATE SEQUENCE finance_receipt_number", "DROP SEQUENCE finance_receipt_number"),
        RunSQL("CREATE TYPE finance_mood AS ENUM ('good', 'bad')", "DROP TYPE finance_mood"),
    """
}


def finding_in_alpha(fleet: Fleet, kind: str, status: str) -> dict[str, Any]:
    """The one finding of that kind; `alpha` has the status, the others are well."""
    answer = fleet.verify("--json")
    assert answer.exit_code == (0 if status == "ok" else 1)
    assert answer.statuses() == {"alpha": status, "beta": "ok", "gamma": "ok", "delta": "ok"}
    return answer.finding("alpha", kind)


@contextmanager
def fleet_with_sequence_and_type(fleet: Fleet) -> Iterator[None]:
    """Migrations made a sequence and a type in every tenant."""
    with code_with("finance", EXTRAS):
        assert fleet.verify("--fix").exit_code == 0
        yield


# --- The ledger


def test_TM001_pending(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0024_subscription_cancellation")
    assert finding_in_alpha(fleet, "TM001", "pending") == {
        "id": "TM001",
        "severity": "error",
        "object": None,
        "migration": "finance.0025_refund",
        "message": "1 migration not applied: finance.0025_refund",
        "hint": "apply: manage.py verify_tenant_migrations --fix --tenant=alpha",
    }


def test_TM002_ahead(fleet: Fleet) -> None:
    fleet.fake_migration("alpha", "finance", "0099_of_tomorrow")
    found = finding_in_alpha(fleet, "TM002", "ahead")
    assert found["message"] == (
        "the ledger records finance.0099_of_tomorrow, which this code does not have"
    )
    assert found["hint"].startswith("deploy the newer code")


def test_TM003_applied_before_dependency(fleet: Fleet) -> None:
    fleet.forget_migration("alpha", "finance", "0003_invoice")
    answer = fleet.verify("--json")
    assert answer.status("alpha") == "inconsistent"
    found = [f for f in answer.findings("alpha") if f["id"] == "TM003"]
    assert {f["migration"] for f in found} == {"finance.0003_invoice"}
    assert found[0]["message"] == (
        "finance.0004_invoiceline is recorded, but finance.0003_invoice, which it depends on, "
        "is not"
    )


def test_TM004_duplicate_rows(fleet: Fleet) -> None:
    fleet.fake_migration("alpha", *REFUND)
    found = finding_in_alpha(fleet, "TM004", "ok")
    row = fleet.value("SELECT max(id) FROM django_migrations", schema="alpha")
    assert found["severity"] == "warning"
    assert found["hint"].endswith(f"DELETE FROM django_migrations WHERE id = {row};")


def test_TM005_squash_partly_recorded(fleet: Fleet) -> None:
    for name in (SQUASHED[1], "0010_job_employment"):
        fleet.forget_migration("alpha", "ats", name)
    fleet.sql("ALTER TABLE ats_job DROP COLUMN employment", schema="alpha")
    answer = fleet.verify("--json")
    found = answer.finding("alpha", "TM005")
    assert found["severity"] == "info"
    assert found["migration"] == "ats.0008_squashed_0010_job_details"


def test_TM006_leftover_rows(fleet: Fleet) -> None:
    statement = "INSERT INTO django_migrations (id, app, name, applied) VALUES (0, %s, %s, now())"
    fleet.sql(statement, "finance", "0000_before_squashing", schema="alpha")
    found = finding_in_alpha(fleet, "TM006", "ok")
    assert found["severity"] == "info"
    assert "finance.0000_before_squashing" in found["message"]


def test_TM007_present_but_unrecorded(fleet: Fleet) -> None:
    fleet.forget_migration("alpha", *REFUND)
    found = finding_in_alpha(fleet, "TM007", "inconsistent")
    assert found["message"] == (
        "the changes of finance.0025_refund are there, but the ledger does not record them"
    )
    assert found["hint"] == (
        "record: manage.py verify_tenant_migrations --fix --reconcile --tenant=alpha"
    )


def test_TM008_squash_unrecorded(fleet: Fleet) -> None:
    fleet.forget_migration("alpha", *SQUASHED)
    found = finding_in_alpha(fleet, "TM008", "pending")
    assert found["migration"] == "ats.0008_squashed_0010_job_details"


# --- Schemas and tenants


def test_TM010_schema_absent(fleet: Fleet) -> None:
    fleet.drop_schema("alpha")
    found = finding_in_alpha(fleet, "TM010", "missing")
    assert found["message"] == "the tenant has a row but no schema"


def test_TM011_ledger_absent(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "django_migrations")
    found = finding_in_alpha(fleet, "TM011", "inconsistent")
    assert re.fullmatch(r"the schema has \d+ objects but no ledger .*", found["message"])


def test_TM012_orphan_schema(fleet: Fleet) -> None:
    fleet.remove_row("alpha")
    answer = fleet.verify("--json")
    assert answer.exit_code == 0
    assert answer.json["orphans"] == ["alpha"]
    (found,) = answer.json["findings"]
    assert (found["id"], found["severity"], found["object"]) == ("TM012", "warning", "alpha")


def test_TM013_no_primary_domain(fleet: Fleet) -> None:
    fleet.sql("UPDATE tenants_domain SET is_primary = false WHERE domain = 'alpha.localhost'")
    assert finding_in_alpha(fleet, "TM013", "ok")["message"] == "no primary domain"


def test_TM015_unreadable(fleet: Fleet) -> None:
    fleet.sql("ALTER TABLE django_migrations DROP COLUMN app", schema="alpha")
    answer = fleet.verify("--json")
    found = answer.finding("alpha", "TM015")
    assert found["message"] == (
        'it could not be checked: column "app" of relation "django_migrations" does not exist'
    )
    assert (
        answer.tenant("alpha")["error"]
        == 'column "app" of relation "django_migrations" does not exist'
    )
    assert answer.status("alpha") == "unknown"


def test_TM016_quarantined(fleet: Fleet) -> None:
    fleet.sql(
        "INSERT INTO tenant_migrations_quarantine (schema_name, reason, since)"
        " VALUES ('alpha', 'finance.0020 was interrupted', now())"
    )
    found = finding_in_alpha(fleet, "TM016", "quarantined")
    assert found["message"] == "left alone until released: finance.0020 was interrupted"
    assert found["hint"].endswith("--fix --tenant=alpha --retry-quarantined")


def test_TM017_schema_empty(fleet: Fleet) -> None:
    fleet.drop_schema("alpha")
    fleet.sql("CREATE SCHEMA alpha")
    found = finding_in_alpha(fleet, "TM017", "pending")
    assert found["message"] == "the schema is empty: its creation was interrupted"


# --- Missing objects


def test_TM101_table_missing(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    found = finding_in_alpha(fleet, "TM101", "drifted")
    assert found["object"] == "finance_refund"
    assert found["message"] == "table finance_refund is missing (made by finance.0025_refund)"
    assert found["hint"] == "create it: manage.py verify_tenant_migrations --fix --tenant=alpha"


def test_TM102_column_missing(fleet: Fleet) -> None:
    fleet.sql("ALTER TABLE finance_invoice DROP COLUMN memo", schema="alpha")
    assert finding_in_alpha(fleet, "TM102", "drifted")["object"] == "finance_invoice.memo"


def test_TM103_constraint_missing(fleet: Fleet) -> None:
    fleet.sql("ALTER TABLE finance_refund DROP CONSTRAINT refund_amount_positive", schema="alpha")
    found = finding_in_alpha(fleet, "TM103", "drifted")
    assert found["object"] == "finance_refund.refund_amount_positive"


def test_TM104_index_missing(fleet: Fleet) -> None:
    fleet.sql("DROP INDEX invoice_open_due_idx", schema="alpha")
    found = finding_in_alpha(fleet, "TM104", "drifted")
    assert found["object"] == "finance_invoice.invoice_open_due_idx"
    assert found["migration"] == "finance.0020_invoice_open_due_idx"


def test_TM105_sequence_missing(fleet: Fleet) -> None:
    with fleet_with_sequence_and_type(fleet):
        fleet.sql("DROP SEQUENCE finance_receipt_number", schema="alpha")
        found = finding_in_alpha(fleet, "TM105", "drifted")
    assert found["object"] == "finance_receipt_number"


def test_TM106_view_missing(fleet: Fleet) -> None:
    fleet.sql("DROP VIEW finance_monthly_revenue", schema="alpha")
    assert finding_in_alpha(fleet, "TM106", "drifted")["object"] == "finance_monthly_revenue"


def test_TM107_trigger_missing(fleet: Fleet) -> None:
    fleet.sql("DROP TRIGGER finance_invoiceline_sum ON finance_invoiceline", schema="alpha")
    found = finding_in_alpha(fleet, "TM107", "drifted")
    assert found["object"] == "finance_invoiceline.finance_invoiceline_sum"


def test_TM108_function_missing(fleet: Fleet) -> None:
    fleet.sql("DROP FUNCTION finance_sum_invoice() CASCADE", schema="alpha")
    answer = fleet.verify("--json")
    assert answer.finding("alpha", "TM108")["object"] == "finance_sum_invoice()"
    assert "TM107" in answer.ids("alpha")


def test_TM109_type_missing(fleet: Fleet) -> None:
    with fleet_with_sequence_and_type(fleet):
        fleet.sql("DROP TYPE finance_mood", schema="alpha")
        assert finding_in_alpha(fleet, "TM109", "drifted")["object"] == "finance_mood"


# --- Objects that differ


def test_TM111_table_differs(fleet: Fleet) -> None:
    fleet.sql("ALTER TABLE finance_refund SET UNLOGGED", schema="alpha")
    found = finding_in_alpha(fleet, "TM111", "drifted")
    assert found["message"] == "table finance_refund is table (unlogged), expected table"


def test_TM112_column_differs(fleet: Fleet) -> None:
    fleet.sql("ALTER TABLE finance_invoice ALTER COLUMN memo TYPE varchar(50)", schema="alpha")
    found = finding_in_alpha(fleet, "TM112", "drifted")
    assert found["message"] == (
        "column finance_invoice.memo is character varying(50), expected text"
    )
    assert found["hint"].startswith("can't be proven safe to change unattended")


def test_TM113_constraint_differs(fleet: Fleet) -> None:
    fleet.sql(
        "ALTER TABLE finance_refund DROP CONSTRAINT refund_amount_positive,"
        " ADD CONSTRAINT refund_amount_positive CHECK (amount > 1)",
        schema="alpha",
    )
    found = finding_in_alpha(fleet, "TM113", "drifted")
    assert found["object"] == "finance_refund.refund_amount_positive"


def test_TM114_index_differs(fleet: Fleet) -> None:
    fleet.sql("DROP INDEX invoice_open_due_idx", schema="alpha")
    fleet.sql("CREATE INDEX invoice_open_due_idx ON finance_invoice (due_on)", schema="alpha")
    found = finding_in_alpha(fleet, "TM114", "drifted")
    assert found["object"] == "finance_invoice.invoice_open_due_idx"


def test_TM115_sequence_differs(fleet: Fleet) -> None:
    fleet.sql("ALTER SEQUENCE finance_refund_id_seq INCREMENT 10", schema="alpha")
    assert "INCREMENT BY 10" in finding_in_alpha(fleet, "TM115", "drifted")["message"]


def test_TM116_view_differs(fleet: Fleet) -> None:
    fleet.sql("ALTER VIEW finance_monthly_revenue RENAME COLUMN payments TO n", schema="alpha")
    assert finding_in_alpha(fleet, "TM116", "drifted")["object"] == "finance_monthly_revenue"


def test_TM117_trigger_differs(fleet: Fleet) -> None:
    fleet.sql(
        "ALTER TABLE finance_invoiceline DISABLE TRIGGER finance_invoiceline_sum", schema="alpha"
    )
    found = finding_in_alpha(fleet, "TM117", "drifted")
    assert found["object"] == "finance_invoiceline.finance_invoiceline_sum"


def test_TM118_function_differs(fleet: Fleet) -> None:
    fleet.sql(
        "CREATE OR REPLACE FUNCTION finance_sum_invoice() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'",
        schema="alpha",
    )
    found = finding_in_alpha(fleet, "TM118", "drifted")
    assert found["object"] == "finance_sum_invoice()"


def test_TM119_type_differs(fleet: Fleet) -> None:
    with fleet_with_sequence_and_type(fleet):
        fleet.sql("ALTER TYPE finance_mood ADD VALUE 'mixed'", schema="alpha")
        found = finding_in_alpha(fleet, "TM119", "drifted")
    assert found["message"] == (
        "type finance_mood is ENUM ('good', 'bad', 'mixed'), expected ENUM ('good', 'bad')"
    )


# --- Objects that no migration made


def extra_in_alpha(fleet: Fleet, kind: str, statement: str) -> str:
    """Make an object in `alpha` that no migration knows; what the finding calls it."""
    fleet.sql(statement, schema="alpha")
    found = finding_in_alpha(fleet, kind, "drifted")
    assert found["severity"] == "warning"
    assert found["hint"].startswith("never dropped unasked")
    return str(found["object"])


def test_TM121_table_extra(fleet: Fleet) -> None:
    made = "CREATE TABLE notes (id bigint PRIMARY KEY, body text)"
    assert extra_in_alpha(fleet, "TM121", made) == "notes"


def test_TM122_column_extra(fleet: Fleet) -> None:
    made = "ALTER TABLE finance_invoice ADD COLUMN legacy_id integer"
    assert extra_in_alpha(fleet, "TM122", made) == "finance_invoice.legacy_id"


def test_TM123_constraint_extra(fleet: Fleet) -> None:
    made = "ALTER TABLE finance_invoice ADD CONSTRAINT small CHECK (subtotal < 100000)"
    assert extra_in_alpha(fleet, "TM123", made) == "finance_invoice.small"


def test_TM124_index_extra(fleet: Fleet) -> None:
    made = "CREATE INDEX by_memo ON finance_invoice (memo)"
    assert extra_in_alpha(fleet, "TM124", made) == "finance_invoice.by_memo"


def test_TM125_sequence_extra(fleet: Fleet) -> None:
    assert extra_in_alpha(fleet, "TM125", "CREATE SEQUENCE counter") == "counter"


def test_TM126_view_extra(fleet: Fleet) -> None:
    made = "CREATE VIEW unpaid AS SELECT id FROM finance_invoice WHERE status = 'open'"
    assert extra_in_alpha(fleet, "TM126", made) == "unpaid"


def test_TM127_trigger_extra(fleet: Fleet) -> None:
    made = (
        "CREATE TRIGGER again AFTER INSERT ON finance_invoiceline"
        " FOR EACH ROW EXECUTE FUNCTION finance_sum_invoice()"
    )
    assert extra_in_alpha(fleet, "TM127", made) == "finance_invoiceline.again"


def test_TM128_function_extra(fleet: Fleet) -> None:
    made = "CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n * 2'"
    assert extra_in_alpha(fleet, "TM128", made) == "twice(n integer)"


def test_TM129_type_extra(fleet: Fleet) -> None:
    made = "CREATE DOMAIN percent AS integer CHECK (VALUE BETWEEN 0 AND 100)"
    assert extra_in_alpha(fleet, "TM129", made) == "percent"


# --- What several differences mean together


def test_TM131_index_invalid(fleet: Fleet) -> None:
    fleet.invalidate_index("alpha", "payment_paid_idx")
    found = finding_in_alpha(fleet, "TM131", "drifted")
    assert found["object"] == "payment_paid_idx"
    assert found["migration"] == "finance.0020_invoice_open_due_idx"
    assert found["hint"].startswith("build it again: ")


def test_TM131_index_invalid_that_no_migration_made(fleet: Fleet) -> None:
    fleet.sql("CREATE INDEX payment_paid_idx_ccnew ON finance_payment (paid_at)", schema="alpha")
    fleet.invalidate_index("alpha", "payment_paid_idx_ccnew")
    found = finding_in_alpha(fleet, "TM131", "drifted")
    assert found["object"] == "payment_paid_idx_ccnew"


def test_TM132_migration_without_effect(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0023_payment_constraints")
    fleet.fake_migration("alpha", "finance", "0024_subscription_cancellation")
    answer = fleet.verify("--json")
    found = answer.finding("alpha", "TM132")
    assert found["migration"] == "finance.0024_subscription_cancellation"
    assert "it was faked or undone" in found["message"]
    assert answer.tenant("alpha")["pending_count"] == 1


def test_TM133_app_without_tables(fleet: Fleet) -> None:
    for table in fleet.tables("alpha"):
        if table.startswith("finance_"):
            fleet.drop_table("alpha", table)
    answer = fleet.verify("--json")
    found = answer.finding("alpha", "TM133")
    assert found["object"] == "finance"
    assert "none of its 9 tables is there" in found["message"]
    assert "TM101" not in answer.ids("alpha")


def test_TM140_structure_not_compared(fleet: Fleet) -> None:
    fleet.fake_migration("alpha", "finance", "0099_of_tomorrow")
    found = finding_in_alpha(fleet, "TM140", "ahead")
    assert found["severity"] == "warning"
    assert "the reference never passed finance.0099_of_tomorrow" in found["message"]


# --- Content types and permissions


def test_TM201_content_types_missing(fleet: Fleet) -> None:
    fleet.sql(
        "DELETE FROM auth_permission WHERE content_type_id IN"
        " (SELECT id FROM django_content_type WHERE model = 'refund')",
        schema="alpha",
    )
    fleet.sql("DELETE FROM django_content_type WHERE model = 'refund'", schema="alpha")
    found = finding_in_alpha(fleet, "TM201", "drifted")
    assert found["message"] == "1 content type missing: finance.refund"


def test_TM202_permissions_missing(fleet: Fleet) -> None:
    fleet.sql("DELETE FROM auth_permission WHERE codename = 'view_refund'", schema="alpha")
    found = finding_in_alpha(fleet, "TM202", "drifted")
    assert found["message"] == "1 permission missing: finance.view_refund"


def test_TM203_content_types_stale(fleet: Fleet) -> None:
    statement = "INSERT INTO django_content_type (app_label, model) VALUES ('finance', 'cheque')"
    fleet.sql(statement, schema="alpha")
    found = finding_in_alpha(fleet, "TM203", "ok")
    assert found["severity"] == "info"
    assert "finance.cheque" in found["message"]


# --- The fleet


def test_TM301_reference_unavailable(fleet: Fleet) -> None:
    with code_with("finance", {"0090_broken": 'RunSQL("SELECT 1 / 0")'}):
        assert fleet.command("migrate_schemas", "--shared", "-v0").exit_code == 0
        answer = fleet.verify("--json")
    (found,) = answer.json["findings"]
    assert (found["id"], found["object"]) == ("TM301", "tenant")
    assert "finance.0090_broken failed: division by zero" in found["message"]
    assert set(answer.statuses().values()) == {"pending"}


def test_TM302_code_older(fleet: Fleet) -> None:
    with code_with("finance", {"0090_newer": 'RunSQL("CREATE TABLE finance_newer ()")'}):
        fleet.verify()
    answer = fleet.verify("--json")
    (found,) = answer.json["findings"]
    assert (found["id"], found["migration"]) == ("TM302", "finance.0090_newer")
    assert (answer.exit_code, answer.json["status"]) == (1, "issues")


# --- Tests, findings and documentation stay in step


def test_every_finding_has_a_test() -> None:
    """Those of the server are told of a server, not of a fleet: ``test_preflight.py``."""
    here = Path(__file__).parent
    files = [*here.glob("test_*.py"), here.parent / "rollout" / "test_preflight.py"]
    tested = {
        found
        for path in files
        for found in re.findall(r"^ *def test_(TM\d+)_", path.read_text(), re.MULTILINE)
    }
    assert tested == {kind.value for kind in FindingKind}


def test_every_finding_is_documented() -> None:
    headings = " ".join(re.findall(r"^#+ .*", DOCUMENT.read_text(), re.MULTILINE))
    assert set(re.findall(r"TM\d+", headings)) == {kind.value for kind in FindingKind}
