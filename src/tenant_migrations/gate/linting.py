"""Linting: what two linters say of a migration's SQL, as it would run inside a tenant's schema.

Asked in ``public``, where linters usually ask, the operations of tenant apps are no-ops, and
everything looks safe.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.migrations.loader import MigrationLoader

from tenant_migrations.database import public_schema, schema_in_use
from tenant_migrations.exceptions import TenantMigrationsError
from tenant_migrations.fleet.graph import MigrationKey
from tenant_migrations.fleet.tenants import TENANT_KIND, Tenant, apps_of
from tenant_migrations.gate.recipes import NOT_OURS, Recipe, recipe_for

REVIEWED = re.compile(r"^\s*#\s*reviewed:\s*([\w-]+)\s*:\s*(\S.*)$", re.MULTILINE)
"""``# reviewed: RECIPE: reason``, in the migration's file."""


@dataclass(frozen=True)
class Unsafe:
    """One unsafe thing in a migration."""

    recipe: Recipe
    statement: str


def sql_of(key: MigrationKey, tenant: Tenant) -> list[str]:
    """The statements of a migration in a tenant's schema, or in public for a shared app.

    Nothing is executed. Raises what Django raises where it can't tell without running.
    """
    of_tenants = key[0] in apps_of(tenant.kind)
    schema = tenant.schema_name if of_tenants else public_schema()
    kind = tenant.kind if of_tenants and tenant.kind != TENANT_KIND else None
    with schema_in_use(schema, kind=kind) as connection:
        loader = MigrationLoader(connection, replace_migrations=False)
        lines: list[str] = loader.collect_sql([(loader.graph.nodes[key], False)])
    return [line for line in lines if line.strip() and not line.startswith("--")]


def unsafe_in(statements: list[str], *, atomic: bool, new_tables: Iterable[str]) -> list[Unsafe]:
    """What both linters find, once for each statement and recipe.

    Tables that are made in the same change (``new_tables``, as they are quoted in SQL) have no rows
    and no old code that uses them.
    """
    known = [f"CREATE TABLE {table} ();" for table in new_tables]
    found: dict[tuple[str, str], Unsafe] = {}
    for unsafe in (*_squawk(statements, known, atomic), *_django_linter(statements, known)):
        found.setdefault((unsafe.recipe.name, unsafe.statement), unsafe)
    return [
        unsafe
        for (name, statement), unsafe in found.items()
        if statement or not any(other == name and text for other, text in found)
    ]


def reviewed_in(source: str) -> Mapping[str, str]:
    """Recipes that a person has let pass in a migration's file, with the reasons."""
    return dict(REVIEWED.findall(source))


def _squawk(statements: list[str], known: list[str], atomic: bool) -> Iterable[Unsafe]:
    """One statement a line, so that a finding's line tells its statement."""
    lines = [*known, *(" ".join(statement.split()) for statement in statements)]
    program = Path(sys.executable).with_name("squawk")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "migration.sql")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [str(program), "--reporter=json", f"--exclude={','.join(sorted(NOT_OURS))}"]
        if atomic:
            command.append("--assume-in-transaction")
        try:
            done = subprocess.run(
                [*command, str(path)], capture_output=True, text=True, check=False, cwd=folder
            )
        except OSError as error:
            raise TenantMigrationsError(
                f"{program} can't be run ({error.strerror}): pip install squawk-cli"
            ) from error
    try:
        findings: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    except ValueError as error:
        raise TenantMigrationsError(f"squawk gave no answer: {done.stderr.strip()}") from error
    for finding in findings:
        if finding["line"] >= len(known) and finding["rule_name"] not in NOT_OURS:
            recipe = recipe_for(finding["rule_name"], finding["message"], finding["help"] or "")
            yield Unsafe(recipe, lines[finding["line"]])


def _django_linter(statements: list[str], known: list[str]) -> Iterable[Unsafe]:
    try:
        # For development only.
        from django_migration_linter.sql_analyser.analyser import (  # noqa: PLC0415
            analyse_sql_statements,
        )
        from django_migration_linter.sql_analyser.postgresql import (  # noqa: PLC0415
            PostgresqlAnalyser,
        )
    except ImportError as error:
        raise TenantMigrationsError(
            "django-migration-linter is not installed: pip install django-migration-linter"
        ) from error
    errors, _, warnings = analyse_sql_statements(PostgresqlAnalyser, [*known, *statements])
    for issue in (*errors, *warnings):
        yield Unsafe(recipe_for(issue.code, issue.message), "")
