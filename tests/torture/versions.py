"""Other versions of the torture project's code."""

import itertools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tests.torture.fleet import CHECKOUT, Version

_numbers = itertools.count()

HEADER = """
from django.contrib.postgres.operations import *
from django.db import migrations, models
from django.db.migrations import *
"""


def version(
    folder: Path,
    app: str,
    add: Mapping[str, str] = MappingProxyType({}),
    *,
    without: Sequence[str] = (),
    replaces: Sequence[str] = (),
    atomic: bool = True,
) -> Version:
    """The code with further migrations of an app, by name the source of their operations.

    Each depends on the one before, the first on the newest on disk; with ``replaces`` it is a
    squashed one that depends on nothing. Names in ``without`` are taken away.
    """
    package = f"torture_{app}_{next(_numbers)}"
    target = folder / package
    source = CHECKOUT / "tests" / "torture" / app / "migrations"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    for name in without:
        (target / f"{name}.py").unlink()
    parent = max(path.stem for path in target.glob("[0-9]*.py") if "squashed" not in path.stem)
    for name, operations in add.items():
        needed = [] if replaces else [(app, parent)]
        (target / f"{name}.py").write_text(
            f"{HEADER}\nclass Migration(migrations.Migration):\n"
            f"    atomic = {atomic}\n"
            f"    dependencies = {needed!r}\n"
            f"    replaces = {[(app, old) for old in replaces]!r}\n"
            f"    operations = [{operations}]\n"
        )
        parent = name
    return Version({app: package}, (str(folder),))
