"""The catalogue: what backups there are, as the folder and the records tell; and retention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import Path

from django.utils import timezone

from tenant_migrations.backup.archives import size_of
from tenant_migrations.backup.damage import Damaged
from tenant_migrations.backup.folder import Folder, Found, manifest_path, stem_of
from tenant_migrations.backup.manifest import Manifest, read
from tenant_migrations.database import public_schema, schema_in_use
from tenant_migrations.models import Backup

KEPT_ALWAYS = 3
"""So many of the last backups, and of the last verified ones, are kept whatever their age."""

SHORTEST_CAP = timedelta(days=1)
AHEAD = timedelta(hours=1)
"""A backup from further in the future was made by a clock that was wrong."""


@dataclass(frozen=True)
class Entry:
    """One backup in the folder."""

    path: Path
    name: str
    made: datetime
    manifest: Manifest | None
    """``None`` where it is damaged."""
    problem: str
    verified_at: datetime | None
    verify_error: str
    restore_seconds: float | None

    @property
    def age(self) -> timedelta:
        return timezone.now() - self.made


def entries(folder: Folder) -> list[Entry]:
    """The backups of a folder, oldest first. Archives are looked at for their size only."""
    found = folder.backups()
    records = _records([backup.name for backup in found])
    return [_entry(backup, records.get(backup.name)) for backup in found]


def _records(names: Sequence[str]) -> Mapping[str, Backup]:
    with schema_in_use(public_schema()):
        return {record.name: record for record in Backup.objects.filter(name__in=names)}


def _entry(found: Found, record: Backup | None) -> Entry:
    content: Manifest | None = None
    problem = ""
    try:
        content = read(manifest_path(found.path)).manifest
        for archive in content.archives:
            path = found.path.with_name(archive.file)
            if size_of(path) != archive.size:
                problem = f"{path.name} is not as the manifest says"
    except Damaged as error:
        problem = str(error)
    except OSError as error:
        problem = f"{path.name} can't be read: {error.strerror}"
    return Entry(
        found.path,
        found.name,
        found.made,
        content,
        problem,
        record.verified_at if record else None,
        record.verify_error if record else "",
        record.restore_seconds if record else None,
    )


def prune(folder: Folder, database: str, days: int, just_made: Path | None) -> list[str]:
    """Remove backups of a database that are older than so many days; their names.

    For who is alone in the folder. Never removes the last three that are whole, the last three that
    were verified, the one that was just made, what is damaged, or anything that is not called
    exactly as ours are. Age is counted from backup to backup, not by the clock alone.
    """
    stem = stem_of(database) + "-"
    known = [entry for entry in entries(folder) if entry.name.startswith(stem)]
    kept = _kept(known, just_made)
    removed = []
    for entry, age in _ages(known):
        if age > timedelta(days=days) and entry.name not in kept and not entry.problem:
            folder.remove(Found(entry.name, entry.made, entry.path))
            removed.append(entry.name)
    with schema_in_use(public_schema()):
        Backup.objects.filter(name__in=removed).update(removed_at=timezone.now())
    return removed


def _kept(known: Sequence[Entry], just_made: Path | None) -> set[str]:
    whole = [entry for entry in known if not entry.problem]
    verified = [entry for entry in whole if entry.verified_at]
    last = [*whole[-KEPT_ALWAYS:], *verified[-KEPT_ALWAYS:]]
    return {entry.name for entry in last} | {
        entry.name for entry in whole if entry.path == just_made
    }


def _ages(known: Sequence[Entry]) -> list[tuple[Entry, timedelta]]:
    """Each backup with the time from it to the newest.

    A gap between two counts for twice the usual one at most, so that a clock that jumped makes
    none of them old.
    """
    past = [entry for entry in reversed(known) if entry.made <= timezone.now() + AHEAD]
    gaps = [newer.made - older.made for newer, older in pairwise(past)]
    most = max(SHORTEST_CAP, 2 * sorted(gaps)[len(gaps) // 2]) if gaps else SHORTEST_CAP
    ages = accumulate((min(gap, most) for gap in gaps), initial=timedelta(0))
    return list(zip(past, ages, strict=False))
