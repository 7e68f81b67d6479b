"""Repair: creates what the reference proves absent."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, transaction

from tenant_migrations.database import one_line, quote
from tenant_migrations.fleet.remedies import Remedy
from tenant_migrations.vocabulary import ObjectKind


@dataclass(frozen=True)
class Repaired:
    """What a repair created, and what stood in the way of the rest."""

    created: tuple[str, ...]
    refused: tuple[str, ...]


def repair(connection: Any, remedies: Iterable[Remedy]) -> Repaired:
    """Create absent objects in the schema that is in use, within the transaction that is open.

    Each object is made in a savepoint: one that the tenant's rows contradict (a dangling foreign
    key, a duplicate) is left as it is and named, and costs the others nothing. Takes the locks
    that ``ALTER TABLE`` and ``CREATE INDEX`` take, until the transaction ends. Errors that are no
    contradiction of rows (a lock timeout, a lost connection) are raised.
    """
    created, refused = [], []
    without_table: set[str] = set()
    for remedy in remedies:
        if remedy.key.relation in without_table:
            continue
        if remedy.requires_empty and _has_rows(connection, remedy.requires_empty):
            refused.append(
                f"{remedy.key.display}: {remedy.requires_empty} has rows, and nothing says "
                "which value they would get"
            )
            continue
        try:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                cursor.execute("SET LOCAL check_function_bodies = off")
                for statement in remedy.statements:
                    cursor.execute(statement, None)
        except DatabaseError as error:
            if not _contradicted(error):
                raise
            refused.append(f"{remedy.key.display}: {one_line(error)}")
            if remedy.key.kind is ObjectKind.TABLE:
                without_table.add(remedy.key.relation)
        else:
            created.append(f"{remedy.key.kind} {remedy.key.display}")
    return Repaired(tuple(created), tuple(refused))


def _contradicted(error: DatabaseError) -> bool:
    """Whether rows, or another object that is absent, stand in the way (classes 23 and 42)."""
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return state.startswith(("23", "42")) and state != "42501"


def _has_rows(connection: Any, table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {quote(table)})")
        return bool(cursor.fetchone()[0])
