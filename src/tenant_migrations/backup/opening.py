"""Opening a backup: nothing of it is used before every byte of it is known to be as written."""

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tenant_migrations.backup import manifest
from tenant_migrations.backup.archives import sha256_of, size_of
from tenant_migrations.backup.damage import Damaged
from tenant_migrations.backup.folder import SET_MANIFEST, manifest_path
from tenant_migrations.backup.manifest import Archive, Manifest
from tenant_migrations.exceptions import TenantMigrationsError, WrongUse


class Unreadable(TenantMigrationsError):
    """The system does not let us read it."""


@dataclass(frozen=True)
class Opened:
    """A backup whose manifest is whole."""

    path: Path
    manifest: Manifest
    digest: str
    is_ours: bool

    def file_of(self, archive: Archive) -> Path:
        """Where an archive is."""
        if Path(archive.file).name != archive.file:
            raise Damaged(f"{self.path}: its manifest names a file elsewhere")
        return self.path.parent / archive.file

    def check(self, schemas: Collection[str] = ()) -> None:
        """Read the archives that hold these schemas (all of them where none is named).

        Raises ``Damaged`` where one is not as the manifest says.
        """
        for archive in self.manifest.archives:
            if schemas and not set(schemas) & set(archive.schemas):
                continue
            path = self.file_of(archive)
            try:
                size = size_of(path)
                if size != archive.size:
                    raise Damaged(
                        f"{path} is damaged: it has {size:,} bytes instead of {archive.size:,}"
                    )
                found = sha256_of(path)
            except OSError as error:
                raise Damaged(f"{path} can't be read: {error.strerror}") from error
            if found != archive.sha256:
                raise Damaged(f"{path} is damaged: its SHA-256 is not that of its manifest")


def open_backup(text: str) -> Opened:
    """The backup of that path: a ``.dump`` or the ``manifest.json`` of a set.

    Raises ``WrongUse`` for what is no such file, ``Unreadable``, and ``Damaged`` for a manifest
    that is absent or not whole. The archives are for ``Opened.check``.
    """
    path = Path(text)
    try:
        status = path.lstat() if text else None
    except (OSError, ValueError) as error:
        status = None
        if isinstance(error, PermissionError):
            raise Unreadable(f"{text} can't be read: {error.strerror}") from error
    if status is None:
        raise WrongUse(
            f"there is no backup {text!r}: manage.py backup_database --list shows which there are"
        )
    if stat.S_ISLNK(status.st_mode):
        raise WrongUse(f"{text} is a symbolic link: name the backup itself")
    if stat.S_ISDIR(status.st_mode):
        raise WrongUse(f"{text} is a folder: name the backup in it, a .dump or {SET_MANIFEST}")
    if not stat.S_ISREG(status.st_mode):
        raise WrongUse(f"{text} is no regular file: name a backup")
    if not status.st_size:
        raise Damaged(f"{text} is empty: it is no backup")
    if not os.access(path, os.R_OK):
        raise Unreadable(f"{text} can't be read: work as the user who made it")
    signed = manifest.read(manifest_path(path))
    named = [archive.file for archive in signed.manifest.archives]
    if path.name != SET_MANIFEST and named != [path.name]:
        raise Damaged(f"{text} is not the backup that its manifest speaks of ({', '.join(named)})")
    return Opened(path, signed.manifest, signed.digest, signed.is_ours)
