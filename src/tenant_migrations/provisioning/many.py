"""Making many tenants at once, over a bounded number of connections."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Event, Lock
from typing import Any, TypeVar

from django.db import connections

from tenant_migrations import conf
from tenant_migrations.database import tenant_connection

Item = TypeVar("Item")
END: Any = object()

RECYCLE = 50
"""After so many tenants a connection is closed: a backend remembers every table that it saw."""


def provision(
    items: Iterable[Item],
    make: Callable[[Item], object],
    *,
    jobs: int = 0,
    done: Callable[[Item], None] = lambda item: None,
) -> None:
    """Call ``make`` for each item, over ``jobs`` threads with a connection each (0: ``JOBS``).

    ``make`` is ``Tenant.save``, say, and as safe as that: nothing here is one transaction. ``done``
    is told of each item that is made, one at a time. The first failure, or an interrupt, ends it:
    items in hand are finished, the others not begun, and it is raised. With one job everything
    happens on this thread's own connection.
    """
    jobs = jobs or conf.get().JOBS
    work = _Work(items, make, done)
    if jobs == 1:
        work.run()
        return
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        workers = [pool.submit(copy_context().run, work.run_aside) for _ in range(jobs)]
        try:
            for worker in workers:
                worker.result()
        finally:
            work.stop.set()


class _Work:
    """Items that are waiting, and whoever takes them."""

    def __init__(
        self, items: Iterable[Item], make: Callable[[Item], object], done: Callable[[Item], None]
    ) -> None:
        self.items = iter(items)
        self.make = make
        self.done = done
        self.lock = Lock()
        self.stop = Event()

    def run_aside(self) -> None:
        """On a thread of its own, whose connections are closed at the end."""
        try:
            self.run()
        except BaseException:
            self.stop.set()
            raise
        finally:
            connections.close_all()

    def run(self) -> None:
        """Take items until there are none."""
        made = 0
        while not self.stop.is_set():
            with self.lock:
                item = next(self.items, END)
            if item is END:
                return
            self.make(item)
            with self.lock:
                self.done(item)
            made += 1
            if made % RECYCLE == 0 and not tenant_connection().in_atomic_block:
                tenant_connection().close()
