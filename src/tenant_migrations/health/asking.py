"""What the checks of one examination share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock
from typing import Generic, TypeVar

from tenant_migrations.database import reading_within
from tenant_migrations.fleet.graph import Code
from tenant_migrations.health.report import Answer
from tenant_migrations.provisioning.reference import Kept, as_they_stand

T = TypeVar("T")

DATABASE_CHECKS_AT_ONCE = 4
"""Checks that hold connections at the same time: asking must not use the last ones up."""


class Asking:
    """One examination. Used from the threads of all its checks at once."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        """Seconds that each check has."""
        self.code: Callable[[], Code] = _Once(Code)
        self.references: Callable[[], list[Kept]] = _Once(lambda: as_they_stand(self.code()))
        self._turns = BoundedSemaphore(DATABASE_CHECKS_AT_ONCE)

    @contextmanager
    def database(self) -> Iterator[None]:
        """Read the database in this thread, no statement longer than a check may take.

        The thread's connections are closed at the end. Raises ``OperationalError`` where no
        connection is to be had.
        """
        with self._turns, reading_within(int(self.timeout * 1000)):
            yield


class _Once(Generic[T]):
    """What is made when it is first asked for; who asks meanwhile waits."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]


@dataclass(frozen=True)
class Check:
    """One question and its name."""

    name: str
    ask: Callable[[Asking], Answer]
    """Called in a thread of its own. What it raises makes the check unhealthy."""
