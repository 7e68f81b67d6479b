"""Checks of a project of its own, and what they do wrong."""

import asyncio
import dataclasses
import threading
import time

from django.db import connection
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning


@dataclasses.dataclass
class PaymentGateway(HealthCheck):
    """Well, and says so."""

    def run(self) -> None:
        """Nothing to complain about."""


@dataclasses.dataclass
class AlmostFull(HealthCheck):
    async def run(self) -> None:
        raise ServiceWarning("the mailbox is almost full")


@dataclasses.dataclass
class Down(HealthCheck):
    def run(self) -> None:
        raise ServiceUnavailable("no answer from redis://user:hunter22@cache.example.com/0")


@dataclasses.dataclass
class Broken(HealthCheck):
    def run(self) -> None:
        raise ValueError("password=hunter22")


@dataclasses.dataclass
class Leaving(HealthCheck):
    def run(self) -> None:
        raise SystemExit(7)


@dataclasses.dataclass
class Sleeping(HealthCheck):
    """Hangs in its thread."""

    def run(self) -> None:
        time.sleep(120)


@dataclasses.dataclass
class SleepingInPool(HealthCheck):
    """Hangs in a thread that the interpreter would wait for."""

    async def run(self) -> None:
        await asyncio.to_thread(time.sleep, 120)


let_go = threading.Event()


@dataclasses.dataclass
class Held(HealthCheck):
    """Hangs in its thread until it is let go."""

    def run(self) -> None:
        let_go.wait()


@dataclasses.dataclass
class Database(HealthCheck):
    """Has the name of a built-in check."""

    def run(self) -> None:
        connection.ensure_connection()


gateway = PaymentGateway()
NOT_A_CHECK = 3
