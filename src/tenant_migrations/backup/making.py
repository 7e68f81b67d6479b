"""Making a backup: room first, then dump, read back, and only then its name.

A run that dies leaves files with ``.partial`` in their name, which the next one removes, and never
anything that looks like a backup. One archive shows one moment. With an archive for each tenant
each shows its own, and a run that died is continued by the next one.
"""

import json
import logging
import shutil
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from contextvars import copy_context
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db import connections

from tenant_migrations.backup import manifest
from tenant_migrations.backup.dumping import DIRECTORY, Part, Wanted, dump
from tenant_migrations.backup.folder import (
    ARCHIVE,
    ARCHIVE_FOLDER,
    PARTIAL,
    SET_MANIFEST,
    made_at,
    manifest_path,
    new_name,
    stem_of,
    sync_folder,
    write_private,
)
from tenant_migrations.backup.manifest import Archive, Manifest, SchemaFacts
from tenant_migrations.backup.orders import Order, Outlook, look_ahead
from tenant_migrations.database import public_schema, schema_in_use
from tenant_migrations.exceptions import TenantMigrationsError
from tenant_migrations.fleet.graph import Code
from tenant_migrations.logs import event
from tenant_migrations.models import Backup

CONTINUED_FOR = timedelta(hours=24)
"""How old the beginning of a backup may be for the next run to go on with it."""

Progress = Callable[[str, int, int], None]

logger = logging.getLogger("tenant_migrations.backup")


@dataclass(frozen=True)
class Made:
    """A backup that was published."""

    path: Path
    manifest: Manifest
    record: Backup


def make(order: Order, code: Code, progress: Progress) -> Made:
    """Make a backup; it is there under its name when this returns, read back and recorded.

    Holds the folder's lock. Raises ``Busy`` where another process works there, ``Refused`` where
    there is too little room or a structure changed meanwhile, ``ClientFailed``; nothing but what
    can be continued is left then.
    """
    with order.folder.alone():
        outlook = look_ahead(order)
        if not outlook.space.is_enough:
            raise NoSpace(
                f"{order.folder.path} has {outlook.space.free:,} bytes free and the backup takes "
                f"about {outlook.space.needed:,} ({outlook.space.based_on}): make room, or name "
                "another folder"
            )
        return _Making(order, outlook, code, progress).run()


class NoSpace(TenantMigrationsError):
    """The disk is too full for a backup to be begun."""


class _Making:
    """One backup while it is made."""

    def __init__(self, order: Order, outlook: Outlook, code: Code, progress: Progress) -> None:
        self.order = order
        self.outlook = outlook
        self.code = code
        self.progress = progress
        self.started = time.monotonic()
        self.sizes: dict[str, int] = {}

    def run(self) -> Made:
        folder = self.order.folder.path
        if self.order.per_tenant:
            path, content, digest = self._set(folder)
        elif self.order.format == DIRECTORY:
            path, content, digest = self._directory(folder)
        else:
            path, content, digest = self._single(folder)
        record = self._record(content, digest)
        event(
            logger,
            logging.INFO,
            "backup_made",
            backup=content.name,
            kind=content.kind,
            tenants=record.tenants,
            bytes=content.size,
            duration=content.duration_seconds,
        )
        return Made(path, content, record)

    def _single(self, folder: Path) -> tuple[Path, Manifest, str]:
        """One file, with its manifest beside it."""
        self.order.folder.clear_unfinished()
        name = self._new_name()
        path = folder / (name + ARCHIVE)
        partial = path.with_name(path.name + PARTIAL)
        described = manifest_path(path)
        try:
            part = self._dump(Wanted(self.order.names, self.outlook.tenants), partial, path.name)
            content = self._manifest(name, [part])
            text, digest = manifest.render(content)
            write_private(described, text)
            partial.rename(path)
        except BaseException:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
                described.unlink(missing_ok=True)
            raise
        self.order.folder.sync()
        return path, content, digest

    def _directory(self, folder: Path) -> tuple[Path, Manifest, str]:
        """One archive with a file for each table, in a folder with its manifest."""
        self.order.folder.clear_unfinished()
        begun = folder / (self._new_name() + PARTIAL)
        begun.mkdir(mode=0o700)
        wanted = Wanted(
            self.order.names,
            self.outlook.tenants,
            format=self.order.format,
            jobs=self.order.jobs,
        )
        try:
            part = self._dump(wanted, begun / ARCHIVE_FOLDER, ARCHIVE_FOLDER)
            return self._published(begun, [part])
        except BaseException:
            shutil.rmtree(begun, ignore_errors=True)
            raise

    def _set(self, folder: Path) -> tuple[Path, Manifest, str]:
        """An archive for each tenant, and one for all the rest."""
        begun = self._begun(folder)
        self.order.folder.clear_unfinished(keep=begun)
        if begun is None:
            begun = folder / (self._new_name() + PARTIAL)
            begun.mkdir(mode=0o700)
        names = [name for name in self.outlook.schemas if name in self.outlook.tenants]
        rest = [name for name in self.outlook.schemas if name not in self.outlook.tenants]
        groups = [*([Wanted(rest, self.outlook.tenants, True)] if rest else [])]
        groups += [Wanted([name], self.outlook.tenants) for name in names]
        parts = self._parts(begun, groups)
        for leftover in begun.iterdir():
            if leftover.name not in {part.archive.file for part in parts}:
                leftover.unlink()
        return self._published(begun, parts)

    def _published(self, begun: Path, parts: Sequence[Part]) -> tuple[Path, Manifest, str]:
        """Give a folder its manifest, and then its name."""
        content = self._manifest(begun.name.removesuffix(PARTIAL), parts)
        text, digest = manifest.render(content)
        write_private(begun / SET_MANIFEST, text)
        sync_folder(begun)
        final = begun.with_name(content.name)
        begun.rename(final)
        self.order.folder.sync()
        return final / SET_MANIFEST, content, digest

    def _new_name(self) -> str:
        return new_name(self.outlook.source.database, self.order.kind, datetime.now(UTC))

    def _begun(self, folder: Path) -> Path | None:
        """A set that an earlier run did not finish, and that is young enough."""
        now = datetime.now(UTC)
        stem = stem_of(self.outlook.source.database)
        for path in sorted(folder.glob(f"{stem}-*-{manifest.PER_TENANT}-*{PARTIAL}")):
            made = made_at(path.name.removesuffix(PARTIAL))
            is_set = path.is_dir() and not path.is_symlink()
            if is_set and made and timedelta(0) <= now - made < CONTINUED_FOR:
                return path
        return None

    def _parts(self, folder: Path, groups: list[Wanted]) -> list[Part]:
        done = {tuple(part.archive.schemas): part for part in _finished(folder)}
        waiting = [group for group in groups if tuple(group.names) not in done]
        numbers = (n for n in range(len(groups) * 2) if not (folder / f"{n:05}.json").exists())
        parts = [part for group in groups if (part := done.get(tuple(group.names)))]

        def one(wanted: Wanted, number: int) -> Part:
            target = folder / f"{number:05}{ARCHIVE}"
            target.unlink(missing_ok=True)
            try:
                part = self._dump(wanted, target, target.name)
                write_private(target.with_suffix(".json"), json.dumps(asdict(part)))
                return part
            except BaseException:
                target.unlink(missing_ok=True)
                raise
            finally:
                connections.close_all()

        with ThreadPoolExecutor(max(1, min(self.order.jobs, len(waiting)))) as pool:
            running = [
                pool.submit(copy_context().run, one, group, next(numbers)) for group in waiting
            ]
            try:
                for future in as_completed(running):
                    parts.append(future.result())
                    self.progress("archives", len(parts), len(groups))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return sorted(parts, key=lambda part: part.archive.file)

    def _dump(self, wanted: Wanted, target: Path, file: str) -> Part:
        def grown(size: int) -> None:
            self.sizes[file] = size
            self.progress("bytes dumped", sum(self.sizes.values()), self.outlook.space.needed)

        if self.order.per_tenant:
            return dump(self.outlook.clients, wanted, target, file, lambda size: None)
        return dump(self.outlook.clients, wanted, target, file, grown)

    def _manifest(self, name: str, parts: Sequence[Part]) -> Manifest:
        major, minor = self.outlook.clients.version
        return Manifest(
            name=name,
            kind=self.order.kind,
            made_at=min(part.made_at for part in parts),
            duration_seconds=round(time.monotonic() - self.started, 3),
            code_revision=self.code.revision,
            client_version=f"{major}.{minor}",
            source=self.outlook.source,
            archives=[part.archive for part in parts],
            schemas={key: fact for part in parts for key, fact in part.schemas.items()},
            ledgers={key: rows for part in parts for key, rows in part.ledgers.items()},
            roles=sorted({role for part in parts for role in part.roles}),
            extensions=self.outlook.extensions,
            unscoped=self.outlook.unscoped,
            large_objects=self.outlook.large_objects,
            data_bytes=self.outlook.data_bytes,
        )

    def _record(self, content: Manifest, digest: str) -> Backup:
        with schema_in_use(public_schema()):
            values = {
                "folder": str(self.order.folder.path),
                "host": socket.gethostname(),
                "kind": content.kind,
                "schemas": list(self.order.names),
                "tenants": len(content.tenants),
                "size_bytes": content.size,
                "data_bytes": content.data_bytes,
                "duration_seconds": content.duration_seconds,
                "server_version": content.source.server_version,
                "code_revision": content.code_revision,
                "manifest_digest": digest,
                "made_at": content.made,
                "rollout": self.order.rollout,
            }
            # A set that was continued may be on record already: its run died just afterwards.
            return Backup.objects.update_or_create(name=content.name, defaults=values)[0]


def _finished(folder: Path) -> list[Part]:
    """Archives of a set that an earlier run was through with."""
    parts = []
    for path in folder.glob("*.json"):
        try:
            raw = json.loads(path.read_text(encoding="ascii"))
            part = Part(
                archive=Archive(**raw["archive"]),
                made_at=raw["made_at"],
                schemas={name: SchemaFacts(**fact) for name, fact in raw["schemas"].items()},
                ledgers=raw["ledgers"],
                roles=raw["roles"],
            )
            if (folder / part.archive.file).stat().st_size == part.archive.size:
                parts.append(part)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # Its end was not written: it is dumped again.
    return parts
