"""The gate for changes, run by its script on a repository with a change, as CI does."""

import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.answers import Answer
from tests.support.fleets import CHECKOUT, Fleet

SCRIPT = CHECKOUT / "scripts" / "ci_test_migrations.sh"
MIGRATION = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("finance", "0025_refund")]
    operations = [{operations}]
"""


class Repository:
    """The platform's code in a repository of its own, with one commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / "zumodra", folder / "zumodra", ignore=ignored)
        shutil.copy(CHECKOUT / "manage.py", folder)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", ".")
        self.commit()
        self.git("switch", "--quiet", "--create=change")

    def git(self, *arguments: str) -> None:
        name = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        subprocess.run(["git", *name, *arguments], cwd=self.folder, check=True)

    def commit(self) -> None:
        self.git("commit", "--quiet", "--all", "--message=x")

    def add_migration(self, name: str, operations: str, comment: str = "") -> None:
        path = self.folder / "zumodra" / "finance" / "migrations" / f"{name}.py"
        path.write_text(comment + MIGRATION.format(operations=operations))

    def edit_model(self, old: str, new: str) -> None:
        path = self.folder / "zumodra" / "finance" / "models.py"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "a repository")


@pytest.fixture
def gate(public_only: Fleet, repository: Repository, tmp_path: Path) -> Callable[..., Answer]:
    def run(*argv: str) -> Answer:
        env = {"PROJECT_DIR": str(repository.folder), "PYTHON": str(CHECKOUT / ".venv/bin/python")}
        done = subprocess.run(
            [SCRIPT, *argv],
            cwd=tmp_path,
            env=public_only.environment(**env),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        left = subprocess.run(
            ["git", "worktree", "list"], cwd=repository.folder, capture_output=True, check=True
        )
        assert len(left.stdout.splitlines()) == 1, "the old revision's checkout was left behind"
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


def cases(junit: Path) -> dict[str, str]:
    """Verdict and text of each case, by group and name."""
    found = {}
    for suite in ET.parse(junit).getroot():
        for case in suite:
            (child,) = [*case] or [None]  # type: ignore[list-item]
            text = "passed" if child is None else f"{child.tag}: {child.text}"
            found[f"{suite.get('name')}: {case.get('name')}"] = text
    return found


def test_a_safe_change_passes(
    repository: Repository, gate: Callable[..., Answer], tmp_path: Path
) -> None:
    repository.add_migration(
        "0026_note",
        'migrations.AddField("invoice", "note", models.TextField(null=True)),',
    )
    repository.edit_model(
        "class Invoice(models.Model):",
        "class Invoice(models.Model):\n    note = models.TextField(null=True)",
    )
    junit, python = tmp_path / "migrations.xml", shlex.quote(sys.executable)
    answer = gate("--junit=migrations.xml", f"--old-test={python} -c 'import zumodra.finance'")
    assert answer.exit_code == 0, answer.stdout + answer.stderr
    assert set(cases(junit).values()) == {"passed"}
    assert [*cases(junit)] == [
        "graph: one leaf in each app",
        "graph: every model has its migrations",
        "views: a missing table is not HTTP 500",
        "safety: finance.0026_note",
        "rollout: forward",
        "rollout: backward",
        "rollout: forward again",
        "old code: reads and writes the new schema",
        f"old code: {python} -c 'import zumodra.finance'",
    ]
    assert answer.stdout.splitlines()[-1] == "9 passed, 0 failed, 0 skipped"
    again = gate()
    assert again.exit_code == 2
    assert "the gate makes its own" in again.stderr.splitlines()[-1]


def test_an_unsafe_change_fails_with_recipes_and_a_review_lets_it_pass(
    repository: Repository, gate: Callable[..., Answer], tmp_path: Path
) -> None:
    """A required column that old code does not fill, an index that blocks, no way back."""
    repository.add_migration(
        "0026_code",
        'migrations.AddField("invoice", "code", models.IntegerField(default=1)),\n'
        'migrations.AddIndex("invoice", models.Index(fields=["issued_on"], name="by_day")),\n'
        "migrations.RunSQL('SELECT 1'),",
        comment="# reviewed: blocking-index: the tables are small\n",
    )
    junit = tmp_path / "migrations.xml"
    answer = gate("--junit=migrations.xml")
    assert answer.exit_code == 1, answer.stdout + answer.stderr
    found = cases(junit)
    assert "run manage.py makemigrations" in found["graph: every model has its migrations"]
    safety = found["safety: finance.0026_code"]
    assert "required-column: old code does not fill the new column" in safety
    assert "instead: give the field null=True or a db_default" in safety
    assert "blocking-index" not in safety
    assert found["rollout: forward"] == "passed"
    old = found["old code: reads and writes the new schema"]
    assert 'finance.Invoice: add: null value in column "code"' in old
    assert "irreversible: there is no way back but a restore" in found["rollout: backward"]
    assert "rollout: forward again" not in found


def test_migrations_that_conflict_or_were_edited_are_named(
    repository: Repository, gate: Callable[..., Answer]
) -> None:
    for name in ("0026_one", "0026_other"):
        repository.add_migration(name, "")
    answer = gate()
    assert answer.exit_code == 1
    assert "conflicting migrations (0026_one, 0026_other)" in answer.stdout


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("--base=nowhere",), "there is no revision 'nowhere' here"),
        (("--old-test",), "unknown argument"),
    ],
)
def test_wrong_use_is_2(gate: Callable[..., Answer], argv: tuple[str, ...], why: str) -> None:
    answer = gate(*argv)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert why in answer.error_line
