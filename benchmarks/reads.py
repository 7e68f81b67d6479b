"""The statements that the app sends to look at a fleet, for ``limit.py``.

Run as a program, with the platform's settings and the fleet's database in ``DATABASE_URL``.
"""

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import django
from psycopg import sql

django.setup()

from tenant_migrations import conf  # noqa: E402
from tenant_migrations.database import reading  # noqa: E402
from tenant_migrations.fleet import fingerprints, ledger, permissions, tenants  # noqa: E402


def collect() -> dict[str, list[Any]]:
    """Groups of statements with their parameters."""
    fleet = tenants.read_tenants() or []
    names = [tenant.schema_name for tenant in fleet]
    batch = conf.get().LEDGER_BATCH
    with reading() as connection:
        schemas = ledger.read_schemas(connection)
        namespaces = [schemas[name].oid for name in names]
        parameters = {"namespaces": namespaces, "size": conf.get().READ_BATCH}
        inner = [row[0] for row in connection.execute(fingerprints.BOUNDARIES, parameters)]
        relation_slice = fingerprints._relation_slice(connection)
    edges = [0, *inner, 2**32 - 1]
    registry = permissions.Registry.of(tenants.TENANT_KIND)
    parts = [names[start : start + batch] for start in range(0, len(names), batch)]
    return {
        "ledgers": [
            [ledger.SCHEMAS, [ledger.LEDGER_TABLE]],
            *([_union(ledger_digests(part)), None] for part in parts),
        ],
        "structures": [
            [fingerprints.BOUNDARIES, parameters],
            [fingerprints.OTHER_OBJECTS, parameters],
            *(
                [relation_slice, {"low": low, "high": high, "namespaces": namespaces}]
                for low, high in pairwise(edges)
            ),
            *([_union(registrations(part, registry)), None] for part in parts),
        ],
    }


def ledger_digests(names: list[str]) -> list[sql.Composable]:
    return [
        ledger.DIGEST.format(
            position=sql.Literal(i), ledger=sql.Identifier(name, ledger.LEDGER_TABLE)
        )
        for i, name in enumerate(names)
    ]


def registrations(names: list[str], registry: permissions.Registry) -> list[sql.Composable]:
    return [
        permissions.DIGEST.format(position=sql.Literal(i), rows=registry.rows_of(name))
        for i, name in enumerate(names)
    ]


def _union(statements: list[sql.Composable]) -> str:
    return sql.SQL(" UNION ALL ").join(statements).as_string(None)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(collect()))
