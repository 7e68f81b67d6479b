"""The statements that make a whole schema from an object map, in an order that is quick.

Constraints are written into their table where that is possible: PostgreSQL then neither alters
the table again nor reads it to see that they hold. Pure functions; all names of the schema's own
objects are bare.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from tenant_migrations.database import quote
from tenant_migrations.fleet.remedies import NOT_VALID, bare_table, is_foreign_key, remedy
from tenant_migrations.fleet.structure import ObjectMap, comparable, faithful
from tenant_migrations.vocabulary import ObjectKind


@dataclass(frozen=True)
class Creation:
    """What creates everything in a map, but rows."""

    before_rows: tuple[str, ...]
    after_rows: tuple[str, ...]
    """What looks at rows, or locks tables of other schemas: as late as can be."""


def creation_of(objects: ObjectMap, filled: Collection[str]) -> Creation:
    """The statements for an empty schema; rows go to the tables in ``filled``.

    What can't be created is left out (a partitioned table, say): compare the result.
    """
    return _Schema(objects, filled).creation()


class _Schema:
    def __init__(self, objects: ObjectMap, filled: Collection[str]) -> None:
        self.objects = objects
        self.filled = filled
        self.tables = {
            key.name: key
            for key, text in objects.items()
            if key.kind is ObjectKind.TABLE and comparable(key, text) == "table"
        }
        self.constraints: dict[str, dict[str, str]] = {name: {} for name in self.tables}
        for key, text in objects.items():
            if key.kind is ObjectKind.CONSTRAINT and key.relation in self.tables:
                self.constraints[key.relation][key.name] = text

    def creation(self) -> Creation:
        first = [
            text
            for kind in (ObjectKind.TYPE, ObjectKind.SEQUENCE, ObjectKind.FUNCTION)
            for text in self._alone(kind)
        ]
        late: list[str] = []
        created: set[str] = set()
        for name in in_order({name: self._refers_to(name) for name in self.tables}):
            created.add(name)
            first += self._table(name, created, late)
        first += self._indexes(of_tables=True)
        last = [*late, *self._views(), *self._indexes(of_tables=False)]
        last += self._alone(ObjectKind.TRIGGER)
        return Creation(tuple(map(faithful, first)), tuple(map(faithful, last)))

    def _refers_to(self, table: str) -> set[str]:
        keys = [text for text in self.constraints[table].values() if is_foreign_key(text)]
        others = self.tables.keys() - {table}
        return {name for name in others if any(_refers(text, name) for text in keys)}

    def _table(self, name: str, created: Collection[str], late: list[str]) -> Iterator[str]:
        """The table with the constraints that it can have from the start; the rest is late."""
        clauses, key = [], self.tables[name]
        for constraint, text in self.constraints[name].items():
            clause = f"CONSTRAINT {quote(constraint)} {text}"
            if self._can_be_written_in(name, text, created):
                clauses.append(clause)
            else:
                late.append(f"ALTER TABLE {quote(name)} ADD {clause}")
        return bare_table(key, self.objects[key], self.objects, clauses)

    def _can_be_written_in(self, table: str, text: str, created: Collection[str]) -> bool:
        if not is_foreign_key(text):
            return not text.endswith(NOT_VALID)
        return table not in self.filled and any(_refers(text, name) for name in created)

    def _alone(self, kind: ObjectKind) -> Iterator[str]:
        """Objects of a kind that do not come with a table."""
        for key, text in self.objects.items():
            comes_with_table = kind is ObjectKind.SEQUENCE and key.relation in self.tables
            if key.kind is kind and not comes_with_table:
                made = remedy(key, text, None, self.objects)
                yield from made.statements if made else ()

    def _views(self) -> Iterator[str]:
        views = {key.name: key for key in self.objects if key.kind is ObjectKind.VIEW}
        needs = {
            name: {other for other in views.keys() - {name} if other in self.objects[key]}
            for name, key in views.items()
        }
        for name in in_order(needs):
            made = remedy(views[name], self.objects[views[name]], None, self.objects)
            yield from made.statements if made else ()

    def _indexes(self, of_tables: bool) -> Iterator[str]:
        for key, text in self.objects.items():
            if key.kind is ObjectKind.INDEX and (key.relation in self.tables) is of_tables:
                yield text


def in_order(needs: Mapping[str, set[str]]) -> Iterator[str]:
    """The names, each after those that it needs; circles are cut where least is missing."""
    waiting = dict(needs)
    while waiting:
        ready = [name for name, wanted in waiting.items() if not wanted & waiting.keys()]
        for name in ready or [min(waiting, key=lambda name: len(waiting[name] & waiting.keys()))]:
            del waiting[name]
            yield name


def _refers(foreign_key: str, table: str) -> bool:
    """Whether it points to a table of its own schema; PostgreSQL quotes only where it must."""
    return any(f" REFERENCES {name}(" in foreign_key for name in (table, quote(table)))
