"""The code's side of the verdict: the migration graph on disk, loaded once.

The rules are Django's own (``django.db.migrations.loader`` and ``executor``): this module only
answers them for many ledgers without asking a database again for each.
"""

import hashlib
import inspect
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from django.db.migrations import Migration, RunPython, RunSQL, SeparateDatabaseAndState
from django.db.migrations.exceptions import (
    BadMigrationError,
    CircularDependencyError,
    NodeNotFoundError,
)
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from tenant_migrations.database import one_line
from tenant_migrations.exceptions import GraphError, WrongUse

MigrationKey = tuple[str, str]
"""App label and migration name, as Django keys its graph."""


def label(key: MigrationKey) -> str:
    """``finance.0003_invoice``, the way people write a migration."""
    return f"{key[0]}.{key[1]}"


class LedgerLoader(MigrationLoader):
    """Django's loader, with a ledger handed to it instead of one read from a connection.

    ``build_graph`` begins by assigning ``applied_migrations`` and then amends that dict where
    squashed migrations are involved: the property keeps the ledger given through that assignment.
    """

    def __init__(
        self, applied: Iterable[MigrationKey], disk: MigrationLoader | None = None
    ) -> None:
        self._applied: dict[MigrationKey, Any] = dict.fromkeys(applied)
        self._disk = disk
        super().__init__(None)

    @property
    def applied_migrations(self) -> dict[MigrationKey, Any]:
        return self._applied

    @applied_migrations.setter
    def applied_migrations(self, value: dict[MigrationKey, Any]) -> None:
        pass

    def load_disk(self) -> None:
        """Read the migrations from disk, or take them over from a loader that has."""
        if self._disk is None:
            super().load_disk()
            return
        self.disk_migrations = self._disk.disk_migrations
        self.migrated_apps = self._disk.migrated_apps
        self.unmigrated_apps = self._disk.unmigrated_apps


@dataclass(frozen=True)
class Standing:
    """Where one ledger stands against the code."""

    pending: tuple[MigrationKey, ...] = ()
    """Not applied, in the order in which Django would apply them."""
    unknown: tuple[MigrationKey, ...] = ()
    """Recorded, of an installed app, and not on disk."""
    gone_apps: tuple[MigrationKey, ...] = ()
    """Recorded, of an app that is not installed or has no migrations any more."""
    out_of_order: tuple[tuple[MigrationKey, MigrationKey], ...] = ()
    """Pairs of an applied migration and a dependency of it that is not."""
    squash_unrecorded: tuple[MigrationKey, ...] = ()
    """Squashed migrations whose every replaced one is recorded, and themselves not."""
    squash_partly: tuple[MigrationKey, ...] = ()
    """Squashed migrations of which some, not all, replaced ones are recorded."""
    contradiction: str = ""
    """Why Django could not even build its graph for this ledger."""


class Code:
    """The migration graph, loaded from disk once.

    Raises ``GraphError`` when the graph can't be built or has more than one leaf in an app.
    """

    def __init__(self) -> None:
        try:
            self.loader = LedgerLoader(())
        except (NodeNotFoundError, CircularDependencyError, BadMigrationError) as error:
            raise GraphError(f"the migrations on disk contradict each other: {error}") from error
        except Exception as error:  # Importing them runs code that is not ours.
            reason = f"{type(error).__name__}: {one_line(error)}"
            raise GraphError(f"the migrations on disk can't be imported: {reason}") from error
        if conflicts := self.loader.detect_conflicts():
            app, names = sorted(conflicts.items())[0]
            raise GraphError(
                f"app {app} has conflicting migrations ({', '.join(names)}): "
                "run manage.py makemigrations --merge"
            )

    @cached_property
    def known(self) -> frozenset[MigrationKey]:
        """Every migration on disk, with those that a squashed one replaces."""
        replaced = (key for m in self.loader.replacements.values() for key in m.replaces)
        return frozenset(self.loader.disk_migrations) | frozenset(replaced)

    @cached_property
    def revision(self) -> str:
        """Digest of the names of all migrations: the same on every machine with the same code."""
        lines = "\n".join(sorted(map(label, self.loader.disk_migrations)))
        return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()

    @cached_property
    def full_plan(self) -> tuple[MigrationKey, ...]:
        """All migrations in the order in which Django applies them to an empty schema."""
        return self._plan(self.loader, set(), self.loader.graph.leaf_nodes())

    def migration(self, key: MigrationKey) -> Migration:
        return self.loader.disk_migrations[key]

    def is_structural(self, key: MigrationKey) -> bool:
        """Whether every operation is Django's own and none of them runs a project's code or SQL.

        Only then the structure shows whether the migration was applied.
        """
        return all(map(_is_structural, self.migration(key).operations))

    def ledger_of(self, passed: Iterable[MigrationKey]) -> frozenset[MigrationKey]:
        """What Django records when these are applied: a squashed one with those it replaces."""
        passed = frozenset(passed)
        squashed = passed & self.loader.replacements.keys()
        return passed.union(*(self.loader.replacements[key].replaces for key in squashed))

    def source(self, key: MigrationKey) -> bytes:
        """The file that defines the migration; its name where there is no file."""
        try:
            return Path(inspect.getfile(type(self.migration(key)))).read_bytes()
        except (OSError, TypeError):
            return label(key).encode()

    def source_digest(self, key: MigrationKey) -> str:
        """SHA-256 of ``source``."""
        return hashlib.sha256(self.source(key)).hexdigest()

    def check_apps(self, labels: Iterable[str]) -> None:
        """Raise ``WrongUse`` for a label that names no installed app with migrations."""
        for app in labels:
            if app not in self.loader.migrated_apps:
                near = sorted(self.loader.migrated_apps)
                raise WrongUse(f"unknown app {app!r}; with migrations: {', '.join(near)}")

    def loader_for(self, ledger: Iterable[MigrationKey]) -> LedgerLoader:
        """Django's loader as it would be in a schema with this ledger; reads nothing."""
        return LedgerLoader(ledger, self.loader)

    def standing(
        self, ledger: Collection[MigrationKey], app_labels: Collection[str] = ()
    ) -> Standing:
        """Where a ledger stands; with ``app_labels``, only what brings those apps forward."""
        unknown = [key for key in ledger if key not in self.known]
        try:
            loader = self.loader_for(ledger)
        except (NodeNotFoundError, CircularDependencyError) as error:
            return Standing(unknown=self._installed(unknown, True), contradiction=str(error))
        leaves = loader.graph.leaf_nodes()
        if app_labels:
            leaves = [leaf for leaf in leaves if leaf[0] in app_labels]
        recorded = set(ledger)
        return Standing(
            pending=self._plan(loader, set(loader.applied_migrations), leaves),
            unknown=self._installed(unknown, True),
            gone_apps=self._installed(unknown, False),
            out_of_order=self._out_of_order(loader, recorded),
            squash_unrecorded=tuple(
                key
                for key, migration in sorted(loader.replacements.items())
                if key not in recorded and recorded.issuperset(migration.replaces)
            ),
            squash_partly=tuple(
                key
                for key, migration in sorted(loader.replacements.items())
                if not recorded.isdisjoint(migration.replaces)
                and not recorded.issuperset(migration.replaces)
                and key not in recorded
            ),
        )

    def _installed(self, keys: Iterable[MigrationKey], wanted: bool) -> tuple[MigrationKey, ...]:
        migrated = self.loader.migrated_apps
        return tuple(sorted(key for key in keys if (key[0] in migrated) is wanted))

    @staticmethod
    def _plan(
        loader: LedgerLoader, applied: set[MigrationKey], leaves: Iterable[MigrationKey]
    ) -> tuple[MigrationKey, ...]:
        """The forward branch of Django's ``MigrationExecutor.migration_plan``."""
        plan: dict[MigrationKey, None] = {}
        for leaf in leaves:
            for key in loader.graph.forwards_plan(leaf):
                if key not in applied:
                    plan[key] = None
        return tuple(plan)

    @staticmethod
    def _out_of_order(
        loader: LedgerLoader, recorded: set[MigrationKey]
    ) -> tuple[tuple[MigrationKey, MigrationKey], ...]:
        """Django's ``MigrationLoader.check_consistent_history``, naming every pair."""
        pairs = []
        for key in sorted(recorded & loader.graph.nodes.keys()):
            for parent in sorted(loader.graph.node_map[key].parents):
                squash = loader.replacements.get(parent.key)
                if parent.key in recorded or (squash and recorded.issuperset(squash.replaces)):
                    continue
                pairs.append((key, parent.key))
        return tuple(pairs)


DJANGO_OPERATIONS = ("django.db.migrations.operations.", "django.contrib.postgres.operations")


def _is_structural(operation: Operation) -> bool:
    if isinstance(operation, SeparateDatabaseAndState):
        return all(map(_is_structural, operation.database_operations))
    if isinstance(operation, (RunPython, RunSQL)):
        return False
    return type(operation).__module__.startswith(DJANGO_OPERATIONS)
