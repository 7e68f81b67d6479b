"""``--reconcile`` records exactly what the structure proves, and never a data migration."""

import pytest

from tests.torture.fleet import TortureFleet, names


def forget(fleet: TortureFleet, *labels: str) -> None:
    """Delete rows from the ledger of `first`; what the migrations made stays."""
    for text in labels:
        app, name = text.split(".")
        rows = fleet.sql(
            "DELETE FROM django_migrations WHERE (app, name) = (%s, %s) RETURNING id",
            app,
            name,
            schema="first",
        )
        assert rows, text


@pytest.mark.parametrize(
    "forgotten",
    [
        ("quick.0004_last",),
        ("quick.0003_by_steps", "quick.0004_last"),
        ("folded.0004_height",),
        ("stock.0004_reason", "quick.0004_last"),
    ],
    ids=" ".join,
)
def test_what_is_proven_is_recorded(healthy: TortureFleet, forgotten: tuple[str, ...]) -> None:
    forget(healthy, *forgotten)
    before = healthy.everything("first")
    assert "TM007" in healthy.verify().ids("first")
    answer = healthy.heal()
    assert answer.outcome("first")["state"] == "skipped"
    assert healthy.everything("first") == before
    structure = healthy.structure("first")
    answer = healthy.heal("--reconcile")
    assert answer.exit_code == 0, answer.stdout
    assert answer.outcome("first")["applied"] == list(forgotten)
    assert names(healthy.ledger("first"))[-len(forgotten) :] == list(forgotten)
    assert set(healthy.ledger("first")) == set(healthy.ledger("clean"))
    assert healthy.structure("first") == structure


def test_what_is_proven_is_recorded_and_the_rest_applied(healthy: TortureFleet) -> None:
    forget(healthy, "quick.0003_by_steps", "quick.0004_last")
    healthy.sql("ALTER TABLE quick_note DROP COLUMN last", schema="first")
    answer = healthy.heal("--reconcile")
    assert answer.exit_code == 0, answer.stdout
    assert answer.outcome("first")["applied"] == ["quick.0003_by_steps", "quick.0004_last"]
    assert healthy.structure("first") == healthy.structure("clean")


@pytest.mark.parametrize(
    "forgotten",
    [
        ("quick.0002_rows", "quick.0003_by_steps", "quick.0004_last"),
        ("shop.0014_by_hand",),
        ("shop.0013_separate",),
        ("shop.0016_between",),
        ("shop.0005_first_rows",),
    ],
    ids=" ".join,
)
def test_a_data_migration_is_never_recorded(
    healthy: TortureFleet, forgotten: tuple[str, ...]
) -> None:
    """Nor run a second time where later migrations are recorded."""
    forget(healthy, *forgotten)
    before = healthy.lasting("first")
    answer = healthy.heal("--reconcile")
    assert answer.exit_code == 1, answer.stdout
    assert answer.outcome("first")["state"] == "skipped"
    assert answer.status("first") == "inconsistent"
    assert healthy.lasting("first") == before


def test_what_is_only_partly_there_is_not_recorded(healthy: TortureFleet) -> None:
    forget(healthy, "quick.0003_by_steps", "quick.0004_last")
    healthy.sql("DROP INDEX quick_kind", schema="first")
    before = healthy.lasting("first")
    answer = healthy.heal("--reconcile")
    assert answer.exit_code == 1
    assert ("quick", "0003_by_steps") not in healthy.ledger("first")
    assert healthy.lasting("first") == before


def test_a_faked_migration_is_never_unrecorded(healthy: TortureFleet) -> None:
    """Healing makes what is absent; the ledger keeps what it says."""
    healthy.sql("ALTER TABLE quick_note DROP COLUMN last", schema="first")
    ledger = healthy.ledger("first")
    assert "TM132" in healthy.verify().ids("first")
    answer = healthy.heal("--reconcile")
    assert answer.exit_code == 0, answer.stdout
    assert healthy.ledger("first") == ledger


def test_a_squash_recorded_without_what_it_replaces_is_completed(healthy: TortureFleet) -> None:
    """Django takes it for unapplied then, and fails on the tables that are there."""
    forget(healthy, "folded.0001_initial", "folded.0002_colour", "folded.0003_size")
    before = healthy.everything("first")
    answer = healthy.heal()
    assert answer.status("first") == "inconsistent"
    assert answer.outcome("first")["state"] == "skipped"
    assert healthy.everything("first") == before
    answer = healthy.heal("--reconcile")
    assert answer.exit_code == 0, answer.stdout
    assert sorted(healthy.ledger("first")) == sorted(healthy.ledger("clean"))
    assert healthy.structure("first") == healthy.structure("clean")
