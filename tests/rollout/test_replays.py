"""A tenant in which a script is executed is as safe as one in which Django's operations run."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tenant_migrations.locks import FLEET, TENANT, second_key
from tests.torture.fleet import TortureFleet
from tests.torture.versions import version

UNIQUE = """
    migrations.AddConstraint(
        "shelf", models.UniqueConstraint(fields=("name",), name="stock_shelf_name"))
"""
COMMENTED = """
    migrations.RunSQL([("ALTER TABLE stock_shelf ADD note text -- why", None)])
"""
AFTER_CLEAN = ("--canary=clean", "--jobs=1")
"""What is done in it for real is a script for all others."""


@pytest.fixture
def stricter(healthy: TortureFleet) -> TortureFleet:
    """All tenants lack one migration, which can be replayed."""
    healthy.version = version(healthy.folder, "stock", {"0005_stricter": UNIQUE})
    return healthy


def is_replay(fleet: TortureFleet, backend: int) -> bool:
    """Whether a backend executes all from the mark of the tenant to the commit as one message."""
    query = fleet.value("SELECT query FROM pg_stat_activity WHERE pid = %s", backend)
    return query.startswith("BEGIN;") and "LOCK TABLE" in query


def test_a_killed_run_leaves_nothing_and_the_next_one_goes_on(stricter: TortureFleet) -> None:
    before = stricter.lasting("third")
    with stricter.stopped_in("third", *AFTER_CLEAN) as (command, backend):
        assert is_replay(stricter, backend)
        command.signal(signal.SIGKILL)
        assert command.wait().exit_code == -signal.SIGKILL
    stricter.wait_for_backends(command)
    assert stricter.lasting("third") == before
    assert stricter.heal().exit_code == 0
    assert stricter.structure("third") == stricter.structure("clean")
    states = "SELECT state FROM tenant_migrations_tenantoutcome WHERE schema_name = 'third'"
    assert ("crashed",) in stricter.sql(states)


def test_a_lost_fleet_lock_is_noticed_before_the_commit(stricter: TortureFleet) -> None:
    before = stricter.lasting("third")
    with stricter.stopped_in("third", *AFTER_CLEAN) as (command, backend):
        assert is_replay(stricter, backend)
        stricter.terminate(stricter.advisory_lock_holder(FLEET))
    answer = command.wait()
    assert answer.exit_code == 3, answer.stdout + answer.stderr
    assert "the fleet lock was lost" in answer.stderr
    assert stricter.lasting("third") == before


def test_a_lost_connection_is_tried_again(stricter: TortureFleet) -> None:
    with stricter.stopped_in("third", *AFTER_CLEAN) as (command, backend):
        assert is_replay(stricter, backend)
        stricter.terminate(backend)
    answer = command.wait()
    assert answer.exit_code == 0, answer.stdout + answer.stderr
    assert answer.outcome("third")["attempts"] == 2
    assert stricter.structure("third") == stricter.structure("clean")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_second_signal_ends_it_at_once_and_leaves_the_tenant_as_it_was(
    stricter: TortureFleet, jobs: int
) -> None:
    """The statement that the server is at is cancelled; nothing after it is executed."""
    before = stricter.lasting("third")
    with stricter.stopped_in("third", "--canary=clean", f"--jobs={jobs}") as (command, backend):
        assert is_replay(stricter, backend)
        command.signal(signal.SIGTERM)
        command.signal(signal.SIGINT)
        answer = command.wait()
    stricter.wait_for_backends(command)
    assert answer.exit_code == 3
    assert "interrupted" in answer.stderr.splitlines()[-1]
    assert stricter.lasting("third") == before
    assert not stricter.advisory_locks()
    assert stricter.heal().exit_code == 0


def test_a_tenant_in_other_hands_is_skipped(stricter: TortureFleet) -> None:
    before = stricter.lasting("third")
    with stricter.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", (TENANT, second_key("third")))
        answer = stricter.heal(*AFTER_CLEAN)
    assert answer.outcome("third")["state"] == "skipped"
    assert answer.outcome("third")["message"] == "another run is working on it"
    assert answer.outcome("second")["state"] == "fixed"
    assert stricter.lasting("third") == before


def test_what_fails_is_named_and_leaves_the_tenant_as_it_was(stricter: TortureFleet) -> None:
    stricter.sql("INSERT INTO stock_shelf (name) VALUES ('Twice'), ('Twice')", schema="third")
    before = stricter.lasting("third")
    answer = stricter.heal(*AFTER_CLEAN)
    outcome = answer.outcome("third")
    assert (outcome["state"], outcome["sqlstate"]) == ("failed", "23505")
    assert (outcome["migration"], outcome["applied"]) == ("stock.0005_stricter", [])
    assert answer.outcome("second")["state"] == "fixed"
    assert stricter.lasting("third") == before


def test_the_migration_that_fails_is_named_though_others_came_before(healthy: TortureFleet) -> None:
    healthy.version = version(
        healthy.folder,
        "stock",
        {"0005_commented": COMMENTED, "0006_stricter": UNIQUE, "0007_empty": ""},
    )
    healthy.sql("INSERT INTO stock_shelf (name) VALUES ('Twice'), ('Twice')", schema="third")
    before = healthy.lasting("third")
    answer = healthy.heal(*AFTER_CLEAN)
    outcome = answer.outcome("third")
    assert (outcome["state"], outcome["migration"]) == ("failed", "stock.0006_stricter")
    assert outcome["applied"] == []
    assert healthy.lasting("third") == before
    assert answer.outcome("second")["applied"] == [
        "stock.0005_commented",
        "stock.0006_stricter",
        "stock.0007_empty",
    ]
    assert healthy.structure("second") == healthy.structure("clean")


@pytest.mark.parametrize("moment", ["before", "sent", "after"])
def test_whenever_a_run_ends_the_tenant_is_through_or_as_it_was(
    stricter: TortureFleet,
    torture_on: Callable[[TortureFleet], TortureFleet],
    tmp_path: Path,
    moment: str,
) -> None:
    """All that is done to a tenant is one message: killed before it is sent, while nobody waits
    for its answer, and after the answer."""
    counted = torture_on(stricter)
    counted.version = stricter.version
    file = tmp_path / "statements"
    assert counted.heal(*AFTER_CLEAN, STATEMENTS=str(file)).exit_code == 0
    messages = [
        number
        for number, text in enumerate(file.read_text().splitlines(), 1)
        if '"third".django_migrations' in text and text.endswith("COMMIT")
    ]
    assert len(messages) == 1
    before = stricter.lasting("third")
    command = stricter.start_heal(*AFTER_CLEAN, KILL_AT=str(messages[0]), KILL_WHEN=moment)
    assert command.wait().exit_code == -signal.SIGKILL
    stricter.wait_for_backends(command)
    through = stricter.structure("third") == stricter.structure("clean")
    assert through or stricter.lasting("third") == before
    assert through is (("stock", "0005_stricter") in stricter.ledger("third"))
    if moment != "sent":
        assert through is (moment != "before")
    assert stricter.heal().exit_code == 0
    assert stricter.structure("third") == stricter.structure("clean")
    assert not stricter.advisory_locks()
