"""A Redis server and Celery workers of the tests' own."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from tests.support.fleets import CHECKOUT
from tests.support.receivers import free_port


@dataclass
class Broker:
    """A running Redis server that keeps nothing on disk."""

    port: int
    process: "subprocess.Popen[bytes]" = field(repr=False)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> "redis.Redis":
        return redis.Redis(port=self.port)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def start_broker(port: int = 0) -> Broker:
    """Start one; skips the test where Debian's package is not installed."""
    program = shutil.which("redis-server")
    if not program:
        pytest.skip("needs Debian package redis-server")
    port = port or free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, cwd="/")
    broker = Broker(port, process)
    until = time.monotonic() + 20
    while True:
        try:
            with broker.client() as client:
                client.ping()
            return broker
        except redis.ConnectionError:
            assert process.poll() is None, "redis-server ended"
            assert time.monotonic() < until, "redis-server does not answer"
            time.sleep(0.02)


@contextmanager
def worker(
    env: dict[str, str], log: Path, *options: str, app: str = "zumodra"
) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker process, of the platform's app if no other; gone, with its children, at the end."""
    command = [sys.executable, "-m", "celery", "--app", app, "worker", "--loglevel=INFO"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *quiet, *options],
            cwd=CHECKOUT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_ready(process, log)
        yield process
    finally:
        kill_group(process)


def wait_until_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 60
    while b" ready." not in log.read_bytes():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to a worker and all its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()
