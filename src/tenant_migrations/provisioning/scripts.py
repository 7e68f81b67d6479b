"""The script of a reference: made once for each state of it, replayed for each new tenant.

Django builds a schema by passing every migration, which takes seconds; the reference has passed
them already. What it holds is written down as statements, rows and sequences included, together
with the content types and permissions that Django makes, and kept in the database under a digest of
all that it follows from. A reference that holds anything which the statements would lose
(``NOT_COPIED``) has an obstacle instead of a script.
"""

import hashlib
import json
import logging
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import django
from django.apps import apps
from django.db import DatabaseError, transaction

from tenant_migrations import conf
from tenant_migrations.database import (
    one_line,
    public_schema,
    quote,
    schema_in_use,
    sqlstate,
    tenant_connection,
)
from tenant_migrations.fleet.expectation import digest_of
from tenant_migrations.fleet.fingerprints import read_fingerprint
from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.structure import ObjectMap, comparable, read_objects
from tenant_migrations.fleet.tenants import TENANT_KIND, apps_of
from tenant_migrations.logs import event
from tenant_migrations.models import ReferenceScript, ReferenceStep
from tenant_migrations.provisioning.loaded import Note
from tenant_migrations.provisioning.obstacles import finishing, obstacle, unlike_grants
from tenant_migrations.provisioning.receivers import registered, registering
from tenant_migrations.provisioning.rows import inserts, sequence_states, tables_with_rows
from tenant_migrations.provisioning.statements import creation_of
from tenant_migrations.vocabulary import ObjectKind

logger = logging.getLogger("tenant_migrations.provisioning")

FORMAT = 1
"""Counted up when other statements are made of the same reference."""


@dataclass(frozen=True)
class Found:
    """What is kept for a kind."""

    notes: tuple[Note, ...]
    """What the reference has passed."""
    script: ReferenceScript | None
    """``None`` where there is none, or where it was made of something else."""


def find(cursor: Any, kind: str) -> Found:
    """Read what is kept, in one statement. Nothing where public is not migrated yet."""
    try:
        with transaction.atomic(using=tenant_connection().alias):
            passed, key, *texts = _kept(cursor, kind)
    except DatabaseError as error:
        if sqlstate(error) != "42P01":
            raise
        return Found((), None)
    notes = tuple((app, name, digest) for app, name, digest in json.loads(passed))
    if key != _key(kind, notes, cursor):
        return Found(notes, None)
    fields = dict(zip(("statements", "fingerprint", "obstacle"), texts, strict=True))
    return Found(notes, ReferenceScript(kind=kind, key=key, **fields))


def _kept(cursor: Any, kind: str) -> tuple[Any, ...]:
    public = quote(public_schema())
    steps, scripts = (
        f"{public}.{model._meta.db_table}" for model in (ReferenceStep, ReferenceScript)
    )
    cursor.execute(
        f"""
        SELECT (SELECT coalesce(json_agg(json_build_array(app, name, source_digest)
                                         ORDER BY position), '[]')::text
                  FROM {steps} WHERE kind = %s AND app <> ''),
               key, statements, fingerprint, obstacle
          FROM (SELECT 1) AS one
     LEFT JOIN {scripts} ON kind = %s
        """,
        [kind, kind],
    )
    row: tuple[Any, ...] = cursor.fetchone()
    return row


def make(cursor: Any, code: Code, kind: str, reference: str) -> ReferenceScript:
    """Write down a reference schema, or what keeps it from being copied.

    Part of the transaction that is open, in which the reference must not be moved. Makes the
    schema once under a passing name, has Django register content types and permissions there,
    and takes all of it back but the note.
    """
    notes = find(cursor, kind).notes
    draft = _Draft(cursor, code, kind, reference)
    try:
        with transaction.atomic(using=tenant_connection().alias):
            statements, fingerprint = draft.write()
            transaction.set_rollback(True, using=tenant_connection().alias)
        found = {"statements": statements, "fingerprint": fingerprint, "obstacle": ""}
    except _Obstacle as obstacle:
        found = {"statements": "", "fingerprint": "", "obstacle": str(obstacle)}
    except DatabaseError as error:
        if not sqlstate(error).startswith(("0A", "22", "23", "2B", "42")):
            raise
        found = {"statements": "", "fingerprint": "", "obstacle": one_line(error)}
    finally:
        forget_content_types()
    if found["obstacle"]:
        event(logger, logging.WARNING, "reference_not_copied", kind=kind, why=found["obstacle"])
    with schema_in_use(public_schema()):
        script, _ = ReferenceScript.objects.update_or_create(
            kind=kind, defaults={"key": _key(kind, notes, cursor), **found}
        )
    return script


def forget_content_types() -> None:
    """Forget numbers of content types, which are another schema's or were taken back."""
    if apps.is_installed("django.contrib.contenttypes"):
        apps.get_model("contenttypes", "ContentType").objects.clear_cache()


class _Obstacle(Exception):
    """The reference can't be copied. The text says why."""


class _Draft:
    """One schema made of a reference to see what makes it."""

    def __init__(self, cursor: Any, code: Code, kind: str, source: str) -> None:
        self.cursor = cursor
        self.code = code
        self.kind = kind
        self.source = source
        self.name = f"{conf.get().REFERENCE_SCHEMA}_{uuid.uuid4().hex[:16]}"

    def write(self) -> tuple[str, str]:
        """The statements that make it, and the fingerprint of what they make."""
        source = oid_of(self.cursor, self.source)
        objects = read_objects(self.cursor.connection, source, self.source)
        tables = _of_kind(objects, ObjectKind.TABLE)
        filled = tables_with_rows(self.cursor, self.source, tables)
        if reason := obstacle(self.cursor, source, self.source, objects, filled):
            raise _Obstacle(reason)
        self.cursor.execute(f"CREATE SCHEMA {quote(self.name)}")
        target = oid_of(self.cursor, self.name)
        with in_schema(self.name, self.kind):
            self._run(self._script(self.source, objects, filled))
            finish = finishing(self.cursor, source, target)
            self._run(finish)
            registering(tenant_connection().alias, self.code)
        copy = read_objects(self.cursor.connection, target, self.name)
        if digest_of(copy) != digest_of(objects):
            raise _Obstacle(f"a copy lacks {_first_difference(objects, copy)}")
        if name := unlike_grants(self.cursor, source, target):
            raise _Obstacle(f"the reference has grants of its own on {name}")
        filled = tables_with_rows(self.cursor, self.name, tables)
        statements = [*self._script(self.name, objects, filled), *finish]
        return ";\n".join(statements), read_fingerprint(self.cursor.connection, target)

    def _script(self, rows_of: str, objects: ObjectMap, filled: Sequence[str]) -> list[str]:
        """The whole of it, with the rows and sequences of one schema."""
        creation = creation_of(objects, filled)
        sequences = _of_kind(objects, ObjectKind.SEQUENCE)
        return [
            *creation.before_rows,
            *(text for name in filled for text in inserts(self.cursor, rows_of, name, objects)),
            *sequence_states(self.cursor, rows_of, sequences),
            *creation.after_rows,
        ]

    def _run(self, statements: Sequence[str]) -> None:
        if statements:
            with tenant_connection().cursor() as cursor:
                cursor.execute("SET LOCAL check_function_bodies = off")
                cursor.execute(";\n".join(statements))


def in_schema(name: str, kind: str) -> AbstractContextManager[Any]:
    """The schema in use as a tenant of that kind."""
    return schema_in_use(name, kind=None if kind == TENANT_KIND else kind)


def oid_of(cursor: Any, schema: str) -> int:
    """The number of a schema that is there."""
    cursor.execute("SELECT oid::bigint FROM pg_namespace WHERE nspname = %s", [schema])
    return int(cursor.fetchone()[0])


def _key(kind: str, notes: tuple[Note, ...], cursor: Any) -> str:
    """Digest of all that a script follows from."""
    server = cursor.connection.info.server_version
    sources = [FORMAT, server, django.get_version(), sorted(apps_of(kind)), registered(), notes]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def _of_kind(objects: ObjectMap, kind: ObjectKind) -> list[str]:
    return [key.name for key in objects if key.kind is kind]


def _first_difference(objects: ObjectMap, copy: ObjectMap) -> str:
    return next(
        (
            key.display
            for key, text in objects.items()
            if key not in copy or comparable(key, copy[key]) != comparable(key, text)
        ),
        "nothing, but has more",
    )
