"""Telling the healer: the guard has a tenant healed, that tenant alone, in another process.

One healing at a time in each web process; tenants that are found meanwhile are healed together by
the next one. Where a rollout holds the fleet lock nothing is done: it brings the tenant to the
code itself, or the guard tells the healer again later.
"""

import logging
from threading import Lock, Thread

from django.db import Error, connections

from tenant_migrations.database import one_line
from tenant_migrations.exceptions import TenantMigrationsError
from tenant_migrations.logs import event
from tenant_migrations.models import FleetAction
from tenant_migrations.web import jobs

logger = logging.getLogger("tenant_migrations.web")

MOST_AT_ONCE = 50
"""Tenants that one healing is given at most."""


class _Queue:
    """Tenants that are to be healed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[str, None] = {}
        self._thread: Thread | None = None

    def add(self, schema_name: str) -> None:
        with self._lock:
            self._waiting[schema_name] = None
            if self._thread is None:
                self._thread = Thread(target=self._work, daemon=True)
                self._thread.start()

    def settle(self) -> None:
        thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while names := self._next():
            try:
                _heal(names)
            except (Error, TenantMigrationsError) as error:
                event(logger, logging.ERROR, "healer_not_told", error=one_line(error))
            finally:
                connections.close_all()

    def _next(self) -> list[str]:
        with self._lock:
            names = [*self._waiting][:MOST_AT_ONCE]
            for name in names:
                del self._waiting[name]
            if not names:
                self._thread = None
            return names


_queue = _Queue()


def heal(schema_name: str) -> None:
    """Have a tenant healed, as ``verify_tenant_migrations --fix`` does. Returns at once."""
    _queue.add(schema_name)


def settle() -> None:
    """Wait until no healing is under way in this process."""
    _queue.settle()


def _heal(names: list[str]) -> None:
    action = FleetAction(
        username=jobs.GUARD,
        action="heal",
        schema_name=names[0] if len(names) == 1 else "",
        parameters={"tenants": names},
    )
    jobs.start(action, heal_arguments(names, jobs.GUARD)).join()


def heal_arguments(names: list[str], trigger: str) -> list[str]:
    """The command that heals some tenants, or all where none is named."""
    chosen = [f"--tenant={name}" for name in names]
    return ["verify_tenant_migrations", "--fix", "--no-input", f"--trigger={trigger}", *chosen]
