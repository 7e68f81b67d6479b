"""Acceptance tests of the main job: know the truth of every tenant, and heal it."""

import pytest

from tests.support.fleets import Fleet
from tests.support.templates import TENANTS

REVENUE = "SELECT payments, amount FROM finance_monthly_revenue"


def break_six_ways(fleet: Fleet) -> None:
    """Six tenants, each with another trouble, beside the four healthy ones."""
    for name in ("behind", "tableless", "faked", "slow", "forgetful", "early"):
        fleet.add_tenant(name)
    fleet.take_back("behind", "finance", "0023_payment_constraints")
    fleet.drop_table("tableless", "finance_refund")
    fleet.take_back("faked", "hr_core", "0016_employee_hired_from")
    fleet.fake_migration("faked", "hr_core", "0017_timeoffrequest_decision")
    fleet.invalidate_index("slow", "payment_paid_idx")
    fleet.forget_migration("forgetful", "finance", "0025_refund")
    fleet.fake_migration("early", "finance", "0026_not_here_yet")


def test_a_healthy_fleet_is_clean(fleet: Fleet) -> None:
    answer = fleet.verify()
    assert answer.exit_code == 0
    assert answer.stdout.startswith("4 tenants: 4 ok; public ok; ")
    assert len(answer.stdout.splitlines()) == 1
    assert answer.stderr == ""


def test_a_project_without_tenants_is_clean(public_only: Fleet) -> None:
    answer = public_only.verify()
    assert answer.exit_code == 0
    assert answer.stdout.startswith("0 tenants; public ok; ")


def test_each_trouble_is_named_right(fleet: Fleet) -> None:
    break_six_ways(fleet)
    answer = fleet.verify("--json")
    assert answer.exit_code == 1
    assert answer.statuses() == dict.fromkeys(TENANTS, "ok") | {
        "behind": "pending",
        "tableless": "drifted",
        "faked": "drifted",
        "slow": "drifted",
        "forgetful": "inconsistent",
        "early": "ahead",
    }
    document = answer.json
    assert (document["total_tenants"], document["tenants_ok"]) == (10, 4)
    assert document["tenants_with_issues"] == 6
    assert answer.tenant("behind")["pending_migrations"] == [
        {"app": "finance", "name": "0024_subscription_cancellation"},
        {"app": "finance", "name": "0025_refund"},
    ]
    assert answer.finding("tableless", "TM101")["object"] == "finance_refund"
    assert answer.finding("faked", "TM132")["migration"] == "hr_core.0017_timeoffrequest_decision"
    assert answer.finding("slow", "TM131")["object"] == "payment_paid_idx"
    assert answer.ids("forgetful") == {"TM007"}
    assert answer.finding("early", "TM002")["migration"] == "finance.0026_not_here_yet"


def test_healing_mends_what_can_be_proven_and_says_what_remains(fleet: Fleet) -> None:
    break_six_ways(fleet)
    healed = fleet.verify("--fix", "--json")
    assert healed.exit_code == 1
    assert {o["schema_name"]: o["state"] for o in healed.json["fix"]["outcomes"]} == {
        "behind": "fixed",
        "tableless": "fixed",
        "faked": "fixed",
        "slow": "fixed",
        "forgetful": "skipped",
        "early": "skipped",
    }
    for name in ("behind", "tableless", "faked", "slow"):
        assert fleet.dump(name) == fleet.dump("alpha"), name
        assert fleet.ledger(name) == fleet.ledger("alpha"), name

    again = fleet.verify("--json")
    assert again.exit_code == 1
    left = {name: status for name, status in again.statuses().items() if status != "ok"}
    assert left == {"forgetful": "inconsistent", "early": "ahead"}
    assert "--fix --reconcile --tenant=forgetful" in again.finding("forgetful", "TM007")["hint"]
    assert "deploy the newer code" in again.finding("early", "TM002")["hint"]


def test_the_hint_for_what_remains_is_the_cure(fleet: Fleet) -> None:
    fleet.forget_migration("beta", "finance", "0025_refund")
    hint = fleet.verify("--json").finding("beta", "TM007")["hint"]
    command = hint.removeprefix("record: manage.py verify_tenant_migrations ").split()
    assert fleet.verify(*command).exit_code == 0
    assert fleet.ledger("beta") == fleet.ledger("alpha")
    assert fleet.content("beta")["finance_refund"] == fleet.content("alpha")["finance_refund"]


def test_what_a_heal_printed(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    fleet.fake_migration("beta", "finance", "0026_not_here_yet")
    answer = fleet.verify("--fix")
    lines = answer.stdout.splitlines()
    assert lines[0].endswith(": 1 fixed, 0 failed, 1 skipped")
    assert lines[1] == "  alpha: fixed (table finance_refund)" or lines[1].startswith(
        "  alpha: fixed (table finance_refund, "
    )
    assert lines[2] == (
        "  beta: skipped: its ledger is ahead of this code, and healing only moves forward"
    )
    assert "4 tenants: 3 ok, 1 ahead; public ok; " in answer.stdout
    assert answer.exit_code == 1


def test_healing_twice_does_nothing_the_second_time(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0023_payment_constraints")
    fleet.drop_table("beta", "finance_refund")
    assert fleet.verify("--fix", "--json").json["fix"]["fixed"] == 2
    before = fleet.dump_all(records=False)
    second = fleet.verify("--fix", "--json")
    assert second.exit_code == 0
    assert (second.json["fix"]["fixed"], second.json["fix"]["outcomes"]) == (0, [])
    assert fleet.dump_all(records=False) == before


def test_nobody_else_is_touched(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0023_payment_constraints")
    fleet.drop_table("beta", "finance_refund")
    before = {name: (fleet.dump(name), fleet.content(name)) for name in ("gamma", "delta")}
    fleet.verify("--fix")
    assert {name: (fleet.dump(name), fleet.content(name)) for name in before} == before


def test_a_healed_tenant_works(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0020_invoice_open_due_idx")
    assert fleet.verify("--fix").exit_code == 0
    assert fleet.rows(REVENUE, schema="alpha") == fleet.rows(REVENUE, schema="beta")
    assert fleet.counts("alpha")["finance_invoice"] == fleet.counts("beta")["finance_invoice"]


LOSSES: dict[str, str] = {
    "column": "ALTER TABLE finance_invoice DROP COLUMN memo",
    "column with default": "ALTER TABLE finance_plan DROP COLUMN is_active",
    "constraint": "ALTER TABLE finance_invoice DROP CONSTRAINT invoice_tax_rate_percent",
    "foreign key": (
        "ALTER TABLE finance_refund"
        " DROP CONSTRAINT finance_refund_payment_id_f395d977_fk_finance_payment_id"
    ),
    "index": "DROP INDEX invoice_status_issued_idx",
    "unique": "ALTER TABLE finance_invoice DROP CONSTRAINT finance_invoice_number_key",
    "view": "DROP VIEW finance_monthly_revenue",
    "trigger": "DROP TRIGGER finance_invoiceline_sum ON finance_invoiceline",
    "function": "DROP FUNCTION finance_sum_invoice() CASCADE",
    "table": "DROP TABLE finance_refund",
    "tables that need each other": "DROP TABLE finance_refund, finance_payment CASCADE",
    "default": "ALTER TABLE finance_plan ALTER COLUMN is_active DROP DEFAULT",
    "not null": "ALTER TABLE finance_refund ALTER COLUMN amount DROP NOT NULL",
    "identity": "ALTER TABLE finance_refund ALTER COLUMN id DROP IDENTITY",
    "permission": "DELETE FROM auth_permission WHERE codename = 'view_refund'",
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_is_seen_and_healed(fleet: Fleet, loss: str) -> None:
    fleet.sql(LOSSES[loss], schema="alpha")
    assert fleet.verify("--json").status("alpha") == "drifted"
    healed = fleet.verify("--fix", "--json")
    assert healed.exit_code == 0, healed.json["fix"]
    assert sorted(fleet.dump("alpha").splitlines()) == sorted(fleet.dump("beta").splitlines())


def test_rows_that_contradict_a_repair_are_named_and_kept(fleet: Fleet) -> None:
    fleet.sql("ALTER TABLE finance_refund DROP CONSTRAINT refund_amount_positive", schema="alpha")
    fleet.sql("UPDATE finance_refund SET amount = -1", schema="alpha")
    before = fleet.content("alpha")
    answer = fleet.verify("--fix", "--json")
    assert answer.exit_code == 1
    outcome = answer.outcome("alpha")
    assert outcome["state"] == "failed"
    assert "refund_amount_positive" in outcome["message"]
    assert outcome["hint"]
    assert fleet.content("alpha") == before


def test_no_value_is_guessed_for_rows_that_lost_a_column(fleet: Fleet) -> None:
    fleet.sql("ALTER TABLE finance_subscription DROP COLUMN cancel_at_period_end", schema="alpha")
    outcome = fleet.verify("--fix", "--json").outcome("alpha")
    assert (outcome["state"], outcome["message"]) == (
        "failed",
        "finance_subscription.cancel_at_period_end: finance_subscription has rows, and nothing "
        "says which value they would get",
    )


def test_only_the_named_tenant_is_healed(fleet: Fleet) -> None:
    for name in ("alpha", "beta"):
        fleet.drop_table(name, "finance_refund")
    answer = fleet.verify("--fix", "--tenant=alpha", "--json")
    assert answer.exit_code == 0
    assert answer.statuses() == {"alpha": "ok"}
    assert fleet.verify("--json").status("beta") == "drifted"


def test_only_the_named_app_is_healed(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0024_subscription_cancellation")
    fleet.take_back("alpha", "hr_core", "0016_employee_hired_from")
    answer = fleet.verify("--fix", "--app=finance", "--json")
    assert answer.exit_code == 0
    rest = fleet.verify("--json").tenant("alpha")["pending_migrations"]
    assert rest == [{"app": "hr_core", "name": "0017_timeoffrequest_decision"}]


def test_a_dry_run_prints_the_sql_and_changes_nothing(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0024_subscription_cancellation")
    fleet.drop_table("beta", "finance_refund")
    before = fleet.dump_all()
    answer = fleet.verify("--fix", "--dry-run")
    assert answer.exit_code == 1
    assert "-- would heal alpha" in answer.stdout
    assert 'CREATE TABLE "finance_refund"' in answer.stdout
    assert "-- finance.0025_refund" in answer.stdout
    assert fleet.dump_all() == before
    plan = fleet.verify("--fix", "--dry-run", "--json").json["plan"]
    assert sorted(names for step in plan for names in step["tenants"]) == ["alpha", "beta"]


def test_the_run_is_on_record(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0024_subscription_cancellation")
    rollout = fleet.verify("--fix", "--json").json["fix"]["rollout"]
    assert fleet.rows(
        "SELECT state, trigger, before, after FROM tenant_migrations_rollout WHERE id = %s", rollout
    ) == [("finished", "cli", {"pending": 1, "ok": 3}, {"ok": 4})]
    assert fleet.rows(
        "SELECT schema_name, state, status_before, status_after, applied"
        " FROM tenant_migrations_tenantoutcome WHERE rollout_id = %s",
        rollout,
    ) == [("alpha", "fixed", "pending", "ok", ["finance.0025_refund"])]


def test_the_document_has_the_agreed_shape(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0024_subscription_cancellation")
    document = fleet.verify("--fix", "--json").json
    shapes: dict[str, type | tuple[type, ...]] = {
        "total_tenants": int,
        "tenants_ok": int,
        "tenants_with_issues": int,
        "status": str,
        "code_revision": str,
        "variants": list,
        "tenants": list,
        "public": dict,
        "orphans": list,
        "fix": dict,
    }
    for key, kind in shapes.items():
        assert isinstance(document[key], kind), key
    assert document["code_revision"].startswith("sha256:")
    assert document["variants"] == [
        {"id": document["variants"][0]["id"], "tenants": 4, "status": "ok"}
    ]
    tenant = document["tenants"][0]
    wanted = {"domain": "alpha.localhost", "status": "ok", "pending_count": 0, "error": None}
    assert tenant.items() >= (wanted | {"schema_name": "alpha"}).items()
    assert (tenant["pending_migrations"], tenant["findings"]) == ([], [])
    assert {"schema_name", "status", "pending_count", "pending_migrations", "findings"} <= set(
        document["public"]
    )
    assert {"rollout", "fixed", "failed", "skipped"} <= set(document["fix"])
    assert "fix" not in fleet.verify("--json").json


def test_the_main_job_from_the_command_line(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0023_payment_constraints")
    verify = ("verify_tenant_migrations",)
    assert fleet.manage(*verify).exit_code == 1
    healed = fleet.manage(*verify, "--fix", "--json")
    assert (healed.exit_code, healed.json["fix"]["fixed"]) == (0, 1)
    assert fleet.manage(*verify).exit_code == 0


def test_the_main_job_on_postgres_15(fleet_on_15: Fleet) -> None:
    fleet = fleet_on_15
    break_six_ways(fleet)
    healed = fleet.verify("--fix", "--json")
    assert (healed.json["fix"]["fixed"], healed.json["fix"]["skipped"]) == (4, 2), healed.stdout
    for name in ("behind", "tableless", "faked", "slow"):
        assert fleet.dump(name) == fleet.dump("alpha"), name


def test_public_is_healed_first(fleet: Fleet) -> None:
    fleet.take_back("public", "integrations", "0002_webhookdelivery")
    assert fleet.verify("--json").status("public") == "pending"
    healed = fleet.verify("--fix", "--json")
    assert (healed.exit_code, healed.status("public")) == (0, "ok")


def test_no_schema_is_created_unasked(fleet: Fleet) -> None:
    fleet.drop_schema("alpha")
    answer = fleet.verify("--fix", "--json")
    assert (answer.exit_code, answer.status("alpha")) == (1, "missing")
    assert answer.outcome("alpha")["message"] == "it has no schema; none is created unasked"
