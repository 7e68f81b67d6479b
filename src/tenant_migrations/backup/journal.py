"""The journal of rollbacks: one at a time, and what a killed one left is cleared by the next.

The deed and the note that it was done commit together. So an entry that says ``running`` while
nobody holds the lock changed nothing, and one that says ``done`` is done; what may be left over
is what was replaced, under another name, and a scratch database.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from tenant_migrations import conf, locks, maintenance
from tenant_migrations.backup import scratch
from tenant_migrations.database import one_line, public_schema, quote, schema_in_use
from tenant_migrations.models import Rollback
from tenant_migrations.rollout.retry import attempts

RUNNING, DONE, FAILED, UNDONE = "running", "done", "failed", "undone"

MAINTENANCE_REASON = "a backup is being restored"
MAINTENANCE_MINUTES = 120
"""How long that counts if nobody ends it; longer restores show the old tenant again."""

# Dropping a foreign key locks both tables, dropping its table too: one by one, nobody waits long.
KEYS_TO_OTHERS = """
    SELECT c.relname, k.conname
      FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.conrelid
      JOIN pg_class t ON t.oid = k.confrelid
     WHERE c.relnamespace = %s::regnamespace AND t.relnamespace <> c.relnamespace
       AND k.contype = 'f' AND k.conparentid = 0
"""


@contextmanager
def alone() -> Iterator[list[str]]:
    """Be the only rollback; what earlier ones left is cleared first, and told.

    Raises ``Busy`` where another one runs.
    """
    with (
        scratch.control() as connection,
        locks.held(connection, locks.ROLLBACK, "", "another rollback is at work"),
    ):
        told = [f"dropped the scratch database {n}" for n in scratch.drop_abandoned(connection)]
        yield [*told, *_clear()]


def _clear() -> Iterator[str]:
    with schema_in_use(public_schema()):
        killed = list(Rollback.objects.filter(state=RUNNING))
        left = list(Rollback.objects.filter(state=DONE).exclude(aside=""))
    for mark in maintenance.marks().values():
        if mark.reason == MAINTENANCE_REASON:
            maintenance.end(mark.schema_name)
    for entry in killed:
        with schema_in_use(public_schema()):
            Rollback.objects.filter(pk=entry.pk).update(
                state=UNDONE, error="the process died before it was through", aside=""
            )
        yield f"rollback {entry.pk} was killed before it changed anything: all is as it was"
    for entry in left:
        if drop_aside(entry):
            yield f"rollback {entry.pk} was killed when it was done: what it replaced is dropped"


def begin(scope: str, **values: Any) -> Rollback:
    """Write down that a rollback begins."""
    with schema_in_use(public_schema()):
        return Rollback.objects.create(
            scope=scope,
            state=RUNNING,
            host=socket.gethostname(),
            process=os.getpid(),
            **values,
        )


@contextmanager
def failing(entry: Rollback) -> Iterator[None]:
    """Write down that it failed where the block fails and nothing was changed."""
    try:
        yield
    except BaseException as error:
        reason = one_line(error) if isinstance(error, Exception) else "interrupted"
        with suppress(DatabaseError), schema_in_use(public_schema()):
            Rollback.objects.filter(pk=entry.pk, state=RUNNING).update(
                state=FAILED, error=reason, finished_at=timezone.now()
            )
        raise


DONE_NOTE = """
    UPDATE {public}.tenant_migrations_rollback
       SET state = 'done', finished_at = now(), aside = %s, detail = %s::jsonb
     WHERE id = %s
"""


def note_done(connection: Any, entry: Rollback, aside: str, detail: str) -> None:
    """Write down that it is done, as part of the transaction that does it."""
    statement = DONE_NOTE.replace("{public}", quote(public_schema()))
    connection.execute(statement.encode(), (aside, detail, entry.pk))


def drop_aside(entry: Rollback) -> bool:
    """Drop what a rollback replaced; False where a lock was not to be had, for the next run."""
    for _ in attempts(conf.get().LOCK_ATTEMPTS):
        with scratch.control() as connection, suppress(DatabaseError):
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {conf.get().LOCK_TIMEOUT_MS}")
                for aside in (entry.aside, f"{entry.aside}_new"):
                    _drop(cursor, aside)
            with schema_in_use(public_schema()):
                Rollback.objects.filter(pk=entry.pk).update(aside="")
            return True
    return False


def _drop(cursor: Any, aside: str) -> None:
    cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (aside,))
    if cursor.fetchone() is None:
        return
    cursor.execute(KEYS_TO_OTHERS, (quote(aside),))
    for table, constraint in cursor.fetchall():
        cursor.execute(
            f"ALTER TABLE {quote(aside)}.{quote(table)} DROP CONSTRAINT {quote(constraint)}"
        )
    cursor.execute(f"DROP SCHEMA {quote(aside)} CASCADE")
