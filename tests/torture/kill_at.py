"""Kills this process at a chosen statement, or writes down all statements that it sends.

``KILL_AT=N`` sends SIGKILL to the process itself at its N-th statement, whichever connection that
is on; commits and rollbacks count as statements. ``KILL_WHEN`` says at which moment: ``before`` it
is sent (the default), ``sent`` (nobody waits for its answer any more) or ``after`` its answer. With
``terminated`` the process lives, and the server ends the connection's backend after the answer.
``STATEMENTS=FILE`` writes one statement a line instead.
"""

import os
import signal
from collections.abc import Callable
from typing import Any, NoReturn

import psycopg


class Statements:
    """Counts the statements of this process, in the order in which they are sent."""

    def __init__(self, kill_at: int, when: str, file: str) -> None:
        self.kill_at = kill_at
        self.when = when
        self.file = file
        self.count = 0

    def around(self, text: str, connection: Any, query: bytes, send: Callable[[], Any]) -> Any:
        """Send a statement, unless its turn to be killed has come."""
        self.count += 1
        if self.file:
            with open(self.file, "a") as file:
                file.write(" ".join(text.split()) + "\n")
        if self.count != self.kill_at:
            return send()
        if self.when == "sent":
            connection.pgconn.send_query(query)
            connection.pgconn.flush()
        elif self.when == "after":
            send()
        elif self.when == "terminated":
            answer = send()
            terminate_backend(connection)
            return answer
        die()


def terminate_backend(connection: Any) -> None:
    """End a connection's backend, as an administrator does, and wait until it is gone."""
    info = connection.info
    conninfo = psycopg.conninfo.make_conninfo(
        host=info.host, port=info.port, user=info.user, dbname=info.dbname
    )
    other = psycopg.pq.PGconn.connect(conninfo.encode())
    other.exec_(f"SELECT pg_terminate_backend({info.backend_pid}, 10000)".encode())
    other.finish()


def die() -> NoReturn:
    """Go like a process that the kernel kills: no handler, no clean-up, nothing flushed."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("killed")


def arm() -> None:
    """Do what the environment asks for; nothing where it asks for nothing.

    Called when the apps are loaded.
    """
    kill_at = int(os.environ.get("KILL_AT", "0"))
    file = os.environ.get("STATEMENTS", "")
    if not (kill_at or file):
        return
    from tenant_migrations.fleet import batches
    from tenant_migrations.rollout import replay

    statements = Statements(kill_at, os.environ.get("KILL_WHEN", "before"), file)
    execute, message, commit, rollback = (
        psycopg.Cursor.execute,
        replay.simple_query,
        psycopg.Connection.commit,
        psycopg.Connection.rollback,
    )

    def counted_execute(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        text = query if isinstance(query, str) else _text(query, self)
        sent = _bound(self, text, params) if statements.when == "sent" else b""
        return statements.around(
            text, self.connection, sent, lambda: execute(self, query, params, **options)
        )

    def counted_message(connection: Any, text: str) -> Any:
        return statements.around(text, connection, text.encode(), lambda: message(connection, text))

    def counted_commit(self: Any) -> None:
        statements.around("COMMIT", self, b"COMMIT", lambda: commit(self))

    def counted_rollback(self: Any) -> None:
        statements.around("ROLLBACK", self, b"ROLLBACK", lambda: rollback(self))

    for user in (replay, batches):
        user.simple_query = counted_message  # type: ignore[attr-defined]
    psycopg.Cursor.execute = counted_execute  # type: ignore[method-assign]
    psycopg.Connection.commit = counted_commit  # type: ignore[method-assign]
    psycopg.Connection.rollback = counted_rollback  # type: ignore[method-assign]


def _text(query: Any, cursor: Any) -> str:
    if isinstance(query, bytes):
        return query.decode()
    return str(query.as_string(cursor.connection))


def _bound(cursor: Any, text: str, params: Any) -> bytes:
    if not params:
        return text.encode()
    return psycopg.ClientCursor(cursor.connection).mogrify(text, params).encode()
