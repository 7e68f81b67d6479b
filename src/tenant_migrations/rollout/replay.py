"""Replay: executes a script in one tenant, in as few round trips as its guarantees allow.

The guarantees are those of ``applying.py``: one transaction, under the schema's lock and a lock on
its ledger, that only commits while the run has the right to. What the script was made for is asked
again under these locks. It is all plain SQL on psycopg's connection: of Django's cursors each sets
the search path anew, and of its transactions each takes a round trip more.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from tenant_migrations.database import quote
from tenant_migrations.fleet.graph import label
from tenant_migrations.fleet.permissions import Registry
from tenant_migrations.locks import LOOK_AGAIN, Holder, refuse_lost
from tenant_migrations.rollout.holding import (
    Limits,
    hold,
    last_answer,
    lock_ledger,
    refuse_unless_held,
)
from tenant_migrations.rollout.planning import Task
from tenant_migrations.rollout.progress import Entry, Progress
from tenant_migrations.rollout.registrations import Registrations
from tenant_migrations.rollout.scripts import Script, Unlike, fitting, recording

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""Whatever the project's connections have: what is asked after a lock must see what was committed
before it was had (PostgreSQL documentation, "Read Committed Isolation Level")."""


@dataclass(frozen=True, eq=False)
class Replay:
    """One task in one schema, which is in use on this thread's connection.

    One of the scripts holds all that is to be done, and the schema has a ledger. Raises ``Unlike``
    where none fits, ``Skipped`` where the schema is gone or in other hands, ``LockLost``, and what
    the server answers; nothing has changed then.
    """

    task: Task
    limits: Limits
    progress: Progress
    holder: Holder
    entry: Entry
    scripts: tuple[Script, ...]
    connection: Any

    def run(self) -> None:
        self.connection.ensure_connection()
        raw = self.connection.connection
        with self.progress.of_one_transaction(), self.connection.wrap_database_errors, _ended(raw):
            cursor = psycopg.ClientCursor(raw)
            self._begin(cursor)
            self._execute(cursor, self._fitting(cursor))
            raw.commit()
        self.entry.tell()

    def _begin(self, cursor: Any) -> None:
        """The mark that the schema is in hand, and a transaction that holds the schema."""
        name = self.task.schema_name
        path = ", ".join(map(quote, self.connection._get_cursor_search_paths()))
        statements = (
            *filter(None, [self.entry.beginning()]),
            BEGIN,
            f"SET LOCAL search_path = {path}",
            hold(name, self.limits, self.holder),
        )
        cursor.execute(";".join(statements))
        refuse_unless_held(name, last_answer(cursor))

    def _fitting(self, cursor: Any) -> Script:
        """The script that was made for what looks like this schema, under the ledger's lock."""
        name = self.task.schema_name
        question = Registrations(name, Registry.of(self.task.kind)).question()
        try:
            cursor.execute(f"{lock_ledger(name)};{question}")
        except psycopg.errors.UndefinedTable as error:
            raise Unlike from error
        script = fitting(self.scripts, cursor.connection, name, last_answer(cursor))
        if script is None:
            raise Unlike
        return script

    def _execute(self, cursor: Any, script: Script) -> None:
        for key in self.task.pending:
            self.progress.current = label(key)
            cursor.execute(script.texts[key])
            self.progress.applied.append(label(key))
        self.progress.current = ""
        statements = (
            recording(script.closing) if script.closing else "",
            script.registrations,
            self.entry.ending(),
            LOOK_AGAIN,
            f"SELECT {self.holder.question}",
        )
        cursor.execute(";".join(filter(None, statements)))
        refuse_lost(last_answer(cursor) == (True,))


@contextmanager
def _ended(raw: "psycopg.Connection[Any]") -> Iterator[None]:
    """No transaction is left open where the block fails."""
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):  # A connection that is lost has none.
            raw.rollback()
        raise
