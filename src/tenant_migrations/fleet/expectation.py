"""What a schema should look like: the expected structure for any ledger.

While the reference schema passes the migrations one by one, it notes for each what it changed in
the object map. Replaying those notes for just the migrations that a ledger records gives the
structure that belongs to that ledger, for tenants behind and ahead as well, without building
anything. Notes of migrations that do not depend on each other touch different objects; where two
touch the same one and only some of them are recorded, that object is left out of the comparison.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from tenant_migrations.fleet.graph import MigrationKey
from tenant_migrations.fleet.structure import ObjectKey, ObjectMap, comparable

Change = tuple[ObjectKey, str | None, str | None]
"""Object, its definition before (``None``: absent) and after."""

BASE: MigrationKey = ("", "")
"""Stands for what is there before the first migration: the ledger table itself."""


@dataclass(frozen=True)
class Step:
    """One migration that the reference passed."""

    key: MigrationKey
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Expected:
    """The structure that belongs to one ledger."""

    objects: ObjectMap
    origin: Mapping[ObjectKey, MigrationKey]
    """The migration that gave each object its present definition, also of those it removed."""
    uncertain: frozenset[ObjectKey] = frozenset()
    """Objects that can't be told for this ledger."""
    unknown: tuple[MigrationKey, ...] = ()
    """Recorded migrations that the reference never passed: then nothing can be told."""

    def without(self, keys: Iterable[ObjectKey]) -> "Expected":
        """The same with these objects left out of the comparison."""
        return replace(self, uncertain=self.uncertain.union(keys))


def changes_between(before: ObjectMap, after: ObjectMap) -> tuple[Change, ...]:
    """What turned one map into the other, in the order of the second."""
    added = [(key, before.get(key), new) for key, new in after.items() if before.get(key) != new]
    removed = [(key, old, None) for key, old in before.items() if key not in after]
    return (*added, *removed)


def digest_of(objects: ObjectMap) -> str:
    """Digest of an object map: the same for equal structures on every server."""
    lines = sorted(
        (*key.dump(), comparable(key, definition)) for key, definition in objects.items()
    )
    return hashlib.sha256(json.dumps(lines, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Reference:
    """The notes of one reference schema."""

    kind: str
    schema_name: str
    steps: Sequence[Step] = field(default=())

    @cached_property
    def passed(self) -> frozenset[MigrationKey]:
        """Every migration that it passed."""
        return frozenset(step.key for step in self.steps if step.key != BASE)

    @cached_property
    def structural(self) -> frozenset[MigrationKey]:
        """Those that changed the structure: only they can be proven by looking at it."""
        return frozenset(step.key for step in self.steps if step.changes)

    def changes_of(self, key: MigrationKey) -> tuple[Change, ...]:
        """What one migration changed; empty where it changed nothing."""
        return self._changes.get(key, ())

    @cached_property
    def _changes(self) -> Mapping[MigrationKey, tuple[Change, ...]]:
        return {step.key: step.changes for step in self.steps}

    def expect(self, ledger: Iterable[MigrationKey]) -> Expected:
        """The structure that belongs to a ledger."""
        recorded = frozenset(ledger)
        objects: dict[ObjectKey, str] = {}
        origin: dict[ObjectKey, MigrationKey] = {}
        uncertain: set[ObjectKey] = set()
        for step in self.steps:
            if step.key != BASE and step.key not in recorded:
                continue
            for key, before, after in step.changes:
                if objects.get(key) != before:
                    uncertain.add(key)
                origin[key] = step.key
                if after is None:
                    objects.pop(key, None)
                else:
                    objects[key] = after
        unknown = tuple(sorted(recorded - self.passed))
        return Expected(objects, origin, frozenset(uncertain), unknown)
