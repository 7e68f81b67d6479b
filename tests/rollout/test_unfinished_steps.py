"""Migrations with ``atomic = False`` that were interrupted, and what the next run makes of them."""

import signal

from tests.torture.fleet import Command, TortureFleet
from tests.torture.versions import version

CODE = """
    migrations.RunPython(
        lambda apps, editor: apps.get_model("quick", "Note").objects.update(last=1),
        migrations.RunPython.noop)
"""
OLD_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1"


def kill(fleet: TortureFleet, command: Command, backend: int) -> None:
    """End a heal and, at once, its connection."""
    command.signal(signal.SIGKILL)
    assert command.wait().exit_code == -signal.SIGKILL
    fleet.terminate(backend)
    fleet.wait_for_backends(command)


def is_valid(fleet: TortureFleet, schema: str, index: str) -> bool | None:
    """Whether an index is there and valid."""
    rows = fleet.sql(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", f"{schema}.{index}"
    )
    return rows[0][0] if rows else None


def test_an_invalid_index_of_an_interrupted_build_is_dropped_and_built_again(
    torture: TortureFleet,
) -> None:
    torture.migrate("first", "quick", "0002_rows")
    with torture.holding(OLD_SNAPSHOT):
        command = torture.start_heal("--tenant=first")
        kill(torture, command, torture.wait_until_blocked(command))
    assert is_valid(torture, "first", "quick_length") is False
    answer = torture.verify("--tenant=first")
    assert answer.exit_code == 1
    answer = torture.heal()
    assert answer.exit_code == 0, answer.stdout
    assert is_valid(torture, "first", "quick_length") is True
    assert torture.structure("first") == torture.structure("clean")


def test_a_build_whose_client_died_goes_on_and_the_next_run_does_not_meddle(
    torture: TortureFleet,
) -> None:
    torture.migrate("first", "quick", "0002_rows")
    with torture.holding(OLD_SNAPSHOT):
        command = torture.start_heal("--tenant=first")
        torture.wait_until_blocked(command)
        command.signal(signal.SIGKILL)
        assert command.wait().exit_code == -signal.SIGKILL
        answer = torture.heal("--tenant=first", "--lock-timeout=100")
        assert answer.exit_code == 1
        assert answer.outcome("first")["state"] in ("skipped", "failed")
    torture.wait_for_backends(command)
    answer = torture.heal()
    assert answer.exit_code == 0, answer.stdout
    assert torture.structure("first") == torture.structure("clean")
    assert torture.rows("first").count("INSERT") == torture.rows("clean").count("INSERT")


def test_code_interrupted_outside_a_transaction_is_quarantined_until_released(
    healthy: TortureFleet,
) -> None:
    healthy.version = version(healthy.folder, "quick", {"0005_code": CODE}, atomic=False)
    with healthy.holding("LOCK TABLE first.quick_note IN SHARE MODE"):
        command = healthy.start_heal("--canary=first")
        kill(healthy, command, healthy.wait_until_blocked(command))
    answer = healthy.heal()
    assert answer.exit_code == 1
    assert answer.outcome("first")["state"] == "failed"
    assert answer.outcome("first")["migration"] == "quick.0005_code"
    assert "nothing shows whether it is done" in answer.outcome("first")["message"]
    assert answer.statuses() == {
        "clean": "ok",
        "first": "quarantined",
        "second": "ok",
        "third": "ok",
    }
    before = healthy.everything("first")
    answer = healthy.heal()
    assert answer.exit_code == 1
    assert answer.outcome("first")["state"] == "skipped"
    assert "TM016" in answer.ids("first")
    assert "--retry-quarantined" in answer.finding("first", "TM016")["hint"]
    assert healthy.everything("first") == before
    answer = healthy.heal("--retry-quarantined")
    assert answer.exit_code == 0, answer.stdout
    assert healthy.ledger("first") == healthy.ledger("clean")
    assert healthy.sql("SELECT DISTINCT last FROM quick_note", schema="first") == [(1,)]
    assert not healthy.sql("SELECT 1 FROM tenant_migrations_stepjournal")


def test_code_that_fails_outside_a_transaction_keeps_what_is_unproven_from_running_twice(
    healthy: TortureFleet,
) -> None:
    healthy.version = version(healthy.folder, "quick", {"0005_code": CODE}, atomic=False)
    healthy.sql("ALTER TABLE quick_note RENAME COLUMN last TO latest", schema="first")
    answer = healthy.heal("--no-structure")
    assert answer.exit_code == 1
    assert answer.outcome("first")["sqlstate"] == "42703"
    assert answer.outcome("second")["state"] == "fixed"
    answer = healthy.heal("--no-structure")
    assert answer.status("first") == "quarantined"


def test_between_squashing_and_recording_there_is_no_window(torture: TortureFleet) -> None:
    """Killed before, while and after each commit, the ledger has all of a squash or none."""
    torture.sql(
        "DELETE FROM django_migrations WHERE app = 'folded' AND name ~ 'squashed'", schema="first"
    )
    before = torture.ledger("first")
    file = torture.folder / "statements"
    torture.options = {"JOBS": 1}
    torture.copy_tenant("first", "fourth")
    torture.heal("--tenant=fourth", STATEMENTS=str(file))
    statements = file.read_text().splitlines()
    commits = [i for i, text in enumerate(statements, 1) if text == "COMMIT"]
    assert len(commits) > 3
    for commit in commits:
        for when in ("before", "sent"):
            command = torture.start_heal("--tenant=first", KILL_AT=str(commit), KILL_WHEN=when)
            assert command.wait().exit_code in (-signal.SIGKILL, 0)
            torture.wait_for_backends(command)
            ledger = torture.ledger("first")
            assert len(set(ledger)) == len(ledger)
            finished = ("quick", "0004_last") in ledger
            assert (("folded", "0001_squashed_0003_size") in ledger) is finished
            assert ledger[: len(before)] == before
    assert torture.heal("--tenant=first").exit_code == 0
    assert torture.structure("first") == torture.structure("clean")
