"""Other versions of the code: migrations added, edited or taken away for the time of a test."""

import importlib
import itertools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from django.apps import apps
from django.conf import settings
from django.test import override_settings

_numbers = itertools.count()

HEADER = """
from django.contrib.postgres.operations import *
from django.db import migrations, models
from django.db.migrations import *
"""


@contextmanager
def code_at(app: str, upto: str) -> Iterator[None]:
    """The code as it was when `upto` was the newest migration of `app`.

    No migration of another app may depend on a later one.
    """

    def take_away(folder: Path) -> None:
        for path in folder.glob("[0-9]*.py"):
            if path.stem > upto:
                path.unlink()

    with _edited(app, take_away):
        yield


@contextmanager
def code_with(
    app: str,
    migrations: Mapping[str, str],
    *,
    depends_on: str = "",
    without: tuple[str, ...] = (),
    replaces: tuple[str, ...] = (),
    atomic: bool = True,
) -> Iterator[None]:
    """The code with further migrations of `app`: by name, the source of their operations.

    The first depends on `depends_on` (by default the newest on disk), each other on the one
    before. All of `django.db.migrations` and of the PostgreSQL operations is imported in them.
    A name that is on disk replaces that migration. `without` are names that are taken away.
    """

    def add(folder: Path) -> None:
        for name in without:
            (folder / f"{name}.py").unlink()
        newest = max(p.stem for p in folder.glob("[0-9]*.py") if p.stem not in migrations)
        parent = depends_on or newest
        for name, operations in migrations.items():
            source = (
                f"{HEADER}\nclass Migration(migrations.Migration):\n"
                f"    atomic = {atomic}\n"
                f"    dependencies = [({app!r}, {parent!r})]\n"
                f"    replaces = {[(app, old) for old in replaces]!r}\n"
                f"    operations = [{operations}]\n"
            )
            (folder / f"{name}.py").write_text(source)
            parent = name

    with _edited(app, add):
        yield


@contextmanager
def code_edited(app: str, name: str, old: str, new: str) -> Iterator[None]:
    """The code with `old` replaced by `new` in the file of one migration."""

    def replace(folder: Path) -> None:
        path = folder / f"{name}.py"
        source = path.read_text()
        assert old in source
        path.write_text(source.replace(old, new))

    with _edited(app, replace):
        yield


@contextmanager
def _edited(app: str, edit: Callable[[Path], None]) -> Iterator[None]:
    """Let `app` take its migrations from an edited copy, in this process and its children."""
    package = f"edited_{app}_{os.getpid()}_{next(_numbers)}"
    current = settings.MIGRATION_MODULES.get(app) or f"{apps.get_app_config(app).name}.migrations"
    source = Path(importlib.import_module(current).__path__[0])
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, package)
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
        edit(folder)
        modules = {**settings.MIGRATION_MODULES, app: package}
        environment = {
            "DJANGO_SETTINGS_MODULE": "tests.support.settings",
            "TEST_MIGRATION_MODULES": json.dumps(modules),
            "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]),
        }
        with (
            patch.object(sys, "path", [root, *sys.path]),
            patch.dict(os.environ, environment),
            override_settings(MIGRATION_MODULES=modules),
        ):
            importlib.invalidate_caches()
            try:
                yield
            finally:
                for name in [name for name in sys.modules if name.split(".")[0] == package]:
                    del sys.modules[name]
