"""The scripts: settings from the environment, one line for what is wrong, the path at the end."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.backup.conftest import BackedUp
from tests.support.fleets import CHECKOUT, Fleet


def script(
    fleet: Fleet, tmp_path: Path, name: str, *argv: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a script from another directory."""
    folders = {"BACKUP_DIR": tmp_path / "made", "LOG_DIR": tmp_path / "log", "LOCK_DIR": tmp_path}
    settings = {key: str(path) for key, path in folders.items()} | environment
    return subprocess.run(
        [CHECKOUT / "scripts" / name, *argv],
        cwd=tmp_path,
        env=os.environ | fleet.environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_there_and_back(fleet: Fleet, tmp_path: Path) -> None:
    done = script(fleet, tmp_path, "backup_database.sh", "--tenant=alpha")
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.splitlines()[-1])
    assert path.parent == tmp_path / "made"
    content = fleet.content("alpha")
    fleet.sql("DELETE FROM finance_refund", schema="alpha")
    relative = str(path.relative_to(tmp_path))
    options = ("--tenant=alpha", "--force", "--no-safety-backup")
    done = script(fleet, tmp_path, "rollback_migrations.sh", relative, *options)
    assert done.returncode == 0, done.stderr
    assert fleet.content("alpha") == content
    assert "event=rollback_ended" in (tmp_path / "log" / "rollback.log").read_text()


@pytest.mark.parametrize(
    ("name", "argv"),
    [
        ("backup_database.sh", ["--bogus"]),
        ("backup_database.sh", ["alpha"]),
        ("rollback_migrations.sh", []),
        ("rollback_migrations.sh", [""]),
        ("rollback_migrations.sh", ["--bogus"]),
        ("rollback_migrations.sh", ["x.dump", "--tenant"]),
        ("rollback_migrations.sh", ["x.dump", "y.dump"]),
    ],
)
def test_wrong_arguments_are_one_line(
    backed_up: BackedUp, tmp_path: Path, name: str, argv: list[str]
) -> None:
    done = script(backed_up.fleet, tmp_path, name, *argv)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{name}: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "environment",
    [
        {"RETENTION_DAYS": ""},
        {"RETENTION_DAYS": "7 -o -name x"},
        {"BACKUP_DIR": ""},
        {"BACKUP_DIR": "relative"},
    ],
)
def test_wrong_settings_are_one_line(
    backed_up: BackedUp, tmp_path: Path, environment: dict[str, str]
) -> None:
    done = script(backed_up.fleet, tmp_path, "backup_database.sh", **environment)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
