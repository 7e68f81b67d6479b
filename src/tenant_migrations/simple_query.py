"""Simple queries: many statements in one message, and what the server answered to each of them.

psycopg's cursors take a single COPY and, where a statement fails, forget what came before it. Here
both are had. The server executes the statements one by one until one fails; those that no BEGIN
precedes are one transaction (PostgreSQL documentation, "Multiple Statements in a Simple Query").
"""

from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import generators
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Wait


@dataclass
class Reply:
    """What came back."""

    results: list[PGresult] = field(default_factory=list)
    """Of statements that were executed."""
    copied: list[bytes] = field(default_factory=list)
    """What each COPY sent."""
    error: psycopg.Error | None = None
    """Of the statement that failed; none after it was executed."""


def simple_query(connection: psycopg.Connection[Any], statements: str) -> Reply:
    """Send statements, separated by semicolons, and wait for all that the server says to them.

    No transaction is begun that the statements don't begin. Raises ``OperationalError`` where the
    connection breaks while it is waited for; interrupted, it cancels what the server is doing.
    """
    encoding = connection.info.encoding
    reply = Reply()
    with connection.lock:
        connection.wait(_exchange(connection.pgconn, statements.encode(encoding), reply))
    if reply.results and reply.results[-1].status == ExecStatus.FATAL_ERROR:
        failed = reply.results.pop()
        reply.error = psycopg.errors.error_from_result(failed, encoding=encoding)
    return reply


def _exchange(pgconn: PGconn, message: bytes, reply: Reply) -> PQGen[None]:
    pgconn.send_query(message)
    yield from generators.send(pgconn)
    failed = False
    while (result := (yield from generators.fetch(pgconn))) is not None:
        if result.status == ExecStatus.COPY_OUT:
            lines: list[memoryview] = []
            while (received := pgconn.get_copy_data(1))[0] >= 0:
                if received[0]:
                    lines.append(received[1])
                else:
                    yield Wait.R
                    pgconn.consume_input()
            reply.copied.append(b"".join(lines))
        elif not failed:  # A connection that broke fails once more.
            failed = result.status == ExecStatus.FATAL_ERROR
            reply.results.append(result)
