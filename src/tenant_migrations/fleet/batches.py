"""Batches: the same question to many schemas, many to a statement, over several connections."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import psycopg
from psycopg import sql

from tenant_migrations.database import reading
from tenant_migrations.exceptions import DatabaseUnavailable

Connection = psycopg.Connection[Any]

Question = Callable[[int, str], sql.Composable]
"""The query for one schema; it answers with the number that it is given and a text."""


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
                rows = connection.execute(_together(part, question)).fetchall()
                answers.update((part[number], text) for number, text in rows)
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


def _together(schemas: Sequence[str], question: Question) -> sql.Composed:
    return sql.SQL(" UNION ALL ").join(
        question(number, name) for number, name in enumerate(schemas)
    )
