"""What keeps a reference from being copied: things that its script would not have.

What an object map does not hold is read from the catalog here: either as statements that make it
again (comments, storage options, names of NOT NULL constraints), or as the name of an obstacle.
"""

from collections.abc import Sequence
from typing import Any

from tenant_migrations.database import quote
from tenant_migrations.fleet.structure import ObjectMap

# One row is enough to leave the schema to Django's way.
NOT_COPIED = """
    SELECT 'row security' FROM pg_class WHERE relnamespace = %(oid)s AND relrowsecurity
 UNION ALL
    SELECT 'inheritance or partitions' FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE c.relnamespace = %(oid)s
 UNION ALL
    SELECT 'rules' FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
     WHERE c.relnamespace = %(oid)s AND r.rulename <> '_RETURN'
 UNION ALL
    SELECT 'extended statistics' FROM pg_statistic_ext WHERE stxnamespace = %(oid)s
 UNION ALL
    SELECT 'operators' FROM pg_operator WHERE oprnamespace = %(oid)s
 UNION ALL
    SELECT 'collations' FROM pg_collation WHERE collnamespace = %(oid)s
 UNION ALL
    SELECT 'aggregates' FROM pg_proc WHERE pronamespace = %(oid)s AND prokind IN ('a', 'w')
 UNION ALL
    SELECT 'composite types' FROM pg_class WHERE relnamespace = %(oid)s AND relkind = 'c'
 UNION ALL
    SELECT 'range types' FROM pg_type WHERE typnamespace = %(oid)s AND typtype IN ('r', 'm')
 UNION ALL
    SELECT 'default grants' FROM pg_default_acl WHERE defaclnamespace = %(oid)s
 UNION ALL
    SELECT 'a tablespace of its own' FROM pg_class
     WHERE relnamespace = %(oid)s AND reltablespace <> 0
 UNION ALL
    SELECT 'storage options of a constraint' FROM pg_class c
     WHERE c.relnamespace = %(oid)s AND c.relkind = 'i' AND c.reloptions IS NOT NULL
       AND EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid)
 UNION ALL
    SELECT 'replica identity' FROM pg_class
     WHERE relnamespace = %(oid)s AND relkind = 'r' AND relreplident <> 'd'
 UNION ALL
    SELECT 'options, grants or storage of a column'
      FROM pg_attribute a
      JOIN pg_class c ON c.oid = a.attrelid
      JOIN pg_type t ON t.oid = a.atttypid
     WHERE c.relnamespace = %(oid)s AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
       AND (a.attoptions IS NOT NULL OR a.attacl IS NOT NULL OR a.attcompression <> ''
            OR a.attstorage <> t.typstorage)
 UNION ALL
    SELECT 'comments on something other than relations and columns'
      FROM pg_description d
     WHERE (d.classoid, d.objoid) IN (
            SELECT 'pg_constraint'::regclass::oid, oid FROM pg_constraint
             WHERE connamespace = %(oid)s
         UNION ALL
            SELECT 'pg_proc'::regclass::oid, oid FROM pg_proc WHERE pronamespace = %(oid)s
         UNION ALL
            SELECT 'pg_type'::regclass::oid, oid FROM pg_type WHERE typnamespace = %(oid)s
         UNION ALL
            SELECT 'pg_trigger'::regclass::oid, t.oid
              FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
             WHERE c.relnamespace = %(oid)s)
"""

COMMENTS = """
    SELECT CASE WHEN d.objsubid > 0
                THEN format('COMMENT ON COLUMN %%I.%%I IS %%L', c.relname, a.attname, d.description)
                ELSE format('COMMENT ON %%s %%I IS %%L',
                            CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                                           WHEN 'i' THEN 'INDEX' WHEN 'S' THEN 'SEQUENCE'
                                           ELSE 'TABLE' END, c.relname, d.description) END
      FROM pg_description d
      JOIN pg_class c ON c.oid = d.objoid
 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
     WHERE d.classoid = 'pg_class'::regclass AND c.relnamespace = %(source)s
"""

OPTIONS = """
    SELECT format('ALTER %%s %%I SET (%%s)',
                  CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                                 ELSE 'TABLE' END,
                  c.relname,
                  (SELECT string_agg(format('%%I = %%L', o.option_name, o.option_value), ', ')
                     FROM pg_options_to_table(c.reloptions) o))
      FROM pg_class c
     WHERE c.relnamespace = %(source)s AND c.relkind IN ('r', 'v', 'm')
       AND c.reloptions IS NOT NULL
"""

# From PostgreSQL 18 on NOT NULL is a constraint with a name, which a renamed column keeps.
NOT_NULL_NAMES = """
    SELECT format('ALTER TABLE %%I RENAME CONSTRAINT %%I TO %%I',
                  t.relname, copy.conname, k.conname)
      FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.conrelid AND c.relnamespace = %(source)s
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
      JOIN pg_class t ON t.relname = c.relname AND t.relnamespace = %(target)s
      JOIN pg_attribute b ON b.attrelid = t.oid AND b.attname = a.attname
      JOIN pg_constraint copy ON copy.conrelid = t.oid AND copy.contype = 'n'
                             AND copy.conkey[1] = b.attnum AND copy.conname <> k.conname
     WHERE k.contype = 'n'
"""


# What default privileges of the database grant, a copy has as well.
GRANTS = """
    SELECT c.relname
      FROM pg_class c
      JOIN pg_class t ON t.relname = c.relname AND t.relnamespace = %(target)s
     WHERE c.relnamespace = %(source)s AND c.relacl::text IS DISTINCT FROM t.relacl::text
 UNION ALL
    SELECT p.proname
      FROM pg_proc p
      JOIN pg_proc t ON t.proname = p.proname AND t.pronamespace = %(target)s
                    AND pg_get_function_identity_arguments(t.oid)
                      = pg_get_function_identity_arguments(p.oid)
     WHERE p.pronamespace = %(source)s AND p.proacl::text IS DISTINCT FROM t.proacl::text
 UNION ALL
    SELECT n.nspname
      FROM pg_namespace n
      JOIN pg_namespace t ON t.oid = %(target)s
     WHERE n.oid = %(source)s AND n.nspacl::text IS DISTINCT FROM t.nspacl::text
     LIMIT 1
"""


def obstacle(cursor: Any, oid: int, schema: str, objects: ObjectMap, filled: Sequence[str]) -> str:
    """What a copy of this schema would lose, or wrongly have; empty where there is nothing."""
    cursor.execute(NOT_COPIED + " LIMIT 1", {"oid": oid})
    if row := cursor.fetchone():
        return f"the reference has {row[0]}"
    for key, text in objects.items():
        if schema in text:
            return f"{key.display} names the schema that it was made in"
    for table in filled:
        cursor.execute(
            f"SELECT 1 FROM {quote(schema)}.{quote(table)} t WHERE strpos(t::text, %s) > 0 LIMIT 1",
            [schema],
        )
        if cursor.fetchone():
            return f"a data migration wrote the name of its schema into {table}"
    return ""


def finishing(cursor: Any, source: int, target: int) -> list[str]:
    """Statements for what the object map does not hold, made by comparing a copy so far."""
    statements: list[str] = []
    for query in (COMMENTS, OPTIONS, NOT_NULL_NAMES):
        cursor.execute(query, {"source": source, "target": target})
        statements += [row[0] for row in cursor.fetchall()]
    return statements


def unlike_grants(cursor: Any, source: int, target: int) -> str:
    """Something that others have other rights to in a copy than in its source; or empty."""
    cursor.execute(GRANTS, {"source": source, "target": target})
    row = cursor.fetchone()
    return str(row[0]) if row else ""
