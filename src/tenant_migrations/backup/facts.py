"""What a manifest says of a database: read set by set, in the snapshot that is dumped.

Catalog functions always tell the newest structure, not the snapshot's; ``versions.py`` proves that
there was no change in between.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from tenant_migrations import conf
from tenant_migrations.backup.manifest import Source
from tenant_migrations.database import one_line, public_schema, reading
from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.fleet import ledger
from tenant_migrations.fleet.expectation import digest_of
from tenant_migrations.fleet.fingerprints import read_fingerprints
from tenant_migrations.fleet.graph import MigrationKey
from tenant_migrations.fleet.structure import ObjectKey, ObjectMap, read_objects
from tenant_migrations.fleet.tenants import PUBLIC_KIND, Tenant
from tenant_migrations.vocabulary import ObjectKind

OTHER_KIND = "other"

NAME = r'(?:"(?:[^"]|"")+"|[^".\s(]+)'
ELSEWHERE = re.compile(rf" REFERENCES {NAME}\.{NAME}")
"""A foreign key to another schema; object maps print a schema's own names bare."""

SCHEMAS = """
    SELECT n.oid, n.nspname, pg_get_userbyid(n.nspowner),
           CASE WHEN n.nspacl IS NOT NULL
                THEN (SELECT coalesce(json_agg(json_build_array(
                                 CASE WHEN a.grantee = 0 THEN '' ELSE pg_get_userbyid(a.grantee)
                                 END, a.privilege_type, a.is_grantable)), '[]')
                        FROM aclexplode(n.nspacl) a) END,
           (SELECT count(*) > 0 FROM pg_class c
             WHERE c.relnamespace = n.oid AND c.relname = %s AND c.relkind IN ('r', 'p'))
      FROM pg_namespace n
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  ORDER BY n.nspname
"""

# An index has its table's owner, a row type its table's: relations, functions and types will do.
ROLES = """
    SELECT DISTINCT pg_get_userbyid(role)
      FROM (SELECT relowner AS role FROM pg_class WHERE relnamespace = ANY(%(oids)s)
      UNION SELECT proowner FROM pg_proc WHERE pronamespace = ANY(%(oids)s)
      UNION SELECT typowner FROM pg_type WHERE typnamespace = ANY(%(oids)s)
      UNION SELECT nspowner FROM pg_namespace WHERE oid = ANY(%(oids)s)
      UNION SELECT a.grantee FROM pg_class c, aclexplode(c.relacl) a
             WHERE c.relnamespace = ANY(%(oids)s)
      UNION SELECT a.grantee FROM pg_namespace n, aclexplode(n.nspacl) a
             WHERE n.oid = ANY(%(oids)s)
      UNION SELECT a.grantee FROM pg_default_acl d, aclexplode(d.defaclacl) a
             WHERE d.defaclnamespace = ANY(%(oids)s)) AS roles
     WHERE role <> 0 ORDER BY 1
"""

# What pg_dump leaves out where schemas are chosen, but for extensions and large objects.
UNSCOPED = """
WITH unscoped AS (
    SELECT 'pg_event_trigger'::regclass AS catalog, oid, format('event trigger %I', evtname) AS name
      FROM pg_event_trigger
 UNION ALL
    SELECT 'pg_publication'::regclass, oid, format('publication %I', pubname)
      FROM pg_publication
 UNION ALL
    SELECT 'pg_subscription'::regclass, oid, format('subscription %I', subname)
      FROM pg_subscription
     WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 UNION ALL
    SELECT 'pg_foreign_data_wrapper'::regclass, oid, format('foreign data wrapper %I', fdwname)
      FROM pg_foreign_data_wrapper
 UNION ALL
    SELECT 'pg_foreign_server'::regclass, oid, format('server %I', srvname)
      FROM pg_foreign_server
 UNION ALL
    SELECT 'pg_language'::regclass, oid, format('language %I', lanname)
      FROM pg_language
     WHERE oid >= 16384
 UNION ALL
    SELECT 'pg_cast'::regclass, oid,
           format('cast from %s to %s', castsource::regtype, casttarget::regtype)
      FROM pg_cast
     WHERE oid >= 16384
 UNION ALL
    SELECT 'pg_default_acl'::regclass, oid,
           format('default privileges of %I', pg_get_userbyid(defaclrole))
      FROM pg_default_acl
     WHERE defaclnamespace = 0
)
    SELECT DISTINCT name
      FROM unscoped u
     WHERE NOT EXISTS (SELECT 1 FROM pg_depend d
                        WHERE d.classid = u.catalog AND d.objid = u.oid AND d.deptype = 'e')
  ORDER BY 1
"""

EXTENSIONS = """
    SELECT e.extname, n.nspname
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname <> 'plpgsql'
"""

DATABASE = """
    SELECT d.datname, pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
           coalesce(to_jsonb(d)->>'datlocprovider', 'c'),
           coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale', '')
      FROM pg_database d
     WHERE d.datname = current_database()
"""

# Heap and TOAST of tables: what a dump reads. The maps beside them, which pg_table_size would look
# at too, are most of the files of a fleet.
DATA_BYTES = """
    SELECT coalesce(sum(pg_relation_size(oid)
                        + CASE WHEN reltoastrelid = 0 THEN 0
                               ELSE pg_relation_size(reltoastrelid) END), 0)::bigint
      FROM pg_class
     WHERE relnamespace = ANY(%s) AND relkind IN ('r', 'm')
"""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema that is there."""

    oid: int
    name: str
    owner: str
    grants: list[list[Any]] | None
    has_ledger: bool


def read_schemas(connection: psycopg.Connection[Any]) -> dict[str, Schema]:
    """Every schema that is not PostgreSQL's own, by name."""
    rows = connection.execute(SCHEMAS, (ledger.LEDGER_TABLE,))
    return {row[1]: Schema(*row) for row in rows}


def read_source(connection: psycopg.Connection[Any]) -> Source:
    """Which database this is."""
    name, encoding, collate, ctype, provider, locale = _row(connection.execute(DATABASE))
    return Source(
        database=name,
        system_identifier=system_identifier(connection),
        server_version=connection.info.server_version,
        encoding=encoding,
        collate=collate,
        ctype=ctype,
        provider=provider,
        locale=locale,
    )


def system_identifier(connection: psycopg.Connection[Any]) -> str:
    """What tells one server from all others; empty where this role may not ask."""
    try:
        with connection.transaction():
            row = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return ""
    return str(row[0]) if row else ""


@contextmanager
def snapshot() -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """A connection that keeps showing one moment, and the name under which others can join it."""
    with reading() as connection:
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield connection, _row(connection.execute("SELECT pg_export_snapshot()"))[0]


def read_structures(
    connection: psycopg.Connection[Any],
    schemas: Iterable[Schema],
    *,
    jobs: int,
    database: str = "",
) -> dict[str, tuple[str, str]]:
    """Digests of structures by schema name, as they are now: see ``digests_of``.

    Of schemas with one fingerprint only one is read out, on the connection, which is to
    ``database`` where that is named. Fingerprints are read over ``jobs`` connections more.
    """
    wanted = list(schemas)
    prints = {schema.name: schema.name for schema in wanted}
    if len(wanted) > 1:  # One alone is like no other, and read out quicker.
        prints = _fingerprints_of(wanted, jobs, database)
    known: dict[str, tuple[str, str]] = {}
    for schema in wanted:
        if prints[schema.name] not in known:
            objects = read_objects(connection, schema.oid, schema.name)
            known[prints[schema.name]] = digests_of(objects)
    return {schema.name: known[prints[schema.name]] for schema in wanted}


def _fingerprints_of(wanted: Sequence[Schema], jobs: int, database: str) -> dict[str, str]:
    """Fingerprint by schema name, as the structures are now."""
    try:
        prints = read_fingerprints(
            [schema.oid for schema in wanted],
            jobs=jobs,
            slice_size=conf.get().READ_BATCH,
            database=database,
        )
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"the structures can't be read: {one_line(error)}") from error
    return {schema.name: prints[schema.oid] for schema in wanted}


def digests_of(objects: ObjectMap) -> tuple[str, str]:
    """Digest of a structure, and the same without foreign keys to other schemas."""
    own = {key: text for key, text in objects.items() if not points_elsewhere(key, text)}
    return digest_of(objects), digest_of(own)


def points_elsewhere(key: ObjectKey, definition: str) -> bool:
    """Whether an object is a foreign key to another schema."""
    return key.kind is ObjectKind.CONSTRAINT and bool(ELSEWHERE.search(definition))


def kind_of(name: str, tenants: Mapping[str, Tenant]) -> str:
    """``public``, the tenant's kind, or ``other``."""
    if name == public_schema():
        return PUBLIC_KIND
    return tenants[name].kind if name in tenants else OTHER_KIND


def read_ledgers(
    connection: psycopg.Connection[Any], schemas: Iterable[Schema]
) -> tuple[dict[str, str], dict[str, list[MigrationKey]]]:
    """Digest of each schema's ledger, and the migrations behind each digest."""
    names = [schema.name for schema in schemas if schema.has_ledger]
    digests, errors = ledger.read_digests(connection, names, batch=conf.get().LEDGER_BATCH)
    if errors:
        name, reason = sorted(errors.items())[0]
        raise DatabaseUnavailable(f"the ledger of {name!r} can't be read: {reason}")
    first = {digest: name for name, digest in reversed(digests.items())}
    rows = {
        digest: sorted(ledger.read_rows(connection, name).keys) for digest, name in first.items()
    }
    return digests, rows


def read_roles(connection: psycopg.Connection[Any], oids: list[int]) -> list[str]:
    """Owners and grantees in these schemas."""
    return [name for (name,) in connection.execute(ROLES, {"oids": oids})]


def read_extensions(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Schema of each extension."""
    return dict(connection.execute(EXTENSIONS).fetchall())


def read_unscoped(connection: psycopg.Connection[Any]) -> list[str]:
    """What belongs to no schema and to no extension, as people call it."""
    return [name for (name,) in connection.execute(UNSCOPED)]


def count_large_objects(connection: psycopg.Connection[Any]) -> int:
    """Of the whole database: they belong to no schema."""
    return int(_row(connection.execute("SELECT count(*) FROM pg_largeobject_metadata"))[0])


def data_bytes(connection: psycopg.Connection[Any], oids: list[int]) -> int:
    """What the tables of these schemas take on disk, without indexes."""
    return int(_row(connection.execute(DATA_BYTES, (oids,)))[0])


def _row(cursor: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = cursor.fetchone()
    return row
