"""Content types and permissions: what ``post_migrate`` should have left in each schema.

Like ledgers they are read by ``batches.py`` and told apart by digests.

The expected sets are those of ``django.contrib.contenttypes.management.create_contenttypes`` and
``django.contrib.auth.management.create_permissions``: all models of all installed apps, whichever
schema their tables are in.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg
from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.db.models import Model
from psycopg import sql

from tenant_migrations.fleet import findings
from tenant_migrations.fleet.batches import Question, Rows, ask
from tenant_migrations.fleet.findings import Finding
from tenant_migrations.fleet.tenants import apps_of

Name = tuple[str, ...]
"""App label and model, for a permission with its codename."""

TYPES_TABLE = "django_content_type"
PERMISSIONS_TABLE = "auth_permission"

CONTENT_TYPES = sql.SQL("SELECT app_label, model, '' AS codename FROM {types}")

# A content type without any permission has one row, with an empty codename.
CONTENT_TYPES_AND_PERMISSIONS = sql.SQL("""
    SELECT t.app_label, t.model, coalesce(p.codename, '') AS codename
      FROM {types} t
 LEFT JOIN {permissions} p ON p.content_type_id = t.id
""")


@dataclass(frozen=True)
class Registry:
    """What schemas of one kind should hold."""

    has_content_types: bool
    has_permissions: bool

    @classmethod
    def of(cls, kind: str) -> "Registry":
        labels = apps_of(kind)
        types = apps.is_installed("django.contrib.contenttypes") and "contenttypes" in labels
        return cls(types, types and apps.is_installed("django.contrib.auth") and "auth" in labels)

    @cached_property
    def content_types(self) -> frozenset[Name]:
        return frozenset(
            (config.label, model._meta.model_name or "")
            for config in apps.get_app_configs()
            if config.models_module
            for model in config.get_models()
        )

    @cached_property
    def permissions(self) -> frozenset[Name]:
        if not self.has_permissions:
            return frozenset()
        return frozenset(
            (config.label, model._meta.model_name or "", codename)
            for config in apps.get_app_configs()
            if config.models_module
            for model in config.get_models()
            for codename in _codenames(model)
        )

    @property
    def question(self) -> Question:
        """What tells schemas apart that hold different ones."""
        tables: list[tuple[str, Sequence[str]]] = [(TYPES_TABLE, ("id", "app_label", "model"))]
        if self.has_permissions:
            tables.append((PERMISSIONS_TABLE, ("content_type_id", "codename")))
        return Question(tables, _digest)

    def rows_of(self, schema: str) -> sql.Composed:
        """The query that lists what a schema holds."""
        types = sql.Identifier(schema, TYPES_TABLE)
        if not self.has_permissions:
            return CONTENT_TYPES.format(types=types)
        permissions = sql.Identifier(schema, PERMISSIONS_TABLE)
        return CONTENT_TYPES_AND_PERMISSIONS.format(types=types, permissions=permissions)


def _digest(types: Rows, permissions: Rows = ()) -> str:
    """Of names alone: ids differ from tenant to tenant."""
    names = {type_id: f"{app}\x1f{model}" for type_id, app, model in types}
    lines = [*names.values(), *(f"{names.get(of)}\x1f{codename}" for of, codename in permissions)]
    return hashlib.sha256("\x1e".join(sorted(lines)).encode()).hexdigest()


def _codenames(model: type[Model]) -> list[str]:
    """As ``django.contrib.auth.management._get_all_permissions``: built-in ones, then custom."""
    options = model._meta
    builtin = [get_permission_codename(action, options) for action in options.default_permissions]
    return [*builtin, *(codename for codename, _ in options.permissions)]


def read_digests(
    connection: psycopg.Connection[Any],
    schemas: Sequence[str],
    registry: Registry,
    *,
    batch: int,
    jobs: int = 1,
) -> dict[str, str]:
    """Digest per schema, by ``batches.ask``.

    One whose tables are missing is left out: the structure tells that.
    """

    digests, errors = ask(connection, schemas, registry.question, batch=batch, jobs=jobs)
    for error in errors.values():
        if not isinstance(error, (psycopg.ProgrammingError, psycopg.errors.QueryCanceled)):
            raise error
    return digests


def read_findings(
    connection: psycopg.Connection[Any], schema: str, registry: Registry
) -> list[Finding]:
    """What one schema lacks or keeps, by name."""
    held = set(connection.execute(registry.rows_of(schema)))
    types = {(app, model) for app, model, _ in held}
    found = []
    if missing := sorted(registry.content_types - types):
        found.append(findings.content_types_missing([".".join(name) for name in missing]))
    if lacking := sorted(registry.permissions - held):
        names = [f"{app}.{codename}" for app, _, codename in lacking]
        found.append(findings.permissions_missing(names))
    if stale := sorted(types - registry.content_types):
        found.append(findings.content_types_stale([".".join(name) for name in stale]))
    return found
