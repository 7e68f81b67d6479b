"""Holding: what a transaction takes hold of before it changes a schema, and within which bounds.

What has to be true is insisted on in SQL: the transaction fails where it is not. So nothing has to
come back before the next statement can be sent.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import django.db
import psycopg
from psycopg import sql

from tenant_migrations import conf, locks
from tenant_migrations.database import quote
from tenant_migrations.fleet.ledger import LEDGER_TABLE
from tenant_migrations.locks import Holder
from tenant_migrations.rollout.failures import Skipped


class Refusal(StrEnum):
    """Why a transaction does not go on, in the words of the server's log."""

    GONE = "its schema is not there any more"
    TAKEN = "another run is working on it"
    LOST = "the fleet lock was lost"
    UNLIKE = "it is not like the tenant that the script was made in"


class Unlike(Exception):
    """No script fits this tenant: its real operations have to run instead."""


REFUSED = re.compile(r"tenant_migrations stops: ([a-z ]*[a-z])")
"""In whatever language the server says that this is no number."""


@dataclass(frozen=True)
class Limits:
    """Bounds of every statement, in milliseconds; 0 is none."""

    lock_timeout_ms: int = field(default_factory=lambda: conf.get().LOCK_TIMEOUT_MS)
    statement_timeout_ms: int = field(default_factory=lambda: conf.get().STATEMENT_TIMEOUT_MS)


def hold(schema_name: str, limits: Limits, holder: Holder | None) -> str:
    """SQL for the beginning of a transaction whose search path begins with the schema.

    Sets the bounds, tries the schema's lock without waiting, and asks whether the run still has the
    right to work. Within ``refusals``.
    """
    key = f"{locks.TENANT}, {locks.second_key(schema_name)}"
    is_there = sql.SQL("current_schema() = {}").format(sql.Literal(schema_name)).as_string()
    return (
        f"SET LOCAL lock_timeout = {limits.lock_timeout_ms};"
        f"SET LOCAL statement_timeout = {limits.statement_timeout_ms};"
    ) + insist(
        (is_there, Refusal.GONE),
        (f"pg_try_advisory_xact_lock({key})", Refusal.TAKEN),
        (holder.question if holder else "true", Refusal.LOST),
    )


def insist(*conditions: tuple[str, Refusal]) -> str:
    """SQL that fails at the first condition that does not hold; later ones are not looked at then.

    The failing branch is no constant, and so not computed when the statement is planned (PostgreSQL
    documentation, "Conditional Expressions"). Within ``refusals``.
    """
    branches = "".join(
        f" WHEN ({condition}) IS NOT TRUE THEN concat('tenant_migrations stops: {refusal}')::int"
        for condition, refusal in conditions
    )
    return f"SELECT CASE{branches} END"


@contextmanager
def refusals() -> Iterator[None]:
    """Raise what a condition stands for that did not hold: ``Skipped`` where the schema is gone or
    in other hands, ``LockLost`` where the run is over, ``Unlike``."""
    try:
        yield
    except (psycopg.DataError, django.db.DataError) as error:
        refused = REFUSED.search(str(error))
        if not refused:
            raise
        refusal = Refusal(refused[1])
        locks.refuse_lost(refusal is not Refusal.LOST)
        raise Unlike if refusal is Refusal.UNLIKE else Skipped(refusal.value) from None


def lock_ledger(schema_name: str) -> str:
    """SQL that locks a ledger against Django's own migrate until the transaction ends."""
    table = f"{quote(schema_name)}.{quote(LEDGER_TABLE)}"
    return f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"


def last_answer(cursor: Any) -> Any:
    """The row that the last of several statements answered with."""
    while cursor.nextset():
        pass
    return cursor.fetchone()
