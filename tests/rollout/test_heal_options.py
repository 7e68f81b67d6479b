"""Options of ``--fix``: what each limits, and that it does."""

import pytest

from tests.torture.fleet import TortureFleet, names
from tests.torture.versions import version

STRICTER = """
    migrations.AddConstraint(
        "shelf", models.UniqueConstraint(fields=("name",), name="stock_shelf_name"))
"""
ALL = ("clean", "first", "second", "third")


def poisoned(fleet: TortureFleet, *schemas: str) -> None:
    """Tenants whose rows contradict the newest migration."""
    fleet.version = version(fleet.folder, "stock", {"0005_stricter": STRICTER})
    for schema in schemas:
        fleet.sql("INSERT INTO stock_shelf (name) VALUES ('Top')", schema=schema)


def whole(fleet: TortureFleet) -> str:
    """The whole database but the reference schemas and their notes."""
    return fleet.database.pg_dump(
        "--inserts",
        "--exclude-schema=tenant_migrations_reference_*",
        "--exclude-table=public.tenant_migrations_referencestep*",
    )


class TestDryRun:
    def test_changes_nothing_and_prints_the_sql_of_each_variant(
        self, torture: TortureFleet
    ) -> None:
        torture.sql("DROP INDEX shop_made", schema="second")
        before = whole(torture)
        answer = torture.run("verify_tenant_migrations", "--fix", "--dry-run")
        assert answer.exit_code == 1
        assert whole(torture) == before
        assert 'CREATE TABLE "quick_note"' in answer.stdout
        assert 'CREATE INDEX CONCURRENTLY "quick_length"' in answer.stdout
        assert "shop_made" in answer.stdout

    def test_groups_tenants_that_are_alike(self, torture: TortureFleet) -> None:
        torture.sql("DROP INDEX shop_made", schema="second")
        plan = torture.heal("--dry-run").json["plan"]
        assert sorted(variant["tenants"] for variant in plan) == [["first", "third"], ["second"]]
        (repaired,) = [variant for variant in plan if variant["tenants"] == ["second"]]
        assert repaired["create"] == ["index shop_product.shop_made"]
        assert "quick.0004_last" in repaired["migrations"]

    def test_does_not_even_record_a_run(self, torture: TortureFleet) -> None:
        runs = torture.value("SELECT count(*) FROM tenant_migrations_rollout")
        torture.heal("--dry-run")
        assert torture.value("SELECT count(*) FROM tenant_migrations_rollout") == runs

    def test_what_it_prints_is_what_the_heal_then_does(self, torture: TortureFleet) -> None:
        (variant,) = torture.heal("--dry-run").json["plan"]
        answer = torture.heal()
        applied = answer.outcome("first")["applied"]
        assert set(variant["migrations"]) <= set(applied)


class TestTenant:
    def test_only_the_tenants_named_are_healed(self, torture: TortureFleet) -> None:
        before = torture.everything("first")
        answer = torture.heal("--tenant=second", "--tenant=third")
        assert answer.exit_code == 0
        assert set(answer.statuses()) == {"second", "third"}
        assert torture.everything("first") == before
        assert torture.ledger("second") == torture.ledger("clean")

    def test_public_behind_is_not_migrated_in_passing(self, torture: TortureFleet) -> None:
        torture.version = version(
            torture.folder,
            "customers",
            {"0002_more": 'migrations.AddField("tenant", "more", models.IntegerField(null=True))'},
        )
        before = torture.everything("first")
        answer = torture.heal("--tenant=first")
        assert answer.exit_code == 1
        assert "customers.0002_more" in answer.stderr
        assert torture.everything("first") == before


class TestApp:
    def test_only_that_app_and_what_it_depends_on_is_applied(self, torture: TortureFleet) -> None:
        torture.add_tenant("new")
        answer = torture.heal("--tenant=new", "--app=stock")
        assert answer.exit_code == 0, answer.stdout
        django = torture
        django.add_tenant("reference")
        django.migrate("reference", "stock")
        assert torture.structure("new") == django.structure("reference")
        recorded = names(torture.ledger("new"))
        assert "stock.0004_reason" in recorded
        assert "shop.0014_by_hand" in recorded
        assert not [name for name in recorded if name.startswith(("quick", "folded", "auth"))]

    def test_damage_of_other_apps_is_left_alone(self, healthy: TortureFleet) -> None:
        healthy.sql("DROP INDEX shop_made; DROP TABLE quick_note", schema="first")
        answer = healthy.heal("--app=quick")
        assert answer.exit_code == 0, answer.stdout
        assert healthy.value("SELECT to_regclass('first.quick_note') IS NOT NULL")
        assert healthy.value("SELECT to_regclass('first.shop_made') IS NULL")


class TestCanary:
    def test_canaries_come_first(self, torture: TortureFleet) -> None:
        answer = torture.heal("--canary=third", "--canary=second")
        rows = torture.sql(
            "SELECT schema_name FROM tenant_migrations_tenantoutcome WHERE rollout_id = %s"
            " ORDER BY started_at",
            answer.json["fix"]["rollout"],
        )
        assert [name for (name,) in rows] == ["third", "second", "first"]

    def test_a_canary_that_fails_ends_the_run(self, healthy: TortureFleet) -> None:
        poisoned(healthy, "second")
        answer = healthy.heal("--canary=second")
        assert answer.exit_code == 1
        states = {name: answer.outcome(name)["state"] for name in ALL}
        assert states == {
            "clean": "not attempted",
            "first": "not attempted",
            "second": "failed",
            "third": "not attempted",
        }

    def test_a_canary_that_does_well_is_followed_by_the_rest(self, healthy: TortureFleet) -> None:
        poisoned(healthy, "second")
        answer = healthy.heal("--canary=third")
        fix = answer.json["fix"]
        assert (fix["fixed"], fix["failed"], fix["not_attempted"]) == (3, 1, 0)


class TestMaxFailures:
    @pytest.mark.parametrize(
        ("budget", "failed"), [("0", 1), ("1", 2), ("0%", 1), ("25%", 2), ("2", 2), ("100%", 2)]
    )
    def test_the_run_stops_when_more_have_failed(
        self, healthy: TortureFleet, budget: str, failed: int
    ) -> None:
        poisoned(healthy, "clean", "first")
        answer = healthy.heal(f"--max-failures={budget}")
        fix = answer.json["fix"]
        assert fix["failed"] == failed
        stopped = budget not in ("2", "100%")
        assert bool(fix["stopped"]) is stopped
        assert fix["fixed"] == (0 if stopped else 2)
        assert healthy.last_rollout()["state"] == ("stopped" if stopped else "finished")


class TestLimits:
    def test_a_lock_is_waited_for_no_longer_than_asked(self, torture: TortureFleet) -> None:
        torture.options = {"LOCK_ATTEMPTS": 1, "LOCK_TIMEOUT_MS": 60_000}
        with torture.holding("LOCK TABLE first.stock_shelf IN ROW EXCLUSIVE MODE"):
            answer = torture.heal("--lock-timeout=50")
        assert answer.outcome("first")["sqlstate"] == "55P03"
        assert answer.outcome("first")["attempts"] == 1

    def test_a_statement_takes_no_longer_than_the_settings_allow(
        self, healthy: TortureFleet
    ) -> None:
        healthy.options = {"STATEMENT_TIMEOUT_MS": 300}
        healthy.version = version(
            healthy.folder, "quick", {"0005_slow": 'migrations.RunSQL("SELECT pg_sleep(1.5)")'}
        )
        answer = healthy.heal("--canary=first")
        assert answer.outcome("first")["sqlstate"] == "57014"
        assert "STATEMENT_TIMEOUT_MS" in answer.outcome("first")["hint"]
