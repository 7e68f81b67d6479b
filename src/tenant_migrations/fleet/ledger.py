"""The ledger's side of the verdict: what each schema's ``django_migrations`` records.

The whole fleet is read by ``batches.py`` and told apart by digests; rows with their ids are fetched
once per distinct digest. ``public`` is never in the search path, and every table is named with its
schema: a tenant without a ledger can't answer with public's.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql

from tenant_migrations.database import one_line
from tenant_migrations.fleet.batches import Question, ask
from tenant_migrations.fleet.graph import MigrationKey

LEDGER_TABLE = MigrationRecorder.Migration._meta.db_table


class Recorder(MigrationRecorder):
    """Django's recorder, for the first schema of the search path.

    Django looks for its table among all that are visible, for which the server reads the whole
    catalog: a fleet's has hundreds of thousands. Here it is asked for by name.
    """

    _has_table: bool

    def has_table(self) -> bool:
        if not self._has_table:
            with self.connection.cursor() as cursor:
                cursor.execute(
                    "SELECT to_regclass(format('%%I.%%I', current_schema(), %s)) IS NOT NULL",
                    [LEDGER_TABLE],
                )
                (self._has_table,) = cursor.fetchone()
        return bool(self._has_table)


@dataclass(frozen=True, slots=True)
class SchemaFact:
    """A schema that exists."""

    oid: int
    name: str
    has_ledger: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    """Rows of one ledger in the order in which they were written."""

    rows: tuple[tuple[int, MigrationKey], ...] = ()
    """Row id and migration."""

    @property
    def keys(self) -> tuple[MigrationKey, ...]:
        """The recorded migrations, each once."""
        return tuple(dict.fromkeys(key for _, key in self.rows))

    @property
    def duplicates(self) -> tuple[tuple[int, MigrationKey], ...]:
        """Rows that record what an earlier row records already."""
        seen: set[MigrationKey] = set()
        repeated = []
        for row in self.rows:
            if row[1] in seen:
                repeated.append(row)
            seen.add(row[1])
        return tuple(repeated)


def digest_of(keys: Iterable[Sequence[str]]) -> str:
    """Digest of a set of recorded migrations; the SQL below computes the same."""
    lines = sorted((app.encode(), name.encode()) for app, name in keys)
    return hashlib.sha256(b"\x1e".join(b"\x1f".join(line) for line in lines)).hexdigest()


KEYS = Question([(LEDGER_TABLE, ("app", "name"))], digest_of)


SCHEMAS = """
    SELECT n.oid, n.nspname, c.oid IS NOT NULL AS has_ledger
      FROM pg_namespace n
 LEFT JOIN pg_class c ON c.relnamespace = n.oid
                     AND c.relname = %s
                     AND c.relkind IN ('r', 'p')
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""

DIGEST = sql.SQL("""
    SELECT encode(sha256(coalesce(convert_to(string_agg(
               app || chr(31) || name, chr(30) ORDER BY app COLLATE "C", name COLLATE "C"
           ), 'UTF8'), '')), 'hex')
      FROM {ledger}
""")

ROWS = sql.SQL("SELECT id, app, name FROM {ledger} ORDER BY id")


def read_schemas(connection: psycopg.Connection[Any]) -> dict[str, SchemaFact]:
    """Every schema of the database that is not PostgreSQL's own, by name. One statement."""
    rows = connection.execute(SCHEMAS, (LEDGER_TABLE,))
    return {name: SchemaFact(oid, name, has_ledger) for oid, name, has_ledger in rows}


def read_digests(
    connection: psycopg.Connection[Any],
    schemas: Sequence[str],
    *,
    batch: int,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of the ledgers of these schemas, and the reason for each that can't be read.

    By ``batches.ask``.
    """
    digests, errors = ask(connection, schemas, KEYS, batch=batch, jobs=jobs, progress=progress)
    return digests, {name: _reason(error) for name, error in errors.items()}


def _reason(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.OperationalError):
        return "reading its ledger timed out"
    return one_line(error)


def digest_statement(schema: str) -> str:
    """SQL that answers with the digest of one ledger."""
    return DIGEST.format(ledger=sql.Identifier(schema, LEDGER_TABLE)).as_string()


def read_rows(connection: psycopg.Connection[Any], schema: str) -> Ledger:
    """All rows of one ledger."""
    statement = ROWS.format(ledger=sql.Identifier(schema, LEDGER_TABLE))
    return Ledger(tuple((id_, (app, name)) for id_, app, name in connection.execute(statement)))
