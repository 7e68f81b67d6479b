"""What the records say of backups, for health, metrics and reports. Reads only.

Only a backup of the whole fleet counts here: one of some tenants protects no others.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max

from tenant_migrations.backup.manifest import DATABASE, PER_TENANT
from tenant_migrations.models import Backup

VERIFIED_WITHIN = timedelta(days=8)
"""A restore has to be tried once a week."""


@dataclass(frozen=True)
class Practice:
    """The newest backup, and when restoring was last tried."""

    name: str
    made_at: datetime
    size_bytes: int
    duration_seconds: float
    is_verified: bool
    verify_error: str
    """Why the newest one could not be restored."""
    last_verified_at: datetime | None
    """When any backup was last restored into a scratch database."""
    last_rehearsed_at: datetime | None
    restore_seconds: float | None
    """How long the last such restore took."""


def practice() -> Practice | None:
    """As things stand; ``None`` where no backup is on record. Two small statements in public."""
    known = Backup.objects.filter(kind__in=(DATABASE, PER_TENANT))
    newest = known.filter(removed_at=None).order_by("-made_at").first()
    if newest is None:
        return None
    restored = known.exclude(verified_at=None).order_by("-verified_at").first()
    return Practice(
        name=newest.name,
        made_at=newest.made_at,
        size_bytes=newest.size_bytes,
        duration_seconds=newest.duration_seconds,
        is_verified=newest.verified_at is not None,
        verify_error=newest.verify_error,
        last_verified_at=restored.verified_at if restored else None,
        last_rehearsed_at=known.aggregate(at=Max("rehearsed_at"))["at"],
        restore_seconds=restored.restore_seconds if restored else None,
    )
