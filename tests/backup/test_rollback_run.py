"""`rollback_migrations --run`: exactly what one rollout did, and nothing else."""

from pathlib import Path
from typing import Any

from tests.support.answers import Answer
from tests.support.code import code_with
from tests.support.fleets import Fleet

ADDED = {"0901_more": "AddField('plan', 'extra', models.IntegerField(null=True))"}


def heal(fleet: Fleet, *argv: str) -> str:
    """A heal; the number of its rollout."""
    answer = fleet.verify("--fix", "--json", *argv)
    assert answer.json["fix"]["failed"] == 0, answer.stdout
    return str(answer.json["fix"]["rollout"])


def undo(fleet: Fleet, run: str, *argv: str) -> Answer:
    """Undo it, agreed to."""
    return fleet.command("rollback_migrations", f"--run={run}", "--force", *argv)


def test_each_tenant_that_it_changed_is_as_before(fleet: Fleet) -> None:
    before = fleet.dump("alpha"), fleet.ledger("alpha")
    with code_with("finance", ADDED):
        heal(fleet, "--tenant=delta")
        run = heal(fleet)
        later = fleet.dump("delta")
        answer = undo(fleet, run)
        assert answer.exit_code == 0, answer.stderr
        assert "3 tenants and public taken back" in answer.stdout
        assert fleet.verify("--json").statuses() == {
            "alpha": "pending", "beta": "pending", "gamma": "pending", "delta": "ok",
        }  # fmt: skip
        assert "nothing is left" in undo(fleet, run).stdout
    assert (fleet.dump("alpha"), fleet.ledger("alpha")) == before
    assert fleet.dump("delta") == later


def test_what_came_later_is_in_the_way(fleet: Fleet) -> None:
    with code_with("finance", ADDED):
        run = heal(fleet)
    more = {"0902_still": "AddField('plan', 'still', models.IntegerField(null=True))"}
    with code_with("finance", ADDED | more):
        heal(fleet, "--tenant=beta")
        before = fleet.dump_all(records=False)
        answer = undo(fleet, run)
        assert answer.exit_code == 1
        assert "the ledger of beta changed since" in answer.error_line
        assert fleet.dump_all(records=False) == before
        assert undo(fleet, run, "--tenant=gamma").exit_code == 0


def test_from_the_backup_that_it_made(fleet: Fleet, tmp_path: Path, settings: Any) -> None:
    settings.TENANT_MIGRATIONS = settings.TENANT_MIGRATIONS | {"BACKUP_DIR": str(tmp_path / "b")}
    fleet.remove_others(keep=("alpha", "beta"))
    content = fleet.content("alpha"), fleet.content("beta")
    with code_with("finance", {"0901_wipe": "RunSQL('DELETE FROM finance_refund')"}):
        run = heal(fleet, "--backup")
        assert fleet.counts("alpha")["finance_refund"] == 0
        answer = undo(fleet, run)
        assert answer.exit_code == 1
        assert "add --from-backup" in answer.error_line
        answer = undo(fleet, run, "--from-backup")
        assert answer.exit_code == 0, answer.stderr
        assert (fleet.content("alpha"), fleet.content("beta")) == content


def test_a_run_without_a_backup_says_so(fleet: Fleet) -> None:
    with code_with("finance", ADDED):
        run = heal(fleet)
        answer = undo(fleet, run, "--from-backup")
    assert answer.exit_code == 1
    assert "made no backup" in answer.error_line


def test_an_unknown_run_is_wrong_use(fleet: Fleet) -> None:
    assert undo(fleet, "99").exit_code == 2
