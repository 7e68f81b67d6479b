"""Backups, as they are recorded: which there are of a tenant, and how one is restored."""

import shlex
from pathlib import Path
from typing import Any

from django.db.models import Q

from tenant_migrations.backup.folder import path_of
from tenant_migrations.models import Backup, FleetAction

MOST_SHOWN = 10


def newest_backup() -> Backup | None:
    """The newest backup of the whole fleet that is still there."""
    return Backup.objects.filter(removed_at=None, schemas=[]).first()


def backups_of(schema_name: str) -> list[Backup]:
    """Backups in which a tenant is or should be, the newest first.

    One of everything holds all tenants that there were: the plan of a restore says if this is one.
    """
    found = Backup.objects.filter(removed_at=None)
    found = found.filter(Q(schemas=[]) | Q(schemas__contains=[schema_name]))
    return list(found[:MOST_SHOWN])


def rollback_arguments(backup: Backup, schema_name: str) -> list[str]:
    """The command that restores a tenant from a backup."""
    path = path_of(Path(backup.folder), backup.name)
    return ["rollback_migrations", str(path), f"--tenant={schema_name}"]


def rollback_context(action: FleetAction) -> dict[str, Any]:
    """For the page of a plan: the backup, and the command that carries the plan out."""
    if action.action != "plan-rollback" or action.exit_code != 0:
        return {}
    backup = Backup.objects.filter(pk=action.parameters.get("backup"), removed_at=None).first()
    if backup is None:
        return {}
    command = shlex.join(["manage.py", *rollback_arguments(backup, action.schema_name)])
    return {"backup": backup, "command": command}
