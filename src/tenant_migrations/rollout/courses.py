"""Courses: the way from one ledger to the code, worked out once and shared by all who go it.

A project's state takes Django most of a second to build and render for a few hundred models, and
is the same for every tenant with the same ledger. Each operation's states before and after it are
kept here, rendered when first asked for.

Rendered models keep caches (content types by id, for one), so operations that run code use a
course one tenant at a time; ``forget`` empties what a tenant before may have left.
"""

from collections.abc import Collection, Iterable
from copy import copy
from dataclasses import dataclass
from functools import cached_property

from django.apps import apps
from django.contrib.contenttypes.management import inject_rename_contenttypes_operations
from django.db import DEFAULT_DB_ALIAS
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState, StateApps

from tenant_migrations.fleet.graph import Code, LedgerLoader, MigrationKey


@dataclass(frozen=True, eq=False)
class Move:
    """One operation between two states."""

    operation: Operation
    before: ProjectState
    after: ProjectState

    def settle(self) -> None:
        """Render anew what Django left for later, once, for operations that run code.

        ``RunPython`` does so each time that it runs.
        """
        for state in (self.before, self.after):
            if state.is_delayed:
                state.clear_delayed_apps_cache()
                state.is_delayed = False


@dataclass(frozen=True, eq=False)
class Leg:
    """One migration of a course."""

    key: MigrationKey
    migration: Migration
    moves: tuple[Move, ...]
    start: ProjectState

    @property
    def rows(self) -> tuple[MigrationKey, ...]:
        """What Django records: the migrations that a squashed one replaces, or itself."""
        return tuple(self.migration.replaces) or (self.key,)


class _Planner(MigrationExecutor):
    """Django's executor for a ledger that was handed to it; it never asks a database."""

    def __init__(self, loader: LedgerLoader) -> None:
        self.loader = loader

    def state(self) -> ProjectState:
        """What the recorded migrations have made."""
        made: ProjectState = self._create_project_state(  # type: ignore[attr-defined]
            with_applied_migrations=True
        )
        return made


@dataclass(eq=False)
class Course:
    """From a ledger over pending migrations to their end."""

    start: ProjectState
    legs: tuple[Leg, ...]
    end: ProjectState
    closing: tuple[MigrationKey, ...]
    """Squashed migrations that are recorded once all that they replace is."""

    @classmethod
    def of(
        cls,
        code: Code,
        ledger: Collection[MigrationKey],
        pending: Iterable[MigrationKey],
        alias: str = DEFAULT_DB_ALIAS,
    ) -> "Course":
        """Work it out; the schema in use must be one of those that go it.

        Which operations there are depends on it: Django adds the renaming of content types where
        they live in the schema.
        """
        loader = code.loader_for(ledger)
        start = _Planner(loader).state()
        start.apps  # noqa: B018 - rendered here, later states follow it instead of rendering all
        migrations = {key: _own(loader.graph.nodes[key]) for key in pending}
        if migrations and apps.is_installed("django.contrib.contenttypes"):
            plan = [(migration, False) for migration in migrations.values()]
            inject_rename_contenttypes_operations(plan=plan, apps=start.apps, using=alias)
        state, legs = start, []
        for key, migration in migrations.items():
            leg = _leg(key, migration, state)
            legs.append(leg)
            state = leg.moves[-1].after if leg.moves else leg.start
        recorded = set(ledger).union(*(leg.rows for leg in legs))
        return cls(start, tuple(legs), state, _closing(loader, recorded))

    def leg(self, key: MigrationKey) -> Leg:
        """The one that is a migration's."""
        return next(leg for leg in self.legs if leg.key == key)

    @property
    def plan(self) -> list[tuple[Migration, bool]]:
        """As signals pass it."""
        return [(leg.migration, False) for leg in self.legs]

    @cached_property
    def apps_before(self) -> StateApps:
        """What ``pre_migrate`` passes."""
        return self.start.clone().apps

    @cached_property
    def apps_after(self) -> StateApps:
        """What ``post_migrate`` passes: real models of apps without migrations among them."""
        state = self.end.clone()
        state.clear_delayed_apps_cache()
        state_apps = state.apps
        with state_apps.bulk_update():
            keys = [(m.app_label, m.name_lower) for m in state_apps.real_models]
            for key in keys:
                state_apps.unregister_model(*key)
        state_apps.render_multiple([ModelState.from_model(apps.get_model(*key)) for key in keys])
        return state_apps

    def forget(self) -> None:
        """Empty the caches of content types, whose ids differ from tenant to tenant."""
        registries = [apps, *map(self.__dict__.get, ("apps_before", "apps_after"))]
        moves = (move for leg in self.legs for move in leg.moves)
        registries += [
            state.__dict__.get("apps") for move in moves for state in (move.before, move.after)
        ]
        for registry in filter(None, registries):
            model = registry.all_models.get("contenttypes", {}).get("contenttype")
            if model is not None:
                model.objects.clear_cache()


def _own(migration: Migration) -> Migration:
    """A copy whose operations Django may add to, as it does where models are renamed."""
    own = copy(migration)
    own.operations = list(migration.operations)  # type: ignore[misc]
    return own


def _leg(key: MigrationKey, migration: Migration, start: ProjectState) -> Leg:
    state, moves = start, []
    for operation in migration.operations:
        after = state.clone()
        operation.state_forwards(migration.app_label, after)
        moves.append(Move(operation, state, after))
        state = after
    return Leg(key, migration, tuple(moves), start)


def _closing(loader: LedgerLoader, recorded: Collection[MigrationKey]) -> tuple[MigrationKey, ...]:
    """Django's ``MigrationExecutor.check_replacements``, for a ledger that is known."""
    return tuple(
        key
        for key, migration in loader.replacements.items()
        if key not in recorded and set(recorded).issuperset(migration.replaces)
    )
