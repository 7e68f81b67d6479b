"""Replay: executes a script in one tenant, as one message to the server where that can be.

The guarantees are those of ``applying.py``: one transaction, under the schema's lock and a lock on
its ledger, that only commits while the run has the right to. What the script was made for is asked
again under these locks. All that is insisted on by the server itself (``holding.py``), so that from
the mark that the tenant is in hand to the commit nothing waits for this side. A process that is
killed or stopped meanwhile leaves a tenant that is through, or as it was.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from tenant_migrations.database import quote
from tenant_migrations.fleet.graph import label
from tenant_migrations.fleet.permissions import Registry
from tenant_migrations.locks import LOOK_AGAIN, Holder
from tenant_migrations.rollout.holding import (
    Limits,
    Refusal,
    Unlike,
    hold,
    insist,
    last_answer,
    lock_ledger,
    refusals,
)
from tenant_migrations.rollout.planning import Task
from tenant_migrations.rollout.progress import Entry, Progress
from tenant_migrations.rollout.registrations import Registrations
from tenant_migrations.rollout.scripts import Script, fitting, reached
from tenant_migrations.simple_query import simple_query

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
        with (
            self.progress.of_one_transaction(),
            self.connection.wrap_database_errors,
            refusals(),
            _ended(raw),
        ):
            if len(self.scripts) == 1 and self.scripts[0].is_for_all:
                script = self.scripts[0]
                is_like = self._registrations.is_held(script.held)
                opening = [*self._opening(), insist((is_like, Refusal.UNLIKE))]
            else:
                script = self._fitting(psycopg.ClientCursor(raw))
                opening = []
            self._send(raw, opening, script)
        self.entry.tell()

    @property
    def _registrations(self) -> Registrations:
        return Registrations(self.task.schema_name, Registry.of(self.task.kind))

    def _opening(self) -> Iterator[str]:
        """The mark that the schema is in hand, and a transaction that holds it and its ledger."""
        name = self.task.schema_name
        path = ", ".join(map(quote, self.connection._get_cursor_search_paths()))
        if mark := self.entry.beginning():
            yield mark
        yield BEGIN
        yield f"SET LOCAL search_path = {path}"
        yield hold(name, self.limits, self.holder)
        yield lock_ledger(name)

    def _fitting(self, cursor: Any) -> Script:
        """The script that was made for what looks like this schema, which is held from now on."""
        try:
            cursor.execute(";".join([*self._opening(), self._registrations.question()]))
        except psycopg.errors.UndefinedTable as error:
            raise Unlike from error
        script = fitting(
            self.scripts, cursor.connection, self.task.schema_name, last_answer(cursor)
        )
        if script is None:
            raise Unlike
        return script

    def _send(self, raw: "psycopg.Connection[Any]", opening: Sequence[str], script: Script) -> None:
        """All that the script holds, the end of the entry, and the commit."""
        self.progress.applied += map(label, self.task.pending)
        statements = (
            *opening,
            script.all_of_it,
            self.entry.ending(),
            LOOK_AGAIN,
            insist((self.holder.question, Refusal.LOST)),
            "COMMIT",
        )
        reply = simple_query(raw, ";".join(filter(None, statements)))
        if reply.error is None:
            return
        current = reached(reply.results, raw.info.encoding)
        if current is None and isinstance(reply.error, psycopg.errors.UndefinedTable):
            raise Unlike from reply.error
        self.progress.current = current or ""
        raise reply.error


@contextmanager
def _ended(raw: "psycopg.Connection[Any]") -> Iterator[None]:
    """No transaction is left open where the block fails."""
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):  # A connection that is lost has none.
            raw.rollback()
        raise
