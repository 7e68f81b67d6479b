"""`rollback_migrations BACKUP`: the whole database, by name, in one moment."""

from pathlib import Path

import pytest

from tests.backup.conftest import backup, path_of
from tests.support.fleets import Fleet


def test_the_database_is_as_in_the_backup_and_the_old_one_kept(
    fleet: Fleet, tmp_path: Path
) -> None:
    fleet.sql(f"ALTER DATABASE \"{fleet.database.name}\" SET work_mem = '5MB'")
    folder = tmp_path / "made"
    path = path_of(backup(fleet, folder))
    content = {name: fleet.content(name) for name in ("alpha", "beta")}
    later = path_of(backup(fleet, folder, "--tenant=alpha"))
    fleet.drop_schema("beta")
    fleet.sql("DELETE FROM finance_refund", schema="alpha")
    fleet.add_tenant("newer")
    idle = fleet.connect()
    answer = fleet.manage("rollback_migrations", str(path), "--force", "--json")
    assert answer.exit_code == 0, answer.stderr
    idle.close()
    assert {name: fleet.content(name) for name in content} == content
    assert "newer" not in [n for (n,) in fleet.rows("SELECT schema_name FROM tenants_tenant")]
    assert fleet.value("SHOW work_mem") == "5MB"
    known = [name for (name,) in fleet.rows("SELECT name FROM tenant_migrations_backup")]
    assert {path.stem, later.stem} < set(known)
    assert fleet.rows("SELECT scope, state FROM tenant_migrations_rollback") == [
        ("database", "done")
    ]
    assert fleet.manage("verify_tenant_migrations").exit_code == 0
    kept = answer.json["kept"]
    assert fleet.rows("SELECT 1 FROM pg_database WHERE datname = %s", kept)
    dropped = fleet.manage("rollback_migrations", "--drop-kept", "--json")
    assert dropped.json["dropped"] == [kept]
    assert not fleet.rows("SELECT 1 FROM pg_database WHERE datname = %s", kept)


def test_what_is_new_is_told_before(fleet: Fleet, tmp_path: Path) -> None:
    path = path_of(backup(fleet, tmp_path / "made"))
    fleet.add_tenant("newer")
    answer = fleet.command("rollback_migrations", str(path), "--dry-run")
    assert answer.exit_code == 0
    assert "made since and not in it: newer" in answer.stdout


@pytest.mark.parametrize("options", [("--tenant=alpha",), ("--per-tenant",)])
def test_only_a_backup_of_everything_will_do(
    fleet: Fleet, tmp_path: Path, options: tuple[str, ...]
) -> None:
    path = path_of(backup(fleet, tmp_path / "made", *options))
    answer = fleet.command("rollback_migrations", str(path), "--force")
    assert answer.exit_code == 1
    assert "does not hold the whole database" in answer.error_line


def test_a_rehearsal_measures_and_is_on_record(fleet: Fleet, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    path = path_of(backup(fleet, folder))
    backup(fleet, folder, "--tenant=alpha")
    answer = fleet.command("rollback_migrations", "--rehearse", f"--dir={folder}", "--json")
    assert answer.exit_code == 0, answer.stderr
    assert answer.json["path"] == str(path)
    assert answer.json["restore_seconds"] > 0
    assert fleet.rows(
        "SELECT name FROM tenant_migrations_backup WHERE rehearsed_at IS NOT NULL"
    ) == [(path.stem,)]
