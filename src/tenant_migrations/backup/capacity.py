"""Whether there is room: in the server's lock table, and on the disk with the backups."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tenant_migrations.exceptions import Refused
from tenant_migrations.fleet.server import LOCK_TABLE, SCHEMAS, locks_to_set
from tenant_migrations.models import Backup

HEADROOM = 1.2
"""How much more than expected has to be free."""

SMALLEST = 2**20


@dataclass(frozen=True)
class Space:
    """Bytes on disk."""

    needed: int
    free: int
    based_on: str
    """What the expectation comes from."""

    @property
    def is_enough(self) -> bool:
        return self.free > self.needed * HEADROOM


def refuse_too_many_locks(
    connection: psycopg.Connection[Any], schemas: set[str], *, times: int = 1
) -> None:
    """Raise ``Refused`` where one dump of these schemas would not fit into the lock table.

    ``times`` is how often it locks each: several connections lock what they dump once more.
    """
    row: Any = connection.execute(LOCK_TABLE).fetchone()
    per_transaction, transactions = row
    dumped = sum(count for name, count, *_ in connection.execute(SCHEMAS) if name in schemas)
    needed = times * dumped
    if needed > per_transaction * transactions:
        raise Refused(
            f"one dump of {len(schemas)} schemas takes {needed} locks and the server has room for "
            f"{per_transaction * transactions}: use --per-tenant, or ALTER SYSTEM SET "
            f"max_locks_per_transaction = {locks_to_set(needed, transactions)} and restart it"
        )


def space_for(folder: Path, data_bytes: int, kind: str) -> Space:
    """What a backup of so much table data takes, by what the last of its kind took."""
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    last = Backup.objects.filter(kind=kind, data_bytes__gt=0).order_by("-made_at").first()
    if last is None:
        return Space(max(data_bytes, SMALLEST), free, "the size of the tables, as if uncompressed")
    share = last.size_bytes / last.data_bytes
    return Space(max(int(data_bytes * share), SMALLEST), free, f"the share that {last.name} took")
