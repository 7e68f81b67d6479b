"""`rollback_migrations BACKUP`: the whole database, by name, in one moment."""

from pathlib import Path

import pytest

from tests.backup.conftest import backup, path_of, without_casts
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


@pytest.mark.parametrize("options", [("--per-tenant",), ("--format=directory",)])
def test_the_database_from_a_folder(fleet: Fleet, tmp_path: Path, options: tuple[str, ...]) -> None:
    fleet.take_back("alpha", "finance", "0024")
    path = path_of(backup(fleet, tmp_path / "made", *options))
    before = without_casts(fleet.dump_all(records=False))
    fleet.drop_schema("beta")
    fleet.sql("DELETE FROM finance_invoiceline", schema="alpha")
    line = ("rollback_migrations", str(path), "--force", "--no-safety-backup")
    answer = fleet.manage(*line)
    assert answer.exit_code == 0, answer.stderr
    told = "the code is further than 1 schema of it: manage.py verify_tenant_migrations --fix"
    assert answer.stdout.splitlines()[-1] == told
    assert without_casts(fleet.dump_all(records=False)) == before
    assert fleet.manage("rollback_migrations", "--drop-kept").exit_code == 0


def test_the_database_is_brought_to_the_code(fleet: Fleet, tmp_path: Path) -> None:
    fleet.take_back("alpha", "finance", "0024")
    path = path_of(backup(fleet, tmp_path / "made"))
    line = ("rollback_migrations", str(path), "--force", "--no-safety-backup")
    answer = fleet.manage(*line, "--migrate-forward")
    assert answer.exit_code == 0, answer.stderr
    assert "alpha: fixed (finance.0025_refund)" in answer.stdout
    assert fleet.manage("verify_tenant_migrations").exit_code == 0
    assert fleet.manage("rollback_migrations", "--drop-kept").exit_code == 0


DANGLING = """
    CREATE TABLE public.moment (id int PRIMARY KEY);
    CREATE TABLE alpha.later (moment int REFERENCES public.moment);
    SET session_replication_role = replica;
    INSERT INTO alpha.later VALUES (1);
"""


@pytest.mark.parametrize(
    ("options", "statement", "said"),
    [
        (("--tenant=alpha",), "", "it lacks the schema public; restore its tenants one by one"),
        (("--per-tenant",), "SELECT lo_create(0)", "it lacks 1 large object; restore"),
        (("--per-tenant",), "CREATE PUBLICATION p", "it lacks publication p; restore"),
        (("--per-tenant",), DANGLING, "do not go together (pg_restore: could not execute query: "),
    ],
)
def test_what_does_not_make_a_database_is_refused(
    fleet: Fleet, tmp_path: Path, options: tuple[str, ...], statement: str, said: str
) -> None:
    if statement:
        fleet.sql(statement)
    path = path_of(backup(fleet, tmp_path / "made", *options))
    before = fleet.dump_all(records=False)
    answer = fleet.command("rollback_migrations", str(path), "--force", "--no-safety-backup")
    assert answer.exit_code == 1
    assert said in answer.error_line
    assert "--tenant=NAME" in answer.error_line
    assert fleet.dump_all(records=False) == before


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
