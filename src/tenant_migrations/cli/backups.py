"""Backups for people and programs: what was made, what there is, what one would take."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from tenant_migrations.backup.catalogue import Entry
from tenant_migrations.backup.making import Made
from tenant_migrations.backup.manifest import DATABASE, Manifest
from tenant_migrations.backup.orders import Outlook
from tenant_migrations.cli.printable import printable
from tenant_migrations.fleet.findings import named, plural

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """``1.5 MB``."""
    for unit in UNITS:
        if count < 1000 or unit == UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == UNITS[0] else f"{count:.1f} {unit}"
        count /= 1000
    return ""


def ago(age: timedelta) -> str:
    """``3 hours``."""
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return plural(max(minutes, 0), "minute")
    return plural(minutes // 60, "hour") if minutes < 2880 else plural(minutes // 1440, "day")


def contents(content: Manifest) -> str:
    """What a backup holds, in a few words."""
    rows = sum(fact.total_rows for fact in content.schemas.values())
    what = "the database" if content.kind == DATABASE else ""
    tenants = plural(len(content.tenants), "tenant")
    if content.kind != DATABASE and len(content.tenants) <= 3:
        tenants = ", ".join(map(printable, content.tenants)) or tenants
    return f"{what + ' with ' if what else ''}{tenants}, {rows:,} rows"


def made_lines(made: Made) -> Iterator[str]:
    """What was made; the last line is its path."""
    content = made.manifest
    yield f"{contents(content)}: {size(content.size)} in {content.duration_seconds:.1f} s"
    yield from not_covered(content)


def not_covered(content: Manifest) -> Iterator[str]:
    """What a backup of this kind leaves out, where there is any of it."""
    if content.large_objects and content.kind != DATABASE:
        count = plural(content.large_objects, "large object")
        yield f"not in it: {count}, which belong to no tenant"
    if content.unscoped and content.kind != DATABASE:
        yield f"not in it: {named([*map(printable, content.unscoped)])}, of no schema"
    others = [role for role in content.roles if role != "pg_database_owner"]
    if len(others) > 1:
        yield f"not in it: the roles {named([*map(printable, others)])}, which the server keeps"


def made_document(made: Made) -> dict[str, Any]:
    """The same for programs."""
    content = made.manifest
    return {
        "path": str(made.path),
        "name": content.name,
        "kind": content.kind,
        "made_at": content.made_at,
        "size_bytes": content.size,
        "duration_seconds": content.duration_seconds,
        "tenants": content.tenants,
        "rows": sum(fact.total_rows for fact in content.schemas.values()),
        "code_revision": content.code_revision,
        "large_objects": content.large_objects,
        "roles": content.roles,
    }


def entry_line(entry: Entry) -> str:
    """One backup of the catalogue."""
    age = f"{ago(entry.age)} old"
    if entry.manifest is None or entry.problem:
        return f"{entry.path}  {age}  DAMAGED: {printable(entry.problem)}"
    if entry.verify_error:
        checked = f"NOT RESTORABLE: {printable(entry.verify_error)}"
    elif entry.verified_at:
        seconds = f" (restored in {entry.restore_seconds:.1f} s)" if entry.restore_seconds else ""
        checked = f"verified{seconds}"
    else:
        checked = "read back, not verified"
    return (
        f"{entry.path}  {age}  {size(entry.manifest.size)}  {contents(entry.manifest)}  {checked}"
    )


def entry_document(entry: Entry) -> dict[str, Any]:
    """The same for programs."""
    content = entry.manifest
    return {
        "path": str(entry.path),
        "name": entry.name,
        "made_at": entry.made.isoformat(),
        "age_seconds": int(entry.age.total_seconds()),
        "problem": entry.problem or None,
        "kind": content.kind if content else None,
        "size_bytes": content.size if content else None,
        "tenants": content.tenants if content else None,
        "code_revision": content.code_revision if content else None,
        "verified_at": entry.verified_at.isoformat() if entry.verified_at else None,
        "verify_error": entry.verify_error or None,
        "restore_seconds": entry.restore_seconds,
    }


def outlook_lines(outlook: Outlook, folder: str) -> Sequence[str]:
    """What a backup would take."""
    major, minor = outlook.clients.version
    space = outlook.space
    tenants = len([name for name in outlook.schemas if name in outlook.tenants])
    return (
        f"would dump {plural(len(outlook.schemas), 'schema')}, of which "
        f"{plural(tenants, 'tenant')}, with pg_dump {major}.{minor} of {outlook.clients.folder}",
        f"takes about {size(space.needed)} of {size(space.free)} free in {folder}, "
        f"by {space.based_on} ({size(outlook.data_bytes)} of tables)",
        "there is room" if space.is_enough else "that is too little room: name another folder",
    )


def outlook_document(outlook: Outlook) -> dict[str, Any]:
    """The same for programs."""
    return {
        "schemas": outlook.schemas,
        "data_bytes": outlook.data_bytes,
        "needed_bytes": outlook.space.needed,
        "free_bytes": outlook.space.free,
        "based_on": outlook.space.based_on,
        "is_enough": outlook.space.is_enough,
        "client": str(outlook.clients.folder),
        "client_version": "{}.{}".format(*outlook.clients.version),
    }
