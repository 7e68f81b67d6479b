"""New tenants from the reference: its structure and rows, made again under another name.

Django builds a schema by passing every migration, which takes seconds; the reference has passed
them already. What the object map holds is created from it, with comments, the rows that data
migrations made and the state of sequences, and the result is compared with the reference before it
commits. A reference that holds anything else (``NOT_COPIED``) is left to Django's way.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import transaction
from django_tenants.signals import schema_migrated, schema_pre_migration

from tenant_migrations import conf, locks
from tenant_migrations.database import quote, schema_in_use, tenant_connection
from tenant_migrations.fleet.expectation import digest_of
from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.ledger import LEDGER_TABLE
from tenant_migrations.fleet.remedies import completing, in_order, remedy
from tenant_migrations.fleet.structure import ObjectKey, ObjectMap, comparable, read_objects
from tenant_migrations.fleet.tenants import TENANT_KIND
from tenant_migrations.provisioning.reference import bring_forward_kind
from tenant_migrations.vocabulary import ObjectKind

# What a schema may hold and an object map does not: one row is enough to leave it to Django.
NOT_COPIED = """
    SELECT 'row security' FROM pg_class WHERE relnamespace = %(oid)s AND relrowsecurity
 UNION ALL
    SELECT 'storage options' FROM pg_class
     WHERE relnamespace = %(oid)s AND relkind IN ('r', 'p', 'v', 'm') AND reloptions IS NOT NULL
 UNION ALL
    SELECT 'inheritance' FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
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
    SELECT 'grants' FROM pg_class WHERE relnamespace = %(oid)s AND relacl IS NOT NULL
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
     WHERE d.classoid = 'pg_class'::regclass AND c.relnamespace = %s
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

SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = %s"


def fill_new_schema(schema_name: str, kind: str = TENANT_KIND) -> bool:
    """Bring an empty schema to the code, from the reference where that is sound.

    Copying is one transaction; while it runs the reference is not moved. Where the reference can't
    be had or copied, Django's ``migrate_schemas`` does it. Says whether it was copied. Sends the
    signals that ``migrate_schemas`` would send. Not to be called inside a transaction. After a
    failure the schema is empty, or as far as Django's way got.
    """
    code = Code()
    reference = bring_forward_kind(code, kind)
    if reference is not None and code.standing(code.ledger_of(reference.passed)).pending == ():
        schema_pre_migration.send(fill_new_schema, schema_name=schema_name)
        if _Copy(reference.schema_name, schema_name, kind).run():
            schema_migrated.send(fill_new_schema, schema_name=schema_name)
            return True
    call_command("migrate_schemas", schema_name=schema_name, interactive=False, verbosity=0)
    return False


class _Copy:
    """One copy of one reference schema."""

    def __init__(self, source: str, target: str, kind: str) -> None:
        self.source = source
        self.target = target
        self.kind = kind
        self.connection: Any = tenant_connection()

    def run(self) -> bool:
        """Whether the target was filled; false, and nothing done, where that is not sound."""
        tenant_type = None if self.kind == TENANT_KIND else self.kind
        with (
            transaction.atomic(using=self.connection.alias),
            schema_in_use(self.target, kind=tenant_type),
            self.connection.cursor() as self.cursor,
        ):
            self._execute(f"SET LOCAL lock_timeout = {conf.get().LOCK_TIMEOUT_MS}")
            if not locks.share_lock_transaction(self.connection, locks.REFERENCE, self.kind):
                return False
            source, target = self._oid(self.source), self._oid(self.target)
            objects = read_objects(self.cursor.connection, source, self.source)
            self.tables = [key.name for key in objects if key.kind is ObjectKind.TABLE]
            if self._query(NOT_COPIED, {"oid": source}) or self._names_itself():
                return False
            emit_pre_migrate_signal(0, False, self.connection.alias, apps=apps, plan=[])
            self._create(objects, source, target)
            copy = read_objects(self.cursor.connection, target, self.target)
            if digest_of(copy) != digest_of(objects):
                transaction.set_rollback(True, using=self.connection.alias)
                return False
            emit_post_migrate_signal(0, False, self.connection.alias, apps=apps, plan=[])
        return True

    def _create(self, objects: ObjectMap, source: int, target: int) -> None:
        """Tables, then rows, then what looks at rows: foreign keys, views, triggers, comments."""
        first, then = _statements(objects)
        self._execute("SET LOCAL check_function_bodies = off")
        self._execute(";\n".join(first))
        for table in self._tables_with_rows():
            self._copy_rows(table, objects)
        for name, last in self._query(SEQUENCES, [self.source]):
            if last is not None:
                self._execute("SELECT setval(%s::regclass, %s)", [self._qualified(name), last])
        then += [row[0] for row in self._query(COMMENTS, [source])]
        names = self._query(NOT_NULL_NAMES, {"source": source, "target": target})
        self._execute(";\n".join([*then, *(row[0] for row in names)]))

    def _copy_rows(self, table: str, objects: ObjectMap) -> None:
        columns = ", ".join(
            quote(key.name)
            for key, text in objects.items()
            if key.kind is ObjectKind.COLUMN
            and key.relation == table
            and " GENERATED ALWAYS AS (" not in text
        )
        rows = f"SELECT {columns} FROM {quote(self.source)}.{quote(table)}"
        self._execute(
            f"INSERT INTO {self._qualified(table)} ({columns}) OVERRIDING SYSTEM VALUE {rows}"
        )
        if table == LEDGER_TABLE:
            self._execute(f"UPDATE {self._qualified(table)} SET applied = now()")

    def _tables_with_rows(self) -> list[str]:
        selects = [
            f"SELECT {position} WHERE EXISTS (SELECT 1 FROM {quote(self.source)}.{quote(name)})"
            for position, name in enumerate(self.tables)
        ]
        return [self.tables[row[0]] for row in self._query(" UNION ALL ".join(selects))]

    def _names_itself(self) -> bool:
        """Whether a data migration wrote down the schema's name: then rows are not to be copied."""
        selects = [
            f"SELECT 1 FROM {quote(self.source)}.{quote(name)} t WHERE strpos(t::text, %s) > 0"
            for name in self._tables_with_rows()
        ]
        return bool(
            self._query(" UNION ALL ".join(selects) + " LIMIT 1", [self.source] * len(selects))
        )

    def _oid(self, schema: str) -> int:
        rows = self._query("SELECT oid FROM pg_namespace WHERE nspname = %s", [schema])
        return int(rows[0][0])

    def _qualified(self, name: str) -> str:
        return f"{quote(self.target)}.{quote(name)}"

    def _execute(self, statement: str, parameters: Sequence[Any] | None = None) -> None:
        self.cursor.execute(statement, parameters)

    def _query(self, statement: str, parameters: Any = None) -> list[Any]:
        self.cursor.execute(statement, parameters)
        return list(self.cursor.fetchall())


def _statements(objects: ObjectMap) -> tuple[list[str], list[str]]:
    """What creates everything in a map: before its rows are there, and after."""
    whole = [
        made for key in _independent(objects) if (made := remedy(key, objects[key], None, objects))
    ]
    tables = {key.name for key in objects if key.kind is ObjectKind.TABLE}
    late = [part for table in tables for part in completing(table, objects)]
    late += [made for made in whole if made.key.kind is ObjectKind.VIEW]
    early = [made for made in whole if made.key.kind is not ObjectKind.VIEW]
    return (
        [text for made in in_order(early, objects) for text in made.statements],
        [text for made in in_order(late, objects) for text in made.statements],
    )


def _independent(objects: ObjectMap) -> Iterator[ObjectKey]:
    """Objects that do not come with a table."""
    tables = {
        key.name
        for key, text in objects.items()
        if key.kind is ObjectKind.TABLE and comparable(key, text) == "table"
    }
    for key in objects:
        if key.kind is ObjectKind.TABLE or key.relation not in tables:
            yield key
