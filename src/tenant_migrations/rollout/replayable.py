"""What may be replayed: which operations execute the same SQL in every tenant that looks alike.

Django makes the SQL of an operation from the migration's states and, for some, from what the
catalog says of the tables at hand (names of constraints and indexes). In tenants with the same
ledger and the same look of those tables it is therefore the same text, and what one tenant's
operations executed can be executed in the next without making it again. This table says for which
operations that holds. Whatever it does not name (a project's own operations and fields, code,
values that differ from call to call) runs for real in every tenant.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, router
from django.db.migrations import Migration, RunPython
from django.db.migrations.operations import fields, models, special
from django.db.migrations.operations.base import Operation

SAME_ANYWHERE = ""
"""No reason against replaying."""

STEADY_DEFAULTS = (dict, list, set, tuple, str, bytes, int, float, bool)
"""Callables that return the same value whenever they are called."""

KNOWN_ROUTERS = ("django_tenants.routers",)
"""Modules whose routers decide alike for all tenants of one type."""


def obstacle(migration: Migration) -> str:
    """Why a migration has to run for real in every tenant; empty where it may be replayed."""
    if not migration.atomic:
        return "it runs outside a transaction"
    return _first(map(_against, migration.operations))


def router_obstacle() -> str:
    """Why nothing may be replayed in this project: a router may send tenants different ways."""
    for known in router.routers:
        module = type(known).__module__
        if hasattr(known, "allow_migrate") and module not in KNOWN_ROUTERS:
            return f"the router {module}.{type(known).__name__} may decide by tenant"
    return SAME_ANYWHERE


def _against(operation: Operation) -> str:
    judge = OPERATIONS.get(type(operation))
    if judge is None:
        kind = type(operation)
        return f"{kind.__module__}.{kind.__name__} is not known to be the same in every tenant"
    return judge(operation)


def _steady(operation: Any) -> str:
    return SAME_ANYWHERE


def _parts(operation: special.SeparateDatabaseAndState) -> str:
    return _first(map(_against, operation.database_operations))


def _code(operation: RunPython) -> str:
    return SAME_ANYWHERE if operation.code is RunPython.noop else "RunPython is code"


def _sql(operation: migrations.RunSQL) -> str:
    statements: Any = [operation.sql] if isinstance(operation.sql, str) else operation.sql
    texts = [part[0] if isinstance(part, (list, tuple)) else part for part in statements]
    if all(isinstance(text, str) for text in texts):
        return SAME_ANYWHERE
    return "its SQL is made when it is executed"


def _table(operation: models.CreateModel) -> str:
    """A new table has no rows, so defaults do not matter."""
    options = operation.options
    parts = [*options.get("indexes", ()), *options.get("constraints", ())]
    return _first([*(_known(field) for _, field in operation.fields), *map(_known, parts)])


def _column(operation: fields.AddField | fields.AlterField) -> str:
    """Rows that are there get the default as a value of the statement."""
    field = operation.field
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return f"{field.name or operation.name} gets the time of its statement"
    if callable(field.default) and field.has_default() and field.default not in STEADY_DEFAULTS:
        return f"the default of {field.name or operation.name} is made anew for every tenant"
    return _known(field)


def _index(operation: models.AddIndex) -> str:
    return _known(operation.index)


def _constraint(operation: Any) -> str:
    return _known(operation.constraint)


def _known(part: Any) -> str:
    """A class of the project's may make its SQL from anything."""
    kind = type(part)
    if kind.__module__.startswith("django."):
        return SAME_ANYWHERE
    return f"{kind.__module__}.{kind.__name__} is not one of Django's"


def _first(reasons: Iterable[str]) -> str:
    return next(filter(None, reasons), SAME_ANYWHERE)


OPERATIONS: Mapping[type[Operation], Callable[[Any], str]] = {
    models.CreateModel: _table,
    models.DeleteModel: _steady,
    models.RenameModel: _steady,
    models.AlterModelTable: _steady,
    models.AlterModelTableComment: _steady,
    models.AlterUniqueTogether: _steady,
    models.AlterIndexTogether: _steady,
    models.AlterModelOptions: _steady,
    models.AlterModelManagers: _steady,
    models.AlterOrderWithRespectTo: _steady,
    models.AddIndex: _index,
    models.RemoveIndex: _steady,
    models.RenameIndex: _steady,
    models.AddConstraint: _constraint,
    models.AlterConstraint: _steady,
    models.RemoveConstraint: _steady,
    AddConstraintNotValid: _constraint,
    ValidateConstraint: _steady,
    fields.AddField: _column,
    fields.AlterField: _column,
    fields.RemoveField: _steady,
    fields.RenameField: _steady,
    special.SeparateDatabaseAndState: _parts,
    special.RunSQL: _sql,
    special.RunPython: _code,
}
"""Per operation, exactly of that class, what speaks against replaying it.

Not here on purpose: operations on extensions and collations, which look first whether the object
is there.
"""
