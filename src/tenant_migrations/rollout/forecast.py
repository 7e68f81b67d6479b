"""The forecast of a run: which tables it locks and rewrites, how large these are, and how long
it should take. Reads only, by a few statements however many tenants there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from tenant_migrations.database import one_line, public_schema, reading
from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.fleet.graph import label
from tenant_migrations.rollout.effects import Effect, Lock, Relations, Work, judge
from tenant_migrations.rollout.history import Pace, read_paces
from tenant_migrations.rollout.planning import Plan
from tenant_migrations.rollout.preview import NOT_RENDERED

LARGEST = 3
"""Of so many tenants a table's size is said."""
LOCK_TIMEOUT_MS = 1_000

NO_SQL = "-- THIS OPERATION CANNOT BE WRITTEN AS SQL"
"""What Django writes below the description of such an operation."""

COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
      FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relkind IN ('r', 'p') AND c.relnamespace = to_regnamespace(quote_ident(%s))
"""
INDEXES = """
    SELECT i.relname, t.relname
      FROM pg_index x
      JOIN pg_class i ON i.oid = x.indexrelid
      JOIN pg_class t ON t.oid = x.indrelid
     WHERE i.relnamespace = to_regnamespace(quote_ident(%s))
"""
REFERENCES = """
    SELECT c.relname, k.conname, f.relname
      FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.conrelid
      JOIN pg_class f ON f.oid = k.confrelid
     WHERE k.contype = 'f' AND k.connamespace = to_regnamespace(quote_ident(%s))
"""

# Rows as last analysed: the server counts none for this.
SIZES = """
    WITH sized AS MATERIALIZED (
        SELECT c.relname, n.nspname, {bytes} AS bytes,
               CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END AS estimate
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = ANY(%s) AND c.relname = ANY(%s) AND c.relkind IN ('r', 'p', 'm')
    )
    SELECT relname, nspname, bytes, estimate
      FROM (SELECT *, row_number() OVER (PARTITION BY relname ORDER BY bytes DESC, nspname) AS place
              FROM sized) s
     WHERE place <= %s
  ORDER BY relname, place
"""
ON_DISK = "pg_total_relation_size(c.oid)"
AS_ANALYSED = "c.relpages::bigint * current_setting('block_size')::int"


@dataclass(frozen=True)
class Size:
    """How large a table is in one schema."""

    schema_name: str
    size_bytes: int
    """With its indexes, as these are written anew with it."""
    rows: int | None
    """As last analysed; ``None`` where it never was."""


@dataclass(frozen=True)
class TableForecast:
    """What a variant's tenants have to expect of one table."""

    table: str
    lock: Lock
    """The strongest that is taken; it is held to the end of the tenant's transaction."""
    work: Work
    shared: bool
    """Whether it is a table of public: then all tenants meet at it."""
    largest: tuple[Size, ...] = ()


@dataclass(frozen=True)
class VariantForecast:
    """What a run does to each tenant of one variant."""

    tables: tuple[TableForecast, ...]
    created: tuple[str, ...]
    unknown: tuple[str, ...]
    """Statements and Python code of which nothing can be said."""
    pace: Pace | None
    """How long one tenant took before; ``None`` without a history."""


@dataclass(frozen=True)
class Forecast:
    """What a run would do, how long it should take, and with how many jobs."""

    variants: Mapping[str, VariantForecast]
    """By the name of the task's schema, as ``Plan.variants`` gives it."""
    jobs: int
    seconds: float | None
    """``None`` where nothing like it is on record."""
    same_migrations: bool = False
    """Whether what is on record is of these very migrations everywhere."""


def forecast(plan: Plan, statements: Mapping[str, Sequence[str]], jobs: int) -> Forecast:
    """What is to be expected of a plan whose SQL is known for one tenant of each variant.

    Raises ``DatabaseUnavailable`` where the sizes or the history can't be read.
    """
    variants = plan.variants()
    paces = read_paces([[label(key) for key in task.pending] for task, _ in variants])
    found: dict[str, VariantForecast] = {}
    try:
        with reading() as raw:
            shared = {table for table, _ in _relations(raw, public_schema()).types}
            for (task, names), pace in zip(variants, paces, strict=True):
                lines = statements[task.schema_name]
                reader = _Reader(raw, task.schema_name, names, shared)
                found[task.schema_name] = reader.variant(lines, pace)
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"tables could not be read: {one_line(error)}") from error
    known = [pace for pace in paces if pace]
    seconds = None
    if known and len(known) == len(paces):
        parts = zip(known, variants, strict=True)
        in_turn = sum(pace.seconds * len(names) for pace, (_, names) in parts)
        seconds = max(in_turn / jobs, *(pace.seconds for pace in known))
    return Forecast(found, jobs, seconds, bool(known) and all(pace.same for pace in known))


@dataclass(frozen=True)
class _Reader:
    """What concerns one variant."""

    raw: "psycopg.Connection[Any]"
    schema_name: str
    names: Sequence[str]
    shared: set[str]

    def variant(self, lines: Sequence[str], pace: Pace | None) -> VariantForecast:
        relations = _relations(self.raw, self.schema_name)
        judgement = judge("\n;\n".join(lines), relations)
        own = {table for table, _ in relations.types}
        tables = [
            TableForecast(
                table,
                max(effect.lock for effect in effects),
                max(effect.work for effect in effects),
                table in self.shared - own,
            )
            for table, effects in _by_table(judgement.effects).items()
        ]
        sizes = self._sizes(tables)
        return VariantForecast(
            tuple(
                TableForecast(t.table, t.lock, t.work, t.shared, sizes.get((t.shared, t.table), ()))
                for t in sorted(tables, key=lambda t: (-t.work, -t.lock, t.table))
            ),
            judgement.created,
            (*_not_sql(lines), *judgement.unknown),
            pace,
        )

    def _sizes(self, tables: Sequence[TableForecast]) -> dict[tuple[bool, str], tuple[Size, ...]]:
        """The largest of each table, among the variant's tenants or in public."""
        found: dict[tuple[bool, str], tuple[Size, ...]] = {}
        for shared, schemas in ((False, [*self.names]), (True, [public_schema()])):
            wanted = [table.table for table in tables if table.shared is shared]
            for table, *size in _read_sizes(self.raw, schemas, wanted):
                found[shared, table] = (*found.get((shared, table), ()), Size(*size))
        return found


def _read_sizes(
    raw: "psycopg.Connection[Any]", schemas: list[str], tables: list[str]
) -> list[tuple[Any, ...]]:
    """Sizes on disk; where somebody holds one of the tables, those that it was analysed with."""
    if not tables:
        return []
    values = (schemas, tables, LARGEST)
    raw.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
    try:
        return raw.execute(SIZES.format(bytes=ON_DISK).encode(), values).fetchall()
    except psycopg.errors.LockNotAvailable:
        return raw.execute(SIZES.format(bytes=AS_ANALYSED).encode(), values).fetchall()


def _relations(raw: "psycopg.Connection[Any]", schema_name: str) -> Relations:
    of = (schema_name,)
    return Relations(
        {(table, column): kind for table, column, kind in raw.execute(COLUMNS, of)},
        dict(raw.execute(INDEXES, of).fetchall()),
        {(table, name): target for table, name, target in raw.execute(REFERENCES, of)},
    )


def _by_table(effects: Iterable[Effect]) -> dict[str, list[Effect]]:
    found: dict[str, list[Effect]] = {}
    for effect in effects:
        found.setdefault(effect.table, []).append(effect)
    return found


def _not_sql(lines: Sequence[str]) -> list[str]:
    """Operations that Django can't write as SQL, in its own words, and what wasn't rendered."""
    return [
        line.removeprefix("-- ")
        for line, after in zip(lines, [*lines[1:], ""], strict=True)
        if after.startswith(NO_SQL) or line.startswith(f"-- {NOT_RENDERED}")
    ]
