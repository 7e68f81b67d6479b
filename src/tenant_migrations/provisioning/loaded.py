"""The code of this process, loaded once and again when its migrations change on disk."""

import os
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from threading import Lock
from typing import Any

from django.apps import apps
from django.db.migrations.loader import MigrationLoader

from tenant_migrations.fleet.graph import Code

Note = tuple[str, str, str]
"""App, name and source digest of a migration that a reference passed."""


class LoadedCode(Code):
    """The code with what was found out about states of references."""

    @cached_property
    def _suited(self) -> dict[tuple[Note, ...], bool]:
        return {}

    def suits(self, notes: tuple[Note, ...]) -> bool:
        """Whether a reference with these notes has all of this code's migrations, as they are.

        It may have passed more, of newer code, but none of an app that is no longer installed:
        its tables are still in the reference. Worked out once for each state.
        """
        if notes not in self._suited:
            self._suited[notes] = self._has_all(notes) and not self._is_edited(notes)
        return self._suited[notes]

    def _has_all(self, notes: tuple[Note, ...]) -> bool:
        standing = self.standing(self.ledger_of((app, name) for app, name, _ in notes))
        waiting = (*standing.pending, *standing.squash_unrecorded)
        return not (waiting or standing.gone_apps or standing.contradiction)

    def _is_edited(self, notes: tuple[Note, ...]) -> bool:
        return any(
            digest != self.source_digest((app, name))
            for app, name, digest in notes
            if (app, name) in self.loader.disk_migrations
        )


_lock = Lock()
_loaded: tuple[Any, LoadedCode] | None = None


def loaded_code() -> LoadedCode:
    """The code; raises ``GraphError`` as ``Code`` does. Threads share one."""
    global _loaded  # noqa: PLW0603 - a cache of the process
    with _lock:
        stamp = tuple(sorted(_files()))
        if _loaded is None or _loaded[0] != stamp:
            _loaded = (stamp, LoadedCode())
        return _loaded[1]


def _files() -> Iterator[tuple[str, str, int]]:
    """Every file in a folder of migrations, with the time of its last change."""
    for config in apps.get_app_configs():
        module, _ = MigrationLoader.migrations_module(config.label)
        for folder in _folders(module) if module else ():
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".py"):
                        yield config.label, entry.path, entry.stat().st_mtime_ns


def _folders(module: str) -> list[str]:
    """Where a package's files are; nowhere for one that can't be imported (``Code`` tells why)."""
    try:
        return [path for path in import_module(module).__path__ if os.path.isdir(path)]
    except (ImportError, AttributeError):
        return []
