"""Receivers of alerts on 127.0.0.1 that keep what they are sent."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Received:
    """What one receiver was sent, and how it answers."""

    port: int = 0
    status: int = 200
    """HTTP status of the next answers."""
    delay: float = 0.0
    """Seconds before an answer."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    requests: int = 0
    """All of them, with those that were answered with an error."""

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def webhook(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook"

    @property
    def only(self) -> dict[str, Any]:
        """The only message."""
        (body,) = self.bodies
        return body

    def titles(self) -> list[str]:
        """Titles of a webhook's messages; forgets them."""
        titles = [body["title"] for body in self.bodies]
        self.bodies.clear()
        return titles


@contextmanager
def http_receiver(status: int = 200) -> Iterator[Received]:
    """A web server that takes JSON."""
    received = Received(status=status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length))
            received.requests += 1
            time.sleep(received.delay)
            if received.status < 300:
                received.bodies.append(body)
                received.paths.append(self.path)
            self.send_response(received.status)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    received.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def hanging_receiver() -> Iterator[int]:
    """The port of a receiver that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def dripping_receiver() -> Iterator[int]:
    """The port of a receiver that answers a byte now and then, so that no read ever times out."""
    stop = threading.Event()

    def drip(listener: socket.socket) -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                while not stop.wait(0.2):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        break

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        stop.set()
    thread.join()


def free_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def smtp_receiver() -> Iterator[tuple[int, list[EmailMessage]]]:
    """A mail server's port, and the mails that it took."""
    mails: list[EmailMessage] = []

    class Keep:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            mails.append(BytesParser(policy=default).parsebytes(envelope.content))
            return "250 taken"

    controller = Controller(Keep(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller.port, mails
    finally:
        controller.stop()
