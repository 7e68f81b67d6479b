"""Fleets with backups, made once for the tests that only read them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType

from tests.support.answers import Answer
from tests.support.fleets import Fleet
from tests.support.runs import Run
from tests.support.servers import Server
from tests.support.templates import django_on, template_fleet


def backup(fleet: Fleet, folder: Path, *argv: str) -> Answer:
    """`backup_database` into a folder."""
    return fleet.command("backup_database", f"--dir={folder}", *argv)


def path_of(answer: Answer) -> Path:
    """The backup that was made: the last line of standard output."""
    assert answer.exit_code == 0, answer.stderr
    return Path(answer.stdout.splitlines()[-1])


def manifest_of(path: Path) -> Path:
    """The manifest beside a backup."""
    return path.with_name(path.name + ".manifest.json")


def without_casts(script: str) -> str:
    """``status IN (...)`` is written otherwise once it was dumped and restored."""
    return re.sub(r"::character varying|::text(\[\])?|[()]", "", script)


@dataclass(frozen=True)
class BackedUp:
    """A fleet and its backups."""

    fleet: Fleet
    folder: Path
    whole: Path
    alpha: Path
    """Of the tenant `alpha` alone."""


@pytest.fixture(scope="module")
def backed_up(
    run: Run, server: Server, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BackedUp]:
    """Four tenants, a backup of everything and one of `alpha`; nobody changes them."""
    folder = tmp_path_factory.mktemp("made") / "with spaces"
    with django_db_blocker.unblock():
        database = server.database(f"backed_up_{run.folder.name[-8:]}_{id(folder)}")
        database.create(template_fleet(run, server))
        try:
            with django_on(database), pytest.MonkeyPatch.context() as patch:
                patch.setenv("DATABASE_URL", database.url)
                fleet = Fleet(run, database)
                whole = path_of(backup(fleet, folder))
                alpha = path_of(backup(fleet, folder, "--tenant=alpha"))
                yield BackedUp(fleet, folder, whole, alpha)
        finally:
            ContentType.objects.clear_cache()
            database.drop()
