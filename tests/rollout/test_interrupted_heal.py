"""Heals that are interrupted from outside, and what the next run makes of it."""

import signal

import pytest

from tenant_migrations.locks import FLEET
from tests.torture.fleet import TortureFleet

OTHERS = ("clean", "second", "third")


def assert_all_done(torture: TortureFleet) -> None:
    """Every tenant equals the one that Django migrated."""
    for name in ("first", "second", "third"):
        assert torture.structure(name) == torture.structure("clean")
        assert sorted(torture.ledger(name)) == sorted(torture.ledger("clean"))


def test_a_terminated_connection_is_replaced_and_the_tenant_tried_again(
    torture: TortureFleet,
) -> None:
    with torture.stopped_in("first") as (command, backend):
        torture.terminate(backend)
    answer = command.wait()
    assert answer.exit_code == 0, answer.stdout + answer.stderr
    assert answer.outcome("first")["state"] == "fixed"
    assert answer.outcome("first")["attempts"] == 2
    assert_all_done(torture)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_after_the_tenant_in_hand(
    torture: TortureFleet, number: signal.Signals
) -> None:
    with torture.stopped_in("first") as (command, _):
        command.signal(number)
    answer = command.wait()
    assert answer.exit_code == 1, answer.stdout + answer.stderr
    assert answer.json["fix"]["stopped"] == f"stopped by {number.name}"
    states = {name: answer.outcome(name)["state"] for name in ("first", "second", "third")}
    assert states == {"first": "fixed", "second": "not attempted", "third": "not attempted"}
    rollout = torture.last_rollout()
    assert (rollout["state"], rollout["error"]) == ("stopped", f"stopped by {number.name}")
    assert not torture.advisory_locks()
    assert torture.heal().exit_code == 0
    assert_all_done(torture)


def test_a_second_signal_ends_it_at_once_and_leaves_the_tenant_as_it_was(
    torture: TortureFleet,
) -> None:
    before = torture.lasting("first")
    with torture.stopped_in("first") as (command, _):
        command.signal(signal.SIGTERM)
        command.signal(signal.SIGINT)
        answer = command.wait()
    torture.wait_for_backends(command)
    assert answer.exit_code == 3
    assert answer.json["status"] == "error"
    assert "interrupted" in answer.stderr.splitlines()[-1]
    assert "Traceback" not in answer.stderr
    rollout = torture.last_rollout()
    assert (rollout["state"], rollout["error"]) == ("stopped", "interrupted")
    assert torture.outcomes(rollout["id"])["second"]["state"] == "not attempted"
    assert torture.lasting("first") == before
    assert not torture.advisory_locks()
    assert torture.heal().exit_code == 0
    assert_all_done(torture)


def test_of_two_heals_at_once_one_works_and_the_other_is_busy(torture: TortureFleet) -> None:
    with torture.stopped_in("first") as (command, _):
        runs = torture.value("SELECT count(*) FROM tenant_migrations_rollout")
        other = torture.heal()
        assert other.exit_code == 75
        assert "another run holds the fleet lock" in other.error_line
        assert other.json["status"] == "error"
        assert torture.value("SELECT count(*) FROM tenant_migrations_rollout") == runs
    assert command.wait().exit_code == 0
    assert_all_done(torture)


def test_a_lost_fleet_lock_is_noticed_before_anything_more_is_written(
    torture: TortureFleet,
) -> None:
    before = [torture.lasting(name) for name in ("first", "second")]
    with torture.stopped_in("first") as (command, _):
        torture.terminate(torture.advisory_lock_holder(FLEET))
    answer = command.wait()
    assert answer.exit_code == 3, answer.stdout + answer.stderr
    assert "the fleet lock was lost" in answer.stderr
    assert [torture.lasting(name) for name in ("first", "second")] == before
    assert torture.heal().exit_code == 0
    assert_all_done(torture)


def test_a_run_that_was_stopped_and_goes_on_when_others_did_its_work_does_no_harm(
    torture: TortureFleet,
) -> None:
    """While it is stopped its sessions keep the lock; a failover, say, takes them from it."""
    with torture.stopped_in("first") as (command, _):
        command.signal(signal.SIGSTOP)
        assert torture.heal().exit_code == 75
        torture.sql(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE application_name = %s",
            command.name,
        )
        torture.wait_for_backends(command)
    assert torture.heal().exit_code == 0
    assert_all_done(torture)
    before = [torture.everything(name) for name in ("first", *OTHERS)]
    command.signal(signal.SIGCONT)
    answer = command.wait()
    assert answer.exit_code == 3, answer.stdout + answer.stderr
    assert [torture.everything(name) for name in ("first", *OTHERS)] == before
    assert not torture.advisory_locks()


def test_a_tenant_created_meanwhile_is_left_for_the_next_run(torture: TortureFleet) -> None:
    with torture.stopped_in("first") as (command, _):
        torture.copy_tenant("third", "late")
        before = torture.everything("late")
    answer = command.wait()
    assert (answer.exit_code, answer.statuses()["late"]) == (1, "pending")
    assert "late" not in {one["schema_name"] for one in answer.json["fix"]["outcomes"]}
    assert torture.everything("late") == before
    assert torture.heal().exit_code == 0
    assert torture.structure("late") == torture.structure("clean")


def test_a_tenant_dropped_meanwhile_is_left_alone_and_not_made_again(
    torture: TortureFleet,
) -> None:
    with torture.stopped_in("first") as (command, _):
        torture.sql("DROP SCHEMA second CASCADE")
    answer = command.wait()
    assert answer.exit_code == 1
    assert answer.outcome("second")["state"] == "skipped"
    assert "its schema is not there any more" in answer.outcome("second")["message"]
    assert answer.status("second") == "missing"
    assert answer.outcome("third")["state"] == "fixed"
    assert torture.value("SELECT to_regnamespace('second') IS NULL")
    assert not torture.value("SELECT to_regclass('public.quick_note') IS NOT NULL")


def test_a_tenant_deleted_meanwhile_with_its_row_is_an_explicit_outcome(
    torture: TortureFleet,
) -> None:
    with torture.stopped_in("first") as (command, _):
        torture.sql("DROP SCHEMA second CASCADE")
        torture.sql("DELETE FROM customers_domain WHERE domain = 'second.localhost'")
        torture.sql("DELETE FROM customers_tenant WHERE schema_name = 'second'")
    answer = command.wait()
    assert answer.outcome("second")["state"] == "skipped"
    assert answer.outcome("third")["state"] == "fixed"
    assert answer.exit_code == 0
    assert torture.value("SELECT to_regnamespace('second') IS NULL")


def test_a_tenant_that_django_migrated_meanwhile_is_skipped(torture: TortureFleet) -> None:
    with torture.stopped_in("first") as (command, _):
        torture.migrate("second", "quick", "0002_rows")
        migrated = torture.everything("second")
    answer = command.wait()
    assert answer.exit_code == 1
    assert answer.outcome("second")["state"] == "skipped"
    assert "its ledger changed" in answer.outcome("second")["message"]
    assert answer.outcome("third")["state"] == "fixed"
    assert torture.everything("second") == migrated
    assert torture.heal().exit_code == 0
    assert_all_done(torture)


def test_a_killed_run_is_told_apart_from_one_that_stopped(torture: TortureFleet) -> None:
    with torture.stopped_in("first") as (command, backend):
        command.signal(signal.SIGKILL)
        assert command.wait().exit_code == -signal.SIGKILL
        torture.terminate(backend)
        torture.wait_for_backends(command)
    killed = torture.last_rollout()
    assert killed["state"] == "running"
    assert torture.heal().exit_code == 0
    ((state, error),) = torture.sql(
        "SELECT state, error FROM tenant_migrations_rollout WHERE id = %s", killed["id"]
    )
    assert state == "crashed"
    assert "died" in error
    states = {name: row["state"] for name, row in torture.outcomes(killed["id"]).items()}
    assert states == {"first": "crashed", "second": "not attempted", "third": "not attempted"}
