"""Tenants that can't be healed now cost the others nothing, and are named with the reason."""

import threading
import time
from itertools import pairwise

import pytest

from tests.torture.fleet import TortureFleet
from tests.torture.versions import version
from tests.torture.waiting import until

UNIQUE = """
    migrations.AddConstraint(
        "shelf", models.UniqueConstraint(fields=("name",), name="stock_shelf_name"))
"""
CHECKED = """
    migrations.AddConstraint(
        "shelf", models.CheckConstraint(condition=~models.Q(name="Top"), name="stock_no_top"))
"""
GATE = 42
CROSSING = f"""
    migrations.RunSQL([
        "UPDATE public.customers_tenant SET name = name WHERE schema_name = current_schema()",
        "SELECT pg_advisory_xact_lock_shared({GATE}) WHERE current_schema() IN ('second', 'third')",
        "ALTER TABLE stock_shelf ADD COLUMN owner bigint REFERENCES public.customers_tenant",
    ])
"""
"""Once two tenants have both written to public's table, each waits for the other at the end."""
NOT_NULL = """
    migrations.AlterField(
        "movement", "product", models.ForeignKey("shop.Product", models.CASCADE))
"""


@pytest.mark.parametrize(
    ("operation", "poison", "sqlstate", "hint"),
    [
        (UNIQUE, "INSERT INTO stock_shelf (name) VALUES ('Top')", "23505", "unique constraint"),
        (
            NOT_NULL,
            "INSERT INTO stock_movement (count, shelf_id, reason)"
            " SELECT 1, id, '' FROM stock_shelf",
            "23502",
            "lack a value",
        ),
    ],
)
def test_a_poison_tenant_is_named_and_all_others_are_healed(
    torture: TortureFleet, operation: str, poison: str, sqlstate: str, hint: str
) -> None:
    torture.sql(poison, schema="clean")
    torture.version = version(torture.folder, "stock", {"0005_stricter": operation})
    before = torture.lasting("clean")
    answer = torture.heal()
    assert answer.exit_code == 1
    outcome = answer.outcome("clean")
    assert outcome["state"] == "failed"
    assert outcome["migration"] == "stock.0005_stricter"
    assert outcome["sqlstate"] == sqlstate
    assert hint in outcome["hint"]
    assert "--tenant=clean" in outcome["hint"]
    assert outcome["attempts"] == 1
    assert outcome["applied"] == []
    assert torture.lasting("clean") == before
    fix = answer.json["fix"]
    assert (fix["fixed"], fix["failed"], fix["skipped"]) == (3, 1, 0)
    assert answer.statuses() == {
        "clean": "pending",
        "first": "ok",
        "second": "ok",
        "third": "ok",
    }


def test_a_migration_that_fails_alike_in_three_tenants_stops_the_run(
    healthy: TortureFleet,
) -> None:
    names = ("clean", "first", "second", "third")
    healthy.version = version(healthy.folder, "stock", {"0005_stricter": CHECKED})
    before = [healthy.lasting(name) for name in names]
    answer = healthy.heal()
    assert answer.exit_code == 1
    states = [answer.outcome(name)["state"] for name in names]
    assert states == ["failed", "failed", "failed", "not attempted"]
    assert "3 tenants failed alike in stock.0005_stricter" in answer.json["fix"]["stopped"]
    assert [healthy.lasting(name) for name in names] == before


def test_with_a_budget_given_every_tenant_is_tried_named_and_left_without_a_trace(
    healthy: TortureFleet,
) -> None:
    names = ("clean", "first", "second", "third")
    healthy.version = version(healthy.folder, "stock", {"0005_stricter": CHECKED})
    before = [healthy.lasting(name) for name in names]
    answer = healthy.heal("--max-failures=100%")
    assert answer.exit_code == 1
    assert {answer.outcome(name)["state"] for name in names} == {"failed"}
    assert {answer.outcome(name)["sqlstate"] for name in names} == {"23514"}
    assert [healthy.lasting(name) for name in names] == before


def test_a_tenant_that_fails_in_three_rollouts_in_a_row_is_left_alone(
    healthy: TortureFleet,
) -> None:
    wider = 'migrations.AddField("shelf", "wide", models.IntegerField(null=True))'
    healthy.version = version(healthy.folder, "stock", {"0005_wider": wider})
    healthy.options = {"LOCK_ATTEMPTS": 1}
    with healthy.holding("SELECT * FROM first.stock_shelf"):
        statuses = [healthy.heal("--lock-timeout=50").status("first") for _ in range(3)]
    assert statuses == ["pending", "pending", "quarantined"]
    left = healthy.heal()
    assert left.outcome("first")["message"] == "it is in quarantine"
    (finding,) = [f for f in left.tenant("first")["findings"] if f["id"] == "TM016"]
    assert "3 rollouts in a row failed" in finding["message"]
    assert healthy.heal("--retry-quarantined").exit_code == 0
    assert healthy.structure("first") == healthy.structure("second")


def test_a_broken_migration_stops_at_the_canary_and_touches_nobody_else(
    healthy: TortureFleet,
) -> None:
    healthy.version = version(
        healthy.folder, "stock", {"0005_broken": 'migrations.RunSQL("SELECT nonsense")'}
    )
    before = [healthy.lasting(name) for name in ("clean", "first", "second", "third")]
    answer = healthy.heal("--canary=second")
    assert answer.exit_code == 1
    assert answer.outcome("second")["state"] == "failed"
    assert answer.outcome("second")["migration"] == "stock.0005_broken"
    assert answer.outcome("second")["sqlstate"] == "42703"
    assert {answer.outcome(name)["state"] for name in ("clean", "first", "third")} == {
        "not attempted"
    }
    assert "canary second failed" in answer.json["fix"]["stopped"]
    after = [healthy.lasting(name) for name in ("clean", "first", "second", "third")]
    assert after == before
    assert healthy.last_rollout()["state"] == "stopped"


def test_a_long_reader_costs_its_tenant_the_heal_and_the_others_nothing(
    healthy: TortureFleet,
) -> None:
    with healthy.holding("SELECT * FROM first.stock_shelf"):
        healthy.version = version(
            healthy.folder,
            "stock",
            {"0005_wider": 'migrations.AddField("shelf", "wide", models.IntegerField(null=True))'},
        )
        answer = healthy.heal("--lock-timeout=200")
    assert answer.exit_code == 1
    outcome = answer.outcome("first")
    assert outcome["state"] == "failed"
    assert outcome["sqlstate"] == "55P03"
    assert outcome["migration"] == "stock.0005_wider"
    assert outcome["attempts"] == 3
    assert "pg_stat_activity" in outcome["hint"]
    assert answer.statuses() == {"clean": "ok", "first": "pending", "second": "ok", "third": "ok"}
    assert healthy.heal().exit_code == 0


def test_readers_behind_a_waiting_migration_stall_no_longer_than_the_lock_timeout(
    healthy: TortureFleet,
) -> None:
    lock_timeout = 0.4
    finished = threading.Event()
    moments: list[float] = []

    def read() -> None:
        with healthy.connect() as raw:
            while not finished.is_set():
                moments.append(time.monotonic())
                raw.execute("SELECT count(*) FROM first.stock_shelf")
            moments.append(time.monotonic())

    healthy.version = version(
        healthy.folder,
        "stock",
        {"0005_wider": 'migrations.AddField("shelf", "wide", models.IntegerField(null=True))'},
    )
    healthy.run("migrate_schemas", "--shared", "-v0")
    healthy.verify()  # Builds the reference, so that the heal has the processors to itself.
    with healthy.holding("SELECT * FROM first.stock_shelf"):
        reader = threading.Thread(target=read)
        reader.start()
        answer = healthy.heal(f"--lock-timeout={lock_timeout * 1000:.0f}", "--tenant=first")
        finished.set()
        reader.join()
    assert answer.outcome("first")["sqlstate"] == "55P03"
    stalls = sorted(later - earlier for earlier, later in pairwise(moments))[-3:]
    assert stalls[0] > lock_timeout / 2, "each of the three attempts stalls a reader"
    assert stalls[-1] < 2 * lock_timeout


def test_a_session_idle_in_its_transaction_costs_its_tenant_the_heal_only(
    torture: TortureFleet,
) -> None:
    with torture.holding("UPDATE second.stock_shelf SET name = name"):
        answer = torture.heal("--lock-timeout=100")
        assert answer.exit_code == 1
        assert answer.outcome("second")["state"] == "failed"
        assert answer.outcome("second")["sqlstate"] == "55P03"
        assert answer.statuses() == {
            "clean": "ok",
            "first": "ok",
            "second": "pending",
            "third": "ok",
        }
    assert torture.heal().exit_code == 0


def test_of_two_tenants_that_deadlock_over_a_table_of_publics_one_is_tried_again(
    healthy: TortureFleet,
) -> None:
    healthy.version = version(healthy.folder, "stock", {"0005_crossing": CROSSING})
    with healthy.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(%s)", (GATE,))
        canaries = ("--canary=first", "--canary=clean")
        command = healthy.start_heal(*canaries, "--jobs=2", "--lock-timeout=20000")
        at_the_gate = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = %s AND wait_event = 'advisory'"
        )
        until(lambda: healthy.value(at_the_gate, command.name) == 2, "both are at the gate")
    answer = command.wait()
    assert answer.exit_code == 0, answer.stdout + answer.stderr
    assert sorted(answer.outcome(name)["attempts"] for name in ("second", "third")) == [1, 2]
    assert len({healthy.structure(name) for name in ("clean", "first", "second", "third")}) == 1


def test_a_lock_let_go_between_attempts_is_no_failure(torture: TortureFleet) -> None:
    with torture.holding("LOCK TABLE first.stock_shelf IN ROW EXCLUSIVE MODE"):
        command = torture.start_heal("--lock-timeout=300")
        torture.wait_until_blocked(command)
        torture.wait_for_outcome("first", "failed")
    answer = command.wait()
    assert answer.exit_code == 0, answer.stdout
    assert answer.outcome("first")["state"] == "fixed"
    assert answer.outcome("first")["attempts"] > 1
    assert answer.outcome("first")["sqlstate"] is None
    assert torture.structure("first") == torture.structure("clean")


def test_what_was_applied_before_a_retry_stays_on_record(torture: TortureFleet) -> None:
    """The transaction before the migration by steps committed; only the rest is tried again."""
    torture.migrate("first", "quick", "0001_initial")
    with torture.holding("LOCK TABLE first.quick_note IN ACCESS SHARE MODE"):
        command = torture.start_heal("--lock-timeout=300", "--tenant=first")
        torture.wait_until_blocked(command)
    answer = command.wait()
    assert answer.exit_code == 0, answer.stdout
    applied = answer.outcome("first")["applied"]
    assert [name for name in applied if name.startswith("quick")] == [
        "quick.0002_rows",
        "quick.0003_by_steps",
        "quick.0004_last",
    ]


def test_a_tenant_in_other_hands_is_skipped(torture: TortureFleet) -> None:
    from tenant_migrations.locks import TENANT, second_key

    before = torture.lasting("first")
    with torture.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", (TENANT, second_key("first")))
        answer = torture.heal()
    assert answer.exit_code == 1
    assert answer.outcome("first")["state"] == "skipped"
    assert "another run" in answer.outcome("first")["message"]
    assert torture.lasting("first") == before
    assert answer.outcome("second")["state"] == "fixed"
