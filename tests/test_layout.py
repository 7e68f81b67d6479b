"""The layout keeps its promises: imports go downwards, the app stands alone, words are closed."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.core.management import get_commands

from tenant_migrations import conf, vocabulary

CHECKOUT = Path(__file__).resolve().parents[1]
APP = CHECKOUT / "src" / "tenant_migrations"
SOURCES = [*APP.rglob("*.py"), *(CHECKOUT / "zumodra").rglob("*.py"), CHECKOUT / "manage.py"]


def test_imports_go_downwards() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    finished = subprocess.run(
        [lint, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout


def test_the_app_is_typed() -> None:
    assert (APP / "py.typed").exists()


def test_the_app_never_names_the_platform() -> None:
    named = [p.name for p in APP.rglob("*.py") if "zumodra" in p.read_text()]
    assert named == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_nothing_is_left_to_do() -> None:
    unfinished = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")
    assert [p.name for p in SOURCES if unfinished.search(p.read_text())] == []


def test_only_one_module_reads_the_settings_of_the_app() -> None:
    readers = [p.name for p in APP.rglob("*.py") if "settings.TENANT_MIGRATIONS" in p.read_text()]
    assert set(readers) <= {"conf.py"}
    assert conf.SETTING == "TENANT_MIGRATIONS"


def test_commands_carry_the_agreed_names() -> None:
    assert get_commands()["verify_tenant_migrations"] == "tenant_migrations"


def test_exit_codes_are_the_agreed_ones() -> None:
    assert {code.name: code.value for code in vocabulary.ExitCode} == {
        "CLEAN": 0,
        "FINDINGS": 1,
        "WRONG_USE": 2,
        "COULD_NOT_ASK": 3,
        "BUSY": 75,
    }


def test_statuses_are_the_agreed_ones() -> None:
    assert {status.value for status in vocabulary.TenantStatus} == {
        "ok",
        "pending",
        "ahead",
        "drifted",
        "inconsistent",
        "missing",
        "quarantined",
        "unknown",
    }


def test_finding_ids_have_one_form() -> None:
    assert all(re.fullmatch(r"TM\d{3}", kind.value) for kind in vocabulary.FindingKind)


def test_the_distribution_carries_the_agreed_name_and_extras() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert project["name"] == "django-tenant-migrations"
    assert {"alerts", "celery"} <= set(project["optional-dependencies"])


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_are_hashed_and_name_no_host(lock: str) -> None:
    text = (CHECKOUT / lock).read_text()
    assert "--hash=sha256:" in text
    assert "://" not in text
    assert "--index-url" not in text


def test_exceptions_are_in_the_tree_that_their_module_draws() -> None:
    from tenant_migrations import exceptions

    drawn = re.findall(r"── (\w+)", exceptions.__doc__ or "")
    defined = {
        name
        for name, value in vars(exceptions).items()
        if isinstance(value, type) and issubclass(value, exceptions.TenantMigrationsError)
    }
    assert {*drawn, "TenantMigrationsError"} == defined


def test_migrations_are_complete() -> None:
    """No model differs from its migrations."""
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None)
    found = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    assert found.changes(graph=loader.graph) == {}
