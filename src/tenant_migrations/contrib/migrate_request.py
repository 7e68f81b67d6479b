"""What ``migrate_schemas`` was asked for, and what that means for a ledger.

The rules are those of Django's ``migrate`` command; what its answers to wrong requests are is left
to that command itself. Nothing in here asks a database.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.migrations.exceptions import AmbiguityError
from django.db.migrations.executor import MigrationExecutor
from django_tenants.utils import get_tenant_base_migrate_command_class, get_tenant_database_alias

from tenant_migrations.exceptions import Refused
from tenant_migrations.fleet.graph import Code, LedgerLoader, MigrationKey

DJANGO_MIGRATE = "django.core.management.commands.migrate"

NOT_COVERED = {
    "run_syncdb": "--run-syncdb",
    "prune": "--prune",
    "fake_initial": "--fake-initial",
}
"""Options that are Django's own business, and how they are typed."""

Target = tuple[str, str | None]


class NotCovered(Exception):
    """Django's own way is to be taken; the text says why."""


@dataclass(frozen=True)
class Steps:
    """What one ledger has yet to go through; at most one of the two directions."""

    targets: tuple[Target, ...] = ()
    forwards: tuple[MigrationKey, ...] = ()
    backwards: tuple[MigrationKey, ...] = ()

    @property
    def are_none(self) -> bool:
        return not (self.forwards or self.backwards)


class _Planner(MigrationExecutor):
    """Django's planner, on a ledger that was read before."""

    def __init__(self, loader: LedgerLoader) -> None:
        # Django's own constructor would ask a database for the ledger.
        self.loader: Any = loader


@dataclass(frozen=True)
class Request:
    """The part of the options that says where to migrate to, and how."""

    app_label: str
    migration_name: str
    fake: bool
    plan: bool
    check: bool
    verbosity: int

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Request":
        """Raises ``NotCovered`` for options that only Django's own way understands."""
        for name, typed in NOT_COVERED.items():
            if options.get(name):
                raise NotCovered(f"{typed} is Django's own")
        if options.get("database", get_tenant_database_alias()) != get_tenant_database_alias():
            raise NotCovered("--database is not the one with the tenants")
        command = get_tenant_base_migrate_command_class()
        if command.__module__ != DJANGO_MIGRATE:
            raise NotCovered("TENANT_BASE_MIGRATE_COMMAND is the project's own")
        return cls(
            app_label=options.get("app_label") or "",
            migration_name=options.get("migration_name") or "",
            fake=bool(options.get("fake")),
            plan=bool(options.get("plan")),
            check=bool(options.get("check_unapplied")),
            verbosity=int(options.get("verbosity", 1)),
        )

    @property
    def is_question(self) -> bool:
        """Nothing is to be changed."""
        return self.plan or self.check

    def steps(self, code: Code, ledger: Iterable[MigrationKey]) -> Steps:
        """The plan that Django would make for this ledger.

        Raises ``NotCovered`` where Django would refuse, or where only it can tell.
        """
        ledger = tuple(ledger)
        standing = code.standing(ledger)
        if standing.contradiction or standing.out_of_order:
            raise NotCovered("its ledger contradicts the code")
        loader: Any = code.loader_for(ledger)
        planner = _Planner(loader)
        targets = self._targets(loader)
        plan = planner.migration_plan(targets)
        if not loader.replace_migrations:
            raise NotCovered("the target is one of the migrations that a squashed one replaces")
        keys = [((migration.app_label, migration.name), back) for migration, back in plan]
        steps = Steps(
            tuple(targets),
            forwards=tuple(key for key, back in keys if not back),
            backwards=tuple(key for key, back in keys if back),
        )
        if not self.is_question:
            self._refuse_ways_back(code, ledger, steps)
        return steps

    def _refuse_ways_back(self, code: Code, ledger: tuple[MigrationKey, ...], steps: Steps) -> None:
        if not steps.backwards:
            return
        if steps.forwards or self.fake:
            raise NotCovered("going back with --fake, or both ways at once")
        # Most requests don't go back, and are through before it would be loaded.
        from tenant_migrations.rollout.reversing import plan_reversal  # noqa: PLC0415

        try:
            plan_reversal(code, ledger, code.ledger_of(steps.backwards))
        except Refused as error:
            raise NotCovered(str(error)) from error

    def _targets(self, loader: LedgerLoader) -> list[Target]:
        leaves: list[Target] = list(loader.graph.leaf_nodes())
        if not self.app_label:
            return leaves
        if self.app_label not in loader.migrated_apps:
            raise NotCovered(f"there is no app {self.app_label!r} with migrations")
        if not self.migration_name:
            return [leaf for leaf in leaves if leaf[0] == self.app_label]
        if self.migration_name == "zero":
            return [(self.app_label, None)]
        return [self._named(loader)]

    def _named(self, loader: LedgerLoader) -> Target:
        try:
            found = loader.get_migration_by_prefix(self.app_label, self.migration_name)
        except (AmbiguityError, KeyError) as error:
            raise NotCovered(f"{self.migration_name!r} is not one migration") from error
        key = (self.app_label, found.name)
        if key not in loader.graph.nodes and key in loader.replacements:
            return loader.replacements[key].replaces[-1]
        return key
