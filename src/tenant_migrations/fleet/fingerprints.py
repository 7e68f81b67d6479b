"""Fingerprints: which schemas look exactly alike, found without reading any of them out.

A fingerprint is a sum of 64-bit hashes, one hash for each row of the catalog that belongs to the
schema. Being a sum it can be computed in any number of slices and added up, so the catalog is read
in bounded slices of its primary key (relation oid), once, whatever the number of schemas; no slice
sorts or aggregates more than its own rows, and the client receives one row per schema and slice.

Equal fingerprints mean equal structure. Unequal ones may still mean equal structure (another
order of columns, say): that is settled by reading one schema of each kind out object by object
(``structure.py``). They depend on the server's version and on what its extensions are called: what
is stored (for the script of a reference) is never trusted to mean the same elsewhere.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import copy_context
from functools import cache
from itertools import pairwise
from queue import Empty, SimpleQueue
from typing import Any

import psycopg

from tenant_migrations.database import reading

BOUNDARIES = """
    SELECT oid::bigint
      FROM (SELECT oid, row_number() OVER (ORDER BY oid) AS nth
              FROM pg_class
             WHERE relnamespace = ANY(%(namespaces)s::oid[])) AS numbered
     WHERE nth %% %(size)s = 0
  ORDER BY oid
"""

# Every table is bounded by the same range of relation oids, and names of other relations are looked
# up one by one (scalar subqueries): whatever the planner believes of the catalog's statistics, no
# slice reads a whole catalog.
SLICE = """
    SELECT c.oid, c.relname, c.relkind, c.relpersistence, c.relam, c.reloptions, c.relnamespace,
           c.relnamespace AS owner, c.relnamespace::regnamespace || '.' AS prefix
      FROM pg_class c
     WHERE c.oid > %(low)s AND c.oid <= %(high)s
       AND c.relnamespace = ANY(%(namespaces)s::oid[])
       AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I')
       AND c.oid NOT IN (SELECT objid FROM pg_depend
                          WHERE refclassid = 'pg_extension'::regclass
                            AND classid = 'pg_class'::regclass AND deptype = 'e')
"""

# What the catalog says of the relations `rel`, each fact with what it is counted for. The schema's
# own name is taken out of printed expressions, as it differs from tenant to tenant. Types above oid
# 16383 are named, not numbered, as a schema's own types have oids of their own. NOT NULL
# constraints (contype n, PostgreSQL 18) repeat attnotnull.
FACTS = """
    SELECT owner, ROW(1, relname, relkind, relpersistence) AS fact
      FROM rel
 UNION ALL
    SELECT owner,
           ROW(2, relname, a.attnum, a.attname, a.atttypmod, a.attnotnull, a.attidentity,
               a.attgenerated, a.attcollation, a.atthasdef,
               CASE WHEN a.atttypid < 16384 THEN a.atttypid::text
                    ELSE (SELECT typname FROM pg_type WHERE oid = a.atttypid) END)
      FROM rel
      JOIN pg_attribute a ON a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped
                         {within a.attrelid}
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
 UNION ALL
    SELECT owner,
           ROW(3, relname, d.adnum, replace(pg_get_expr(d.adbin, d.adrelid), prefix, ''))
      FROM rel
      JOIN pg_attrdef d ON d.adrelid = rel.oid {within d.adrelid}
 UNION ALL
    SELECT owner,
           ROW(4, relname, k.conname, k.contype, k.condeferrable, k.condeferred, k.convalidated,
               k.conkey::text, k.confkey::text, k.confupdtype, k.confdeltype, k.confmatchtype,
               CASE WHEN k.confrelid <> 0
                    THEN (SELECT ROW(t.relname, t.relnamespace = rel.relnamespace)::text
                            FROM pg_class t WHERE t.oid = k.confrelid) END,
               CASE WHEN k.conbin IS NOT NULL
                    THEN replace(pg_get_expr(k.conbin, k.conrelid), prefix, '') END)
      FROM rel
      JOIN pg_constraint k ON k.conrelid = rel.oid AND k.contype NOT IN ('n', 't')
                          {within k.conrelid}
 UNION ALL
    SELECT owner,
           ROW(5, relname, (SELECT relname FROM pg_class t WHERE t.oid = x.indrelid),
               x.indkey::text, x.indclass::text, x.indcollation::text, x.indoption::text,
               x.indisunique, x.indisprimary, x.indisexclusion, x.indimmediate, x.indisvalid,
               x.indisready, {nulls_not_distinct}, relam, reloptions::text,
               CASE WHEN x.indexprs IS NOT NULL
                    THEN replace(pg_get_expr(x.indexprs, x.indrelid), prefix, '') END,
               CASE WHEN x.indpred IS NOT NULL
                    THEN replace(pg_get_expr(x.indpred, x.indrelid), prefix, '') END)
      FROM rel
      JOIN pg_index x ON x.indexrelid = rel.oid
                     {within x.indexrelid}
     WHERE relkind IN ('i', 'I')
 UNION ALL
    SELECT owner,
           ROW(6, relname, s.seqtypid, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache,
               s.seqcycle,
               (SELECT ROW(t.relname, d.refobjsubid, d.deptype)::text
                  FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
                 WHERE d.classid = 'pg_class'::regclass AND d.objid = rel.oid
                   AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
      FROM rel
      JOIN pg_sequence s ON s.seqrelid = rel.oid
                        {within s.seqrelid}
     WHERE relkind = 'S'
 UNION ALL
    SELECT owner, ROW(7, relname, replace(pg_get_viewdef(oid), prefix, ''))
      FROM rel
     WHERE relkind IN ('v', 'm')
 UNION ALL
    SELECT owner,
           ROW(8, relname, t.tgname, t.tgenabled, replace(pg_get_triggerdef(t.oid), prefix, ''))
      FROM rel
      JOIN pg_trigger t ON t.tgrelid = rel.oid AND NOT t.tgisinternal
                       {within t.tgrelid}
"""

SUMS = "sum(hash_record_extended(fact, 0)), sum(hash_record_extended(fact, 1))"

# Few schemas have any of these: one pass over two catalogs answers for all.
OTHER_OBJECTS = f"""
  SELECT namespace, {SUMS}
    FROM (SELECT p.pronamespace AS namespace,
                 ROW(9, p.proname, p.prokind, p.proargtypes::text, p.prorettype, p.prolang,
                     p.prosrc, p.provolatile, p.proisstrict, p.prosecdef,
                     p.proconfig::text) AS fact
            FROM pg_proc p
           WHERE p.pronamespace = ANY(%(namespaces)s::oid[])
             AND p.oid NOT IN (SELECT objid FROM pg_depend
                                WHERE refclassid = 'pg_extension'::regclass
                                  AND classid = 'pg_proc'::regclass AND deptype = 'e')
       UNION ALL
          SELECT t.typnamespace,
                 ROW(10, t.typname, t.typtype, e.enumsortorder, e.enumlabel, t.typbasetype,
                     t.typtypmod, t.typnotnull, t.typdefault)
            FROM pg_type t
       LEFT JOIN pg_enum e ON e.enumtypid = t.oid
           WHERE t.typnamespace = ANY(%(namespaces)s::oid[]) AND t.typtype IN ('e', 'd')
             AND t.oid NOT IN (SELECT objid FROM pg_depend
                                WHERE refclassid = 'pg_extension'::regclass
                                  AND classid = 'pg_type'::regclass AND deptype = 'e')
         ) AS others
GROUP BY namespace
"""


# What belongs to a schema by way of an index, and so at the same cost however large the catalog is.
MEMBERS = """
    SELECT CASE classid WHEN 'pg_class'::regclass THEN 'relation' ELSE 'other' END, objid::bigint
      FROM pg_depend
     WHERE refclassid = 'pg_namespace'::regclass AND refobjid = %(namespace)s
       AND classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)
"""
INDEXES = "SELECT max(indexrelid)::bigint FROM pg_index WHERE indrelid = ANY(%(relations)s::oid[])"


class Fingerprints:
    """Fingerprints by schema oid: 128 bits, two independent sums modulo 2**64."""

    def __init__(self) -> None:
        self._sums: defaultdict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        for oid, first, second in rows:
            before = self._sums[oid]
            self._sums[oid] = (before[0] + int(first), before[1] + int(second))

    def __getitem__(self, oid: int) -> str:
        """Of a schema without any object: 32 zeros."""
        first, second = self._sums[oid]
        return f"{first % 2**64:016x}{second % 2**64:016x}"


def read_fingerprints(
    namespaces: Sequence[int],
    *,
    jobs: int,
    slice_size: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
    database: str = "",
) -> Fingerprints:
    """Read the fingerprints of these schemas over ``jobs`` connections.

    With ``database`` they are in that one on the same server. A slice is ``slice_size`` relations;
    ``progress`` is told slices done and slices in all.
    Raises ``psycopg.Error`` when a statement fails or takes longer than ``READ_TIMEOUT_MS``.
    """
    fingerprints = Fingerprints()
    wanted = list(namespaces)
    with reading(database) as connection:
        parameters = {"namespaces": wanted, "size": slice_size}
        inner = [row[0] for row in connection.execute(BOUNDARIES, parameters)]
        fingerprints.add(connection.execute(OTHER_OBJECTS, parameters))
    edges = [0, *inner, 2**32 - 1]
    slices: SimpleQueue[tuple[int, int]] = SimpleQueue()
    for edge in pairwise(edges):
        slices.put(edge)
    total, done = len(edges) - 1, 0

    def work() -> list[tuple[Any, ...]]:
        """Take slices until none is left; each worker keeps one connection."""
        nonlocal done
        rows: list[tuple[Any, ...]] = []
        with reading(database) as connection:
            statement = _relation_slice(connection)
            while True:
                try:
                    low, high = slices.get_nowait()
                except Empty:
                    return rows
                bounds = {"low": low, "high": high, "namespaces": wanted}
                rows += connection.execute(statement, bounds)
                done += 1
                progress(done, total)

    with ThreadPoolExecutor(max_workers=min(jobs, total)) as pool:
        workers = [pool.submit(copy_context().run, work) for _ in range(min(jobs, total))]
        for worker in as_completed(workers):
            fingerprints.add(worker.result())
    return fingerprints


def read_fingerprint(connection: psycopg.Connection[Any], namespace: int) -> str:
    """The fingerprint of one schema, as the transaction that is open sees it.

    Quick for a schema that was made in one go, whatever else the catalog holds: its relations lie
    close together.
    """
    members = connection.execute(MEMBERS, {"namespace": namespace}).fetchall()
    relations = [oid for sort, oid in members if sort == "relation"]
    others = [oid for sort, oid in members if sort == "other"]
    fingerprints = Fingerprints()
    if others:
        parameters = {"namespaces": [namespace], "oids": others}
        fingerprints.add(connection.execute(_of_oids(), parameters))
    if relations:
        last = connection.execute(INDEXES, {"relations": relations}).fetchone()
        high = max([*relations, *(oid for oid in last or () if oid)])
        bounds = {"low": min(relations) - 1, "high": high, "namespaces": [namespace]}
        fingerprints.add(connection.execute(_relation_slice(connection), bounds))
    return fingerprints[namespace]


def _of_oids() -> str:
    """The statement for certain functions and types alone."""
    narrowed = r"\1.oid = ANY(%(oids)s::oid[]) AND \1.oid NOT IN"
    return re.sub(r"\b([pt])\.oid NOT IN", narrowed, OTHER_OBJECTS)


def _relation_slice(connection: psycopg.Connection[Any]) -> str:
    facts = facts_for(connection, r"AND \1 > %(low)s AND \1 <= %(high)s")
    return (
        f"WITH rel AS MATERIALIZED ({SLICE}), facts AS ({facts}) "
        f"SELECT owner, {SUMS} FROM facts GROUP BY owner"
    )


def facts_for(connection: psycopg.Connection[Any], within: str = "") -> str:
    """``FACTS`` for a server's version; ``within`` bounds each catalog by its column ``\\1``."""
    return _facts(connection.info.server_version >= 150000, within)


@cache
def _facts(newer: bool, within: str) -> str:
    facts = re.sub(r"{within ([\w.]+)}", within, FACTS)
    return facts.replace(
        "{nulls_not_distinct}", "x.indnullsnotdistinct" if newer else "NULL::boolean"
    )
