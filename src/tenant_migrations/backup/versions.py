"""Whether structures stayed as they were while a snapshot was dumped.

Catalog functions, which ``pg_dump`` uses too, always tell the newest structure, not the one of the
snapshot. Every change of a structure writes rows of the catalog anew, and a row carries the number
of the transaction that wrote it. So where a schema's rows are the same ones in the snapshot and
afterwards, nothing was changed in between, not even there and back, and what was read meanwhile is
true for the snapshot.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from tenant_migrations.backup.facts import Schema
from tenant_migrations.exceptions import Refused
from tenant_migrations.fleet.findings import named

# What fingerprints and object maps are made of. ANALYZE, grants, REINDEX of an index and REFRESH of
# a view write rows of pg_class anew, so that its columns are compared instead; a table's file is
# one of them, because rows that TRUNCATE removed are missing in an older snapshot as well.
VERSIONS = """
WITH rel AS MATERIALIZED (
    SELECT oid, relname, relkind, relpersistence, relnamespace AS owner,
           CASE WHEN relkind = 'r' THEN relfilenode END AS file
      FROM pg_class
     WHERE relnamespace = ANY(%(oids)s::oid[])
), versions AS (
    SELECT oid AS owner, ROW(0, nspname) AS version
      FROM pg_namespace
     WHERE oid = ANY(%(oids)s::oid[])
 UNION ALL
    SELECT owner, ROW(1, oid, relname, relkind, relpersistence, file)
      FROM rel
 UNION ALL
    SELECT owner, ROW(2, a.attrelid, a.attnum, a.xmin)
      FROM rel JOIN pg_attribute a ON a.attrelid = rel.oid
     WHERE relkind NOT IN ('i', 'I', 'S') AND a.attnum > 0
 UNION ALL
    SELECT owner, ROW(3, d.oid, d.xmin)
      FROM rel JOIN pg_attrdef d ON d.adrelid = rel.oid
 UNION ALL
    SELECT owner, ROW(4, x.indexrelid, x.xmin)
      FROM rel JOIN pg_index x ON x.indexrelid = rel.oid
 UNION ALL
    SELECT owner, ROW(5, s.seqrelid, s.xmin)
      FROM rel JOIN pg_sequence s ON s.seqrelid = rel.oid
 UNION ALL
    SELECT owner, ROW(6, d.objid, d.refobjid, d.refobjsubid, d.xmin)
      FROM rel JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = rel.oid
                               AND d.refclassid = 'pg_class'::regclass
     WHERE relkind = 'S'
 UNION ALL
    SELECT owner, ROW(7, t.oid, t.xmin)
      FROM rel JOIN pg_trigger t ON t.tgrelid = rel.oid AND NOT t.tgisinternal
 UNION ALL
    SELECT owner, ROW(8, r.oid, r.xmin)
      FROM rel JOIN pg_rewrite r ON r.ev_class = rel.oid
 UNION ALL
    SELECT connamespace, ROW(9, oid, xmin)
      FROM pg_constraint
     WHERE connamespace = ANY(%(oids)s::oid[])
 UNION ALL
    SELECT pronamespace, ROW(10, oid, xmin)
      FROM pg_proc
     WHERE pronamespace = ANY(%(oids)s::oid[])
 UNION ALL
    SELECT t.typnamespace, ROW(11, t.oid, t.xmin, e.oid, e.xmin)
      FROM pg_type t LEFT JOIN pg_enum e ON e.enumtypid = t.oid
     WHERE t.typnamespace = ANY(%(oids)s::oid[]) AND t.typtype NOT IN ('b', 'c', 'p')
)
    SELECT owner, sum(hash_record_extended(version, 0)), sum(hash_record_extended(version, 1))
      FROM versions
  GROUP BY owner
"""


def read_versions(
    connection: "psycopg.Connection[Any]", schemas: Iterable[Schema]
) -> dict[str, tuple[Any, ...]]:
    """What is equal for a schema exactly as long as its structure is not changed; by name.

    As the connection's snapshot shows it. One statement, which reads the catalog once.
    """
    wanted = {schema.oid: schema.name for schema in schemas}
    rows = connection.execute(VERSIONS, {"oids": [*wanted]})
    sums = {oid: (first, second) for oid, first, second in rows}
    return {name: sums.get(oid, ()) for oid, name in wanted.items()}


def refuse_changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Raise ``Refused`` where a structure changed meanwhile: nothing says which was dumped."""
    changed = [name for name, version in before.items() if after.get(name) != version]
    if changed:
        raise Refused(
            f"{named(changed)} changed while the backup was made, and it was thrown away: "
            "make it again when no migrations run"
        )
