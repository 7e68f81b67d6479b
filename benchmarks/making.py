# ruff: noqa: PLC0415 - models can be imported once Django is set up
"""Makes tenants in one way, in a process of its own, and prints how long each took.

Run by ``provision.py``: ``python -m benchmarks.making WAY DUMP NAME...``. Prints one JSON document:
seconds for each name, in order. The first has what a process does once in it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import psycopg

from benchmarks.fleet import FIRST


def main(way: str, dump: str, names: list[str]) -> None:
    make = WAYS[way](Path(dump))
    seconds = []
    for name in names:
        started = time.perf_counter()
        make(name)
        seconds.append(time.perf_counter() - started)
    print(json.dumps(seconds))


def _new(name: str) -> Any:
    from zumodra.tenants.models import Tenant

    slug = name.replace("_", "-")
    return Tenant(schema_name=name, name=name, slug=slug, owner_email="owner@example.com")


def save(dump: Path) -> Callable[[str], None]:
    """django-tenants as it is."""
    django.setup()

    def make(name: str) -> None:
        tenant = _new(name)
        tenant.auto_create_schema = True
        tenant.save(verbosity=0)

    return make


def reference(dump: Path) -> Callable[[str], None]:
    """The app: what ``ReferenceTenantMixin.save()`` does, for a model that has it not."""
    django.setup()
    from django.db import connection

    from tenant_migrations.database import quote
    from tenant_migrations.provisioning.copying import copy_reference, one_transaction, prepare

    def make(name: str) -> None:
        assert prepare()
        with one_transaction():
            _new(name).save()
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE SCHEMA {quote(name)}")
            assert copy_reference(name)

    return make


def psql(dump: Path) -> Callable[[str], None]:
    """The dump of a tenant, replayed by ``psql`` in one transaction: a process for each."""
    script = dump.read_text()
    program, _, conninfo = script.partition("\n")[0].removeprefix("-- ").partition("\t")

    def make(name: str) -> None:
        subprocess.run(
            [program, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", conninfo, "-o", "/dev/null"],
            input=script.replace(FIRST, name),
            text=True,
            check=True,
        )

    return make


def driver(dump: Path) -> Callable[[str], None]:
    """The same dump with its rows as INSERT, sent by psycopg at once over one connection."""
    script = dump.with_suffix(".inserts.sql").read_text()
    connection = psycopg.connect(script.partition("\n")[0].partition("\t")[2], autocommit=True)

    def make(name: str) -> None:
        with connection.transaction():
            connection.execute(script.replace(FIRST, name).encode())

    return make


WAYS = {"save": save, "reference": reference, "psql": psql, "driver": driver}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
