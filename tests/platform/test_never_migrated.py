"""A database that nobody has migrated yet: commands that need its records say what to type."""

from pathlib import Path

import pytest

from tests.platform.conftest import Database

COMMANDS = (
    ["backup_database", "--dir={folder}"],
    ["rollback_migrations", "--drop-kept"],
    ["rollback_migrations", "--run=1", "--dry-run"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_it_says_what_to_type(empty_database: Database, command: list[str], tmp_path: Path) -> None:
    result = empty_database.run(*(word.format(folder=tmp_path) for word in command))
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == (
        "error: the tables of tenant_migrations are not there, or not as this code needs them: "
        "make them with manage.py verify_tenant_migrations --fix\n"
    )
    assert not [*tmp_path.glob("*.dump")]
