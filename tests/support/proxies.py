"""A proxy between a program and its server that loses what it is told to lose."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.support.servers import Database

COMMIT = b"COMMIT"


class LosingProxy:
    """Takes connections over TCP and passes them on; after a statement that contains `trigger` it
    lets the next COMMIT of that connection through, waits for the answer, and cuts the line
    instead of passing it on. Once."""

    def __init__(self, database: Database, trigger: bytes) -> None:
        self._database = database
        self._trigger = trigger
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.lost = threading.Event()
        self._start(self._accept)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Cut all lines and end."""
        for some in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                some.shutdown(socket.SHUT_RDWR)
            some.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: object, *values: object) -> None:
        thread = threading.Thread(target=work, args=values, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets += [client, server := self._connect()]
                losing = threading.Event()
                self._start(self._requests, client, server, losing)
                self._start(self._answers, client, server, losing)

    def _connect(self) -> socket.socket:
        server = self._database.server
        if not server.host.startswith("/"):
            return socket.create_connection((server.host, int(server.port)))
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(Path(server.host, f".s.PGSQL.{server.port}")))
        return connection

    def _requests(
        self, client: socket.socket, server: socket.socket, losing: threading.Event
    ) -> None:
        seen, triggered = b"", False
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                seen += data
                if not triggered and self._trigger in seen:
                    triggered = True
                    seen = seen.split(self._trigger, 1)[1]
                if triggered and COMMIT in seen and not self.lost.is_set():
                    self.lost.set()
                    losing.set()
                seen = seen[-len(self._trigger) :]
                server.sendall(data)
        _cut(server)

    def _answers(
        self, client: socket.socket, server: socket.socket, losing: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if losing.is_set():
                    break
                client.sendall(data)
        _cut(client)
        _cut(server)


def _cut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


@contextmanager
def losing_a_commit(database: Database, after: str) -> Iterator[tuple[Database, LosingProxy]]:
    """The same database through a proxy that loses the answer to the first COMMIT after a
    statement with that text."""
    proxy = LosingProxy(database, after.encode())
    try:
        server = replace(database.server, host="127.0.0.1", port=str(proxy.port))
        yield replace(database, server=server), proxy
    finally:
        proxy.close()
