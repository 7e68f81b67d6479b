"""The folder with the backups: who may look into it, what its files are called, one run at a time.

``NAME.dump`` is a backup with one archive, ``NAME.dump.manifest.json`` its manifest. A backup with
an archive for each tenant is a folder ``NAME`` with ``manifest.json``, and so is one whose archive
is a folder itself, ``NAME/archive``. What is being made has ``.partial`` in its name; the manifest
is there before the backup gets its name.
"""

import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tenant_migrations.backup.manifest import DATABASE, PER_TENANT, TENANTS
from tenant_migrations.exceptions import Busy, TenantMigrationsError, WrongUse

ARCHIVE, MANIFEST, PARTIAL = ".dump", ".manifest.json", ".partial"
SET_MANIFEST = "manifest.json"
ARCHIVE_FOLDER = "archive"
NAME = re.compile(
    rf"(?P<stem>[A-Za-z0-9_]{{1,63}})-(?P<made>\d{{8}}T\d{{6}}Z)"
    rf"-(?P<kind>{DATABASE}|{TENANTS}|{PER_TENANT})-[0-9a-f]{{6}}"
)
SET_PART = re.compile(r"\d{5}\.(?:dump|json)|manifest\.json")
ARCHIVE_PART = re.compile(
    r"(?:toc\.dat|\d+\.dat|blobs(?:_\d+)?\.toc|blob_\d+\.dat)(?:\.(?:gz|lz4|zst))?"
)
"""What ``pg_dump --format=directory`` calls its files."""


class NotUsable(TenantMigrationsError):
    """The folder can't be made, entered or written."""


def stem_of(database: str) -> str:
    """What the names of a database's backups begin with."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", database)[:63] or "_"


def new_name(database: str, kind: str, made: datetime) -> str:
    """A name that no other backup has."""
    moment = made.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{stem_of(database)}-{moment}-{kind}-{secrets.token_hex(3)}"


def made_at(name: str) -> datetime | None:
    """When a backup was made, by its name; ``None`` where the name is none of ours."""
    match = NAME.fullmatch(name)
    try:
        return match and datetime.strptime(match["made"], "%Y%m%dT%H%M%S%z")
    except ValueError:
        return None


def manifest_path(backup: Path) -> Path:
    """Where the manifest of a backup is, given the path that people use for it."""
    if backup.name == SET_MANIFEST:
        return backup
    return backup.with_name(backup.name + MANIFEST)


def path_of(folder: Path, name: str) -> Path:
    """What people call a backup by: its archive, or the manifest in its folder."""
    made = folder / name
    is_folder = f"-{PER_TENANT}-" in name or made.is_dir()
    return made / SET_MANIFEST if is_folder else made.with_name(name + ARCHIVE)


@dataclass(frozen=True)
class Found:
    """A backup in the folder, by its name alone."""

    name: str
    made: datetime
    path: Path
    """What people name it by: the archive, or the manifest of a set."""


class Folder:
    """A folder that only its owner may enter."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def at(cls, text: str, origin: str, *, create: bool) -> "Folder":
        """The folder of that path, made where it may be.

        ``origin`` is where the path comes from, such as ``BACKUP_DIR``. Raises ``WrongUse`` for a
        path that is no fit place and ``NotUsable`` where the system refuses.
        """
        path = Path(text)
        if not text.strip():
            raise WrongUse(f"{origin} is empty: name a folder for the backups")
        if not path.is_absolute():
            raise WrongUse(f"{origin}={text} is a relative path: give it from / on")
        if path == Path("/") or ".." in path.parts:
            raise WrongUse(f"{origin}={text} is no folder for backups: name one of their own")
        try:
            if create and not os.path.lexists(path):
                path.mkdir(parents=True, mode=0o700)
            status = path.lstat()
        except FileNotFoundError:
            raise WrongUse(f"{origin}={text} is not there: no backup was made yet") from None
        except OSError as error:
            raise NotUsable(
                f"{origin}={text} can't be used ({error.strerror}): make it, or name another"
            ) from error
        _refuse_unfit(path, status, origin)
        return cls(path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Raises ``Busy`` where another process makes or removes backups here."""
        try:
            descriptor = os.open(
                self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise NotUsable(f"{self.path} can't be written: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Busy(
                f"another backup is being made in {self.path}; nothing was done: "
                "try again when it is through"
            ) from None
        finally:
            os.close(descriptor)

    def backups(self) -> list[Found]:
        """What is called like a backup of ours and is of the right kind, oldest first."""
        found = []
        for entry in os.scandir(self.path):
            is_set = entry.is_dir(follow_symlinks=False)
            if not is_set and not entry.is_file(follow_symlinks=False):
                continue
            name = entry.name if is_set else entry.name.removesuffix(ARCHIVE)
            made = made_at(name)
            if made is None or (not is_set and f"-{PER_TENANT}-" in name):
                continue
            if is_set or entry.name.endswith(ARCHIVE):
                path = Path(entry.path) / SET_MANIFEST if is_set else Path(entry.path)
                found.append(Found(name, made, path))
        return sorted(found, key=lambda one: (one.made, one.name))

    def clear_unfinished(self, keep: Path | None = None) -> None:
        """Remove what a killed run left; only for who is alone here."""
        for entry in [*os.scandir(self.path)]:
            path = Path(entry.path)
            if path == keep or entry.is_symlink():
                continue
            if entry.name.endswith(PARTIAL) and made_at(_bare(entry.name)):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(path)
                else:
                    path.unlink()
            elif entry.name.endswith(ARCHIVE + MANIFEST) and made_at(_bare(entry.name)):
                alone = not path.with_name(entry.name.removesuffix(MANIFEST)).exists()
                path.unlink() if alone else None

    def remove(self, backup: Found) -> None:
        """Remove the files of one backup, and nothing that is not called as ours are."""
        if backup.path.name == SET_MANIFEST:
            backup.path.unlink(missing_ok=True)  # First: without it the rest is no backup.
            _clear(backup.path.parent / ARCHIVE_FOLDER, ARCHIVE_PART)
            _clear(backup.path.parent, SET_PART)
            return
        backup.path.unlink(missing_ok=True)
        manifest_path(backup.path).unlink(missing_ok=True)

    def sync(self) -> None:
        """See that names that were given here outlive a crash of the machine."""
        sync_folder(self.path)


def sync_folder(path: Path) -> None:
    """Write a folder's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_private(path: Path, content: str) -> None:
    """A new file that only its owner may read, on disk when this returns."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _clear(folder: Path, ours: re.Pattern[str]) -> None:
    """Remove the files of a folder that are called as ours are, and if it is empty then itself."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in folder.iterdir():
        if ours.fullmatch(path.name) and not path.is_symlink() and path.is_file():
            path.unlink()
    with suppress(OSError):  # Somebody put a file of theirs there.
        folder.rmdir()


def _bare(name: str) -> str:
    for suffix in (PARTIAL, MANIFEST, ARCHIVE):
        name = name.removesuffix(suffix)
    return name


def _refuse_unfit(path: Path, status: os.stat_result, origin: str) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise WrongUse(f"{origin}={path} is a symbolic link: name the folder itself")
    if not stat.S_ISDIR(status.st_mode):
        raise WrongUse(f"{origin}={path} is no folder: name one")
    if status.st_mode & 0o077:
        raise WrongUse(
            f"{origin}={path} is open to other users, and backups hold everything: "
            f"chmod 700 '{path}', or name another"
        )
    if status.st_uid != os.geteuid():
        raise WrongUse(f"{origin}={path} belongs to another user: name a folder of your own")
