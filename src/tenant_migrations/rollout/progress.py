"""Progress: what an attempt at one schema has done so far, and what it writes of itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from django.db import transaction

from tenant_migrations.database import tenant_connection


@dataclass
class Progress:
    """What was committed is known even when the task fails later."""

    current: str = ""
    """The migration that is running."""
    applied: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @contextmanager
    def of_one_transaction(self) -> Iterator[None]:
        """Forget what was noted in this block where it fails, as it was rolled back."""
        notes = (self.applied, self.repaired, self.refused)
        lengths = [len(note) for note in notes]
        try:
            yield
        except BaseException:
            for note, length in zip(notes, lengths, strict=True):
                del note[length:]
            raise


class Entry:
    """What an attempt writes of itself: nothing, before the tables of the record are there."""

    def beginning(self) -> str:
        """SQL that says that the schema is in hand; a transaction of its own."""
        return ""

    def ending(self) -> str:
        """SQL that says what was done, for the transaction that did it."""
        return ""

    def tell(self) -> None:
        """Log what was done; after the commit, when it is true."""

    def begin(self) -> None:
        """Write the beginning."""
        execute(self.beginning())

    def end(self) -> None:
        """Write the end in the transaction that is open on this thread's connection."""
        execute(self.ending())
        transaction.on_commit(self.tell, using=tenant_connection().alias)


def execute(statement: str) -> None:
    """Without a change of the search path before it, as Django's cursors make it."""
    connection = tenant_connection()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        psycopg.ClientCursor(connection.connection).execute(statement)
