"""The old code: a checkout of the revision that runs while the new one is rolled out."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenant_migrations.exceptions import TenantMigrationsError, WrongUse
from tenant_migrations.fleet.graph import Code, MigrationKey

SMOKE = Path(__file__).with_name("smoke.py")
MARK = "GATE "
TIMEOUT_SECONDS = 1800


def migration_file(code: Code, key: MigrationKey) -> Path:
    """Where a migration is written."""
    return Path(inspect.getfile(type(code.loader.disk_migrations[key]))).resolve()


@dataclass(frozen=True)
class OldCode:
    """A project's folder with its ``manage.py``, at the old revision."""

    folder: Path
    new_folder: Path
    """The same folder at the new revision."""

    @classmethod
    def at(cls, text: str, new_folder: Path) -> "OldCode":
        """Raises ``WrongUse`` where there is no such project."""
        folder = Path(text).resolve()
        if not (folder / "manage.py").is_file():
            raise WrongUse(f"--old={text} has no manage.py: check the old revision out there")
        if folder == new_folder:
            raise WrongUse("--old is the code that is to be checked: check the old revision out")
        return cls(folder, new_folder)

    def changed(self, code: Code) -> tuple[MigrationKey, ...]:
        """Migrations of the project that the old code does not have, or has otherwise, in order."""
        found = {
            key
            for key in code.loader.disk_migrations
            if self._is_changed(migration_file(code, key))
        }
        graph = code.loader.graph
        plan = (key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf))
        return tuple(key for key in dict.fromkeys(plan) if key in found)

    def edited(self, code: Code, keys: Iterable[MigrationKey]) -> tuple[MigrationKey, ...]:
        """Those of them that the old code has too: wherever it was, they are applied."""
        files = ((key, self._old(migration_file(code, key))) for key in keys)
        return tuple(key for key, path in files if path and path.exists())

    def _old(self, path: Path) -> Path | None:
        """Where the old code has a file; ``None`` for one that is none of the project's."""
        if "site-packages" in path.parts or not path.is_relative_to(self.new_folder):
            return None
        return self.folder / path.relative_to(self.new_folder)

    def _is_changed(self, path: Path) -> bool:
        old = self._old(path)
        return old is not None and (not old.exists() or old.read_bytes() != path.read_bytes())

    def manage(self, *arguments: str) -> None:
        """``manage.py`` of the old code. Raises ``TenantMigrationsError`` where it fails."""
        self.run([sys.executable, "manage.py", *arguments])

    def run(self, command: Sequence[str], given: str = "") -> str:
        """Run a command in its folder; what it prints. Raises as ``manage``."""
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=self._environment(),
                input=given,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TenantMigrationsError(f"the old code: {command[0]}: {error}") from error
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise TenantMigrationsError(
                f"the old code: {' '.join(command)} ended with {done.returncode}: "
                f"{said[-1] if said else 'it said nothing'}"
            )
        return done.stdout

    def smoke(self) -> tuple[int, list[dict[str, Any]]]:
        """How many statements it tried on the schemas as they are, and those that failed."""
        said = self.run([sys.executable, "manage.py", "shell"], SMOKE.read_text(encoding="utf-8"))
        found = [
            json.loads(line.removeprefix(MARK))
            for line in said.splitlines()
            if line.startswith(MARK)
        ]
        if not found or "tried" not in found[-1]:
            raise TenantMigrationsError("the old code: manage.py shell did not get to the end")
        return int(found.pop()["tried"]), found

    def _environment(self) -> dict[str, str]:
        """Its own modules go before those that are installed."""
        own = [str(self.folder), *([str(self.folder / "src")] * (self.folder / "src").is_dir())]
        path = os.environ.get("PYTHONPATH")
        return os.environ | {"PYTHONPATH": os.pathsep.join([*own, *([path] if path else [])])}
