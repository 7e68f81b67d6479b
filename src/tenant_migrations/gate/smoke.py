"""Run by the old code, through ``manage.py shell``, after the new migrations: can it still read and
write? Prints a line of JSON for each statement that fails, and at the end how many were tried.

Every table of a tenant and of public is read by its model, and a copy of its first row is written.
What is written is rolled back. It uses nothing but Django and django-tenants, whatever is old.
"""

import copy
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django_tenants.utils import get_public_schema_name, get_tenant_model, tenant_context

FITS = ("23505", "23503", "23P01")
"""Refused for what the row says, after its columns were found good: a copy is no new row."""


def attempt(schema: str, model: Any, what: str, work: Callable[[], object]) -> None:
    try:
        with transaction.atomic():
            work()
            transaction.set_rollback(True)
    except DatabaseError as error:
        state = getattr(error.__cause__, "sqlstate", "") or ""
        if state not in FITS:
            text = str(error).splitlines()[0]
            failed = {"schema": schema, "model": model._meta.label, "what": what}
            print("GATE " + json.dumps(failed | {"sqlstate": state, "error": text}))


def write(row: Any) -> None:
    new = copy.copy(row)
    new.pk = None
    new._state.adding = True
    new.save_base(raw=True, force_insert=True)


def try_schema(schema: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
        tables = {name for (name,) in cursor.fetchall()}
    tried = 0
    for model in apps.get_models():
        if not model._meta.managed or model._meta.proxy or model._meta.db_table not in tables:
            continue
        rows = model._base_manager.all()[:1]
        tried += 1
        attempt(schema, model, "read", partial(list, rows))
        try:
            with transaction.atomic():
                row = next(iter(rows), None)
        except DatabaseError:
            continue
        if row is not None:
            tried += 2
            attempt(schema, model, "change", partial(row.save_base, raw=True))
            attempt(schema, model, "add", partial(write, row))
    return tried


total = 0
public = get_public_schema_name()
for tenant in get_tenant_model()._base_manager.exclude(schema_name=public)[:1]:
    with tenant_context(tenant):
        total += try_schema(tenant.schema_name)
connection.set_schema_to_public()  # type: ignore[attr-defined]  # django-tenants' own
total += try_schema(public)
print("GATE " + json.dumps({"tried": total}))
