"""Failures, sorted: what is tried again, what is one tenant's trouble, and what ends the run.

The classes are PostgreSQL's (documentation, "PostgreSQL Error Codes").
"""

from dataclasses import dataclass
from enum import Enum

from tenant_migrations.database import one_line, sqlstate
from tenant_migrations.fleet.findings import HEAL, VERIFY


class Consequence(Enum):
    """What a failure means for the run."""

    RETRY = "retry"
    """A lock was not to be had, a deadlock, or the connection went: the tenant is tried again."""
    TENANT = "tenant"
    """This tenant failed; the others go on."""
    STOP = "stop"
    """No tenant would fare better: the run ends."""


RETRIED = {"55P03", "40P01", "40001", "57P01", "57P02"}
STOPPING = ("53", "58", "28", "25006", "57P03", "3D")

HINTS = {
    "55P03": "somebody holds the lock (SELECT pid, query FROM pg_stat_activity WHERE state <> "
    f"'idle'); then: {HEAL}",
    "57014": f"it took longer than STATEMENT_TIMEOUT_MS; then: {HEAL}",
    "23505": f"rows of this tenant contradict a unique constraint; clean them, then: {HEAL}",
    "23503": f"rows of this tenant point to rows that are not there; clean them, then: {HEAL}",
    "23502": f"rows of this tenant lack a value that is now required; fill it, then: {HEAL}",
    "23514": f"rows of this tenant break a check constraint; clean them, then: {HEAL}",
    "42P07": f"something of that name is there already; see what: {VERIFY} --tenant={{schema}}",
    "42701": f"a column of that name is there already; see: {VERIFY} --tenant={{schema}}",
    "42501": f"give the database role the right, then: {HEAL}",
    "53100": f"free disk space on the database server, then: {VERIFY} --fix",
    "53300": f"close connections or raise max_connections, then: {VERIFY} --fix",
    "25006": "the server is read-only or a standby: connect to the primary",
}


class Skipped(Exception):
    """Nothing was done to the tenant, on purpose. The text says why."""


class Unproven(Exception):
    """A step began earlier whose end nothing in the database can show. The text says which."""


@dataclass(frozen=True)
class Failure:
    """Why one tenant could not be brought to the code."""

    message: str
    hint: str
    sqlstate: str = ""
    migration: str = ""
    consequence: Consequence = Consequence.TENANT


def sort_failure(error: Exception, migration: str, connected: bool) -> Failure:
    """What an error means; ``connected`` tells whether the connection outlived it."""
    code = sqlstate(error)
    message = one_line(error)
    if not code and not isinstance(error, Unproven):
        message = f"{type(error).__name__}: {message}"
    if code.startswith(STOPPING):
        consequence = Consequence.STOP
    elif code in RETRIED or code.startswith("08") or not connected:
        consequence = Consequence.RETRY
    else:
        consequence = Consequence.TENANT
    hint = HINTS.get(code, f"mend the cause, then: {HEAL}")
    return Failure(message, hint, code, migration, consequence)
