"""Holding: what a transaction takes hold of before it changes a schema, and within which bounds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tenant_migrations import conf, locks
from tenant_migrations.database import quote
from tenant_migrations.fleet.ledger import LEDGER_TABLE
from tenant_migrations.locks import Holder
from tenant_migrations.rollout.failures import Skipped


@dataclass(frozen=True)
class Limits:
    """Bounds of every statement, in milliseconds; 0 is none."""

    lock_timeout_ms: int = field(default_factory=lambda: conf.get().LOCK_TIMEOUT_MS)
    statement_timeout_ms: int = field(default_factory=lambda: conf.get().STATEMENT_TIMEOUT_MS)


def hold(schema_name: str, limits: Limits, holder: Holder | None) -> str:
    """SQL for the beginning of a transaction whose search path begins with the schema.

    Sets the bounds, tries the schema's lock without waiting, and asks whether the run still has the
    right to work. ``refuse_unless_held`` judges its answer.
    """
    return (
        f"SET LOCAL lock_timeout = {limits.lock_timeout_ms};"
        f"SET LOCAL statement_timeout = {limits.statement_timeout_ms};"
        f"SELECT current_schema(),"
        f" pg_try_advisory_xact_lock({locks.TENANT}, {locks.second_key(schema_name)}),"
        f" {holder.question if holder else 'true'}"
    )


def refuse_unless_held(schema_name: str, answer: Sequence[Any]) -> None:
    """Raise ``Skipped`` where the schema is gone or in other hands, ``LockLost`` where the run is
    over."""
    current, locked, is_ours = answer
    if current != schema_name:
        raise Skipped("its schema is not there any more")
    if not locked:
        raise Skipped("another run is working on it")
    locks.refuse_lost(is_ours)


def lock_ledger(schema_name: str) -> str:
    """SQL that locks a ledger against Django's own migrate until the transaction ends."""
    table = f"{quote(schema_name)}.{quote(LEDGER_TABLE)}"
    return f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"


def last_answer(cursor: Any) -> Any:
    """The row that the last of several statements answered with."""
    while cursor.nextset():
        pass
    return cursor.fetchone()
