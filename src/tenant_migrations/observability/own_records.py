"""Access to the app's own tables that waits for nobody."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from tenant_migrations.database import public_schema, schema_in_use

WRITE_TIMEOUTS_MS = (500, 2_000)
READ_TIMEOUTS_MS = (500, 10_000)
"""``lock_timeout`` and ``statement_timeout`` on the app's own records."""

NOT_WRITABLE = {
    "42P01": "its table is not there",
    "42703": "its table is not at the code",
    "42501": "this role may not write it",
    "25006": "the database is read-only",
}


@contextmanager
def own_records(timeouts_ms: tuple[int, int]) -> Iterator[None]:
    """One transaction on the app's tables in public, bounded by two timeouts of the server's."""
    lock, statement = (str(milliseconds) for milliseconds in timeouts_ms)
    with (
        schema_in_use(public_schema()) as connection,
        transaction.atomic(using=connection.alias),
    ):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('lock_timeout', %s, true),"
                " set_config('statement_timeout', %s, true)",
                (lock, statement),
            )
        yield
