"""Batches: the rows of the same tables of many schemas, by digest, over several connections.

Tables are read by COPY, many to a round trip. A SELECT is planned, for which the server opens each
index of a table that it has not met before, and in a backend that is new to a fleet that takes
longer than reading the rows: COPY of a table scans it without a plan. Rows are told apart here, by
a digest of what came: those that came before are not looked into again.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from io import StringIO
from typing import Any

import psycopg
from psycopg import sql

from tenant_migrations.database import reading
from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.simple_query import simple_query

Connection = psycopg.Connection[Any]

Rows = Sequence[Sequence[str]]
"""Of one table, in no particular order."""


@dataclass(frozen=True)
class Question:
    """What is wanted of every schema."""

    tables: Sequence[tuple[str, Sequence[str]]]
    """Names, each with the columns wanted, which hold no nulls."""
    digest: Callable[..., str]
    """Makes the answer of the rows of each of the tables."""

    def copies(self, schema: str, *, plain: bool = True) -> list[sql.Composed]:
        """Statements that send the rows; not plain, also those of views and partitioned tables."""
        form = "{table} ({columns})" if plain else "(SELECT {columns} FROM {table})"
        statement = sql.SQL(f"COPY {form} TO STDOUT (FORMAT csv)")
        return [
            statement.format(
                table=sql.Identifier(schema, table),
                columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            )
            for table, columns in self.tables
        ]


def ask(
    connection: Connection,
    schemas: Sequence[str],
    question: Question,
    *,
    batch: int,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, str], dict[str, psycopg.Error]]:
    """The answer of each schema, and for each that has none the error.

    A batch that fails is halved until the schema at fault stands alone, so that one tenant without
    permission, or dropped meanwhile, costs no other its answer. With several jobs other connections
    of ``reading``, if they are to be had, ask side by side with the given one.

    Raises what broke a connection.
    """
    answers: dict[str, str] = {}
    errors: dict[str, psycopg.Error] = {}
    known: dict[bytes, str] = {}
    waiting = [schemas[start : start + batch] for start in range(0, len(schemas), batch)]
    further = min(jobs, len(waiting)) - 1

    def work(connection: Connection) -> None:
        while waiting:
            try:
                part = waiting.pop()
            except IndexError:  # Another thread was quicker.
                return
            progress(len(answers), len(schemas))
            try:
                answers.update(_answers(connection, part, question, known))
            except psycopg.Error as error:
                if connection.broken:
                    raise
                if len(part) == 1:
                    errors[part[0]] = error
                else:
                    middle = len(part) // 2
                    waiting.extend((part[:middle], part[middle:]))

    def work_beside() -> None:
        with suppress(DatabaseUnavailable), reading() as own:  # One connection is enough.
            work(own)

    with ThreadPoolExecutor(max(1, further)) as pool:
        others = [pool.submit(copy_context().run, work_beside) for _ in range(further)]
        work(connection)
        for other in others:
            other.result()
    progress(len(schemas), len(schemas))
    return answers, errors


def _answers(
    connection: Connection, schemas: Sequence[str], question: Question, known: dict[bytes, str]
) -> Iterator[tuple[str, str]]:
    width = len(question.tables)
    try:
        sent = _copied(connection, [c for name in schemas for c in question.copies(name)])
    except psycopg.errors.WrongObjectType:
        if len(schemas) > 1:
            raise
        sent = _copied(connection, question.copies(schemas[0], plain=False))
    for number, name in enumerate(schemas):
        tables = sent[number * width : (number + 1) * width]
        key = b"".join(hashlib.sha256(table).digest() for table in tables)
        if key not in known:
            encoding = connection.info.encoding
            known[key] = question.digest(*(_rows(table.decode(encoding)) for table in tables))
        yield name, known[key]


def _rows(text: str) -> Rows:
    return list(csv.reader(StringIO(text, newline="")))


def _copied(connection: Connection, statements: Sequence[sql.Composed]) -> list[bytes]:
    reply = simple_query(connection, sql.SQL(";").join(statements).as_string(connection))
    if reply.error:
        raise reply.error
    return reply.copied
