"""Findings: what is not well, as data, with all their wording in one place."""

import shlex
from dataclasses import dataclass, replace

from tenant_migrations.vocabulary import FindingKind, ObjectKind, Severity

VERIFY = "manage.py verify_tenant_migrations"
SCHEMA = "{schema}"
"""Stands in hints for the tenant, as findings are shared by all tenants of a variant."""
HEAL = f"{VERIFY} --fix --tenant={SCHEMA}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not well in one schema, or (``object`` empty) in the fleet."""

    kind: FindingKind
    message: str
    hint: str
    object: str = ""
    migration: str = ""
    """The migration that it is about, such as ``finance.0003_invoice``."""

    @property
    def severity(self) -> Severity:
        return SEVERITIES.get(self.kind, Severity.ERROR)

    def for_schema(self, schema_name: str) -> "Finding":
        """The same with the tenant's name, quoted for a shell, where the hint needs it."""
        if SCHEMA not in self.hint:
            return self
        return replace(self, hint=self.hint.replace(SCHEMA, shlex.quote(schema_name)))

    def for_all(self) -> "Finding":
        """The same with a hint for many tenants at once."""
        hint = self.hint.replace(f" --tenant={SCHEMA}", "")
        return replace(self, hint=hint.replace(SCHEMA, "SCHEMA"))


SEVERITIES = {
    FindingKind.DUPLICATE_ROWS: Severity.WARNING,
    FindingKind.SQUASH_PARTLY_RECORDED: Severity.INFO,
    FindingKind.LEFTOVER_ROWS: Severity.INFO,
    FindingKind.ORPHAN_SCHEMA: Severity.WARNING,
    FindingKind.NO_PRIMARY_DOMAIN: Severity.WARNING,
    FindingKind.STRUCTURE_NOT_COMPARED: Severity.WARNING,
    FindingKind.CONTENT_TYPES_STALE: Severity.INFO,
    FindingKind.REFERENCE_UNAVAILABLE: Severity.WARNING,
    FindingKind.CONNECTIONS_FEW: Severity.WARNING,
    FindingKind.LOCKS_FEW: Severity.WARNING,
    FindingKind.CATALOG_STATISTICS_STALE: Severity.WARNING,
    FindingKind.DUMP_RUNNING: Severity.WARNING,
    FindingKind.DISK_NEARLY_FULL: Severity.WARNING,
    **{
        kind: Severity.WARNING
        for kind in FindingKind
        if FindingKind.TABLE_EXTRA <= kind <= FindingKind.TYPE_EXTRA
    },
}
"""What is not named here is an error."""

_DECADES = {"missing": 100, "differs": 110, "extra": 120}


def difference_kind(object_kind: ObjectKind, state: str) -> FindingKind:
    """``TM1xx`` of a structural difference; ``state`` is missing, differs or extra."""
    return FindingKind(f"TM{_DECADES[state] + list(ObjectKind).index(object_kind) + 1}")


def named(labels: list[str], most: int = 3) -> str:
    """The first few of a list, and how many more there are."""
    more = len(labels) - most
    return ", ".join(labels[:most]) + (f" and {more} more" if more > 0 else "")


def plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def size(count: float) -> str:
    """Bytes in words, such as ``1.2 GB``; units go by 1024, as PostgreSQL's do."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TB"


def pending(migrations: list[str]) -> Finding:
    return Finding(
        FindingKind.PENDING,
        f"{plural(len(migrations), 'migration')} not applied: {named(migrations)}",
        f"apply: {HEAL}",
        migration=migrations[0],
    )


def ahead(migrations: list[str]) -> Finding:
    return Finding(
        FindingKind.AHEAD,
        f"the ledger records {named(migrations)}, which this code does not have",
        "deploy the newer code, or undo with it: "
        f"manage.py migrate_schemas --schema={SCHEMA} APP MIGRATION",
        migration=migrations[0],
    )


def contradiction(reason: str) -> Finding:
    return Finding(
        FindingKind.APPLIED_BEFORE_DEPENDENCY,
        f"the ledger does not fit the graph: {reason}",
        f"compare with manage.py showmigrations --plan, then restore the missing rows of {SCHEMA}",
    )


def applied_before_dependency(migration: str, dependency: str) -> Finding:
    return Finding(
        FindingKind.APPLIED_BEFORE_DEPENDENCY,
        f"{migration} is recorded, but {dependency}, which it depends on, is not",
        f"if its changes are there, record it: {VERIFY} --fix --reconcile --tenant={SCHEMA}",
        migration=dependency,
    )


def duplicate_row(migration: str, row_id: int, table: str) -> Finding:
    return Finding(
        FindingKind.DUPLICATE_ROWS,
        f"{migration} is recorded more than once",
        f"harmless until it is unapplied; remove in that schema: "
        f"DELETE FROM {table} WHERE id = {row_id};",
        migration=migration,
    )


def squash_partly_recorded(migration: str) -> Finding:
    return Finding(
        FindingKind.SQUASH_PARTLY_RECORDED,
        f"only some of the migrations that {migration} replaces are recorded",
        "Django goes on with the replaced ones; keep their files until every tenant has them all",
        migration=migration,
    )


def squash_unrecorded(migration: str) -> Finding:
    return Finding(
        FindingKind.SQUASH_UNRECORDED,
        f"every migration that {migration} replaces is recorded, and it is not",
        f"record it: {HEAL}",
        migration=migration,
    )


def leftover_rows(migrations: list[str]) -> Finding:
    return Finding(
        FindingKind.LEFTOVER_ROWS,
        f"the ledger keeps {plural(len(migrations), 'row')} of migrations that are gone from "
        f"the code: {named(migrations)}",
        "harmless; manage.py migrate_schemas --prune APP removes them",
    )


def present_but_unrecorded(migrations: list[str], provable: bool) -> Finding:
    hint = f"record: {VERIFY} --fix --reconcile --tenant={SCHEMA}"
    if not provable:
        hint = (
            "the structure can't prove its data operations: if they ran, record it with "
            f"manage.py migrate_schemas --schema={SCHEMA} --fake "
            + migrations[0].replace(".", " ", 1)
        )
    return Finding(
        FindingKind.PRESENT_BUT_UNRECORDED,
        f"the changes of {named(migrations)} are there, but the ledger does not record them",
        hint,
        migration=migrations[0],
    )


def schema_absent() -> Finding:
    return Finding(
        FindingKind.SCHEMA_ABSENT,
        "the tenant has a row but no schema",
        "restore it from a backup, make it empty with manage.py create_missing_schemas, "
        "or delete the row",
    )


def ledger_absent(objects: int) -> Finding:
    return Finding(
        FindingKind.LEDGER_ABSENT,
        f"the schema has {plural(objects, 'object')} but no ledger (django_migrations)",
        "restore the ledger from a backup; without it nothing says what was applied",
    )


def schema_empty() -> Finding:
    return Finding(
        FindingKind.SCHEMA_EMPTY,
        "the schema is empty: its creation was interrupted",
        f"bring it to the code: {HEAL}",
    )


def orphan_schema(schema_name: str) -> Finding:
    return Finding(
        FindingKind.ORPHAN_SCHEMA,
        f"schema {schema_name!r} has a ledger but no tenant",
        "give it back its tenant row, or back it up and drop it; "
        "IGNORE_SCHEMAS in the settings silences this",
        object=schema_name,
    )


def no_primary_domain(any_domain: bool) -> Finding:
    return Finding(
        FindingKind.NO_PRIMARY_DOMAIN,
        "no primary domain" if any_domain else "no domain: nobody can reach this tenant",
        "set is_primary on one of its domains"
        if any_domain
        else "manage.py create_domain adds one",
    )


def tenant_type_unknown(kind: str, known: list[str]) -> Finding:
    return Finding(
        FindingKind.TENANT_TYPE_UNKNOWN,
        f"tenant type {kind!r} is not in TENANT_TYPES ({', '.join(known)})",
        "correct the tenant's type, or add it to TENANT_TYPES",
    )


def unreadable(reason: str) -> Finding:
    return Finding(
        FindingKind.UNREADABLE,
        f"it could not be checked: {reason}",
        f"mend the cause, then: {VERIFY} --tenant={SCHEMA}",
    )


def quarantined(reason: str) -> Finding:
    return Finding(
        FindingKind.QUARANTINED,
        f"left alone until released: {reason}",
        f"look at it, then: {HEAL} --retry-quarantined",
    )


def migration_without_effect(migration: str) -> Finding:
    return Finding(
        FindingKind.MIGRATION_WITHOUT_EFFECT,
        f"{migration} is recorded, but nothing that it changes is there: it was faked or undone",
        f"create what can be proven: {HEAL}",
        migration=migration,
    )


def app_without_tables(app: str, tables: int) -> Finding:
    return Finding(
        FindingKind.APP_WITHOUT_TABLES,
        f"the migrations of {app} are recorded, but none of its {tables} tables is there: "
        "it was moved between SHARED_APPS and TENANT_APPS, or faked",
        f"create them: {HEAL}",
        object=app,
    )


def structure_not_compared(reason: str) -> Finding:
    return Finding(
        FindingKind.STRUCTURE_NOT_COMPARED,
        f"the structure was not compared: {reason}",
        f"once the ledger fits the code: {VERIFY} --tenant={SCHEMA}",
    )


def content_types_missing(names: list[str]) -> Finding:
    return Finding(
        FindingKind.CONTENT_TYPES_MISSING,
        f"{plural(len(names), 'content type')} missing: {named(names)}",
        f"create them: {HEAL}",
    )


def permissions_missing(names: list[str]) -> Finding:
    return Finding(
        FindingKind.PERMISSIONS_MISSING,
        f"{plural(len(names), 'permission')} missing: {named(names)}",
        f"create them: {HEAL}",
    )


def content_types_stale(names: list[str]) -> Finding:
    return Finding(
        FindingKind.CONTENT_TYPES_STALE,
        f"{plural(len(names), 'content type')} of models that are gone: {named(names)}",
        f"harmless; manage.py tenant_command remove_stale_contenttypes --schema={SCHEMA}",
    )


def reference_unavailable(kind: str, reason: str, hint: str) -> Finding:
    return Finding(
        FindingKind.REFERENCE_UNAVAILABLE,
        f"structures of kind {kind!r} were not compared: {reason}",
        hint,
        object=kind,
    )


def code_older(migrations: list[str]) -> Finding:
    return Finding(
        FindingKind.CODE_OLDER,
        f"this code is older than the newest recorded: it lacks {named(migrations)}",
        "deploy the newer code; nothing is healed with an older one",
        migration=migrations[0],
    )


def connections_few(free: int, jobs: int, granted: int) -> Finding:
    return Finding(
        FindingKind.CONNECTIONS_FEW,
        f"only {plural(free, 'connection')} are to be had: {granted} of {plural(jobs, 'job')}",
        "close what idles (SELECT pid, usename, application_name, state FROM pg_stat_activity), "
        "or raise max_connections",
    )


def locks_few(room: int, needed: int, jobs: int, schema_name: str, setting: int) -> Finding:
    return Finding(
        FindingKind.LOCKS_FEW,
        f"the server's lock table has room for {room} more locks; {plural(jobs, 'job')} on schemas "
        f"as large as {schema_name} may take {needed}",
        f"fewer --jobs, or: ALTER SYSTEM SET max_locks_per_transaction = {setting}; "
        "then restart the server",
        object=schema_name,
    )


def catalog_statistics_stale(names: list[str]) -> Finding:
    tables = ", ".join(names)
    return Finding(
        FindingKind.CATALOG_STATISTICS_STALE,
        f"the statistics of {tables} are of a catalog half as large, or of none: "
        "the server may read it in slow ways",
        f"as the database's owner: ANALYZE {tables};",
        object=names[0],
    )


def dump_running(backends: list[int]) -> Finding:
    pids = ", ".join(map(str, backends))
    return Finding(
        FindingKind.DUMP_RUNNING,
        f"pg_dump is at work (backend {pids}) and keeps a lock on each table that it dumps: "
        "most migrations of these have to wait for its end, and fail after the lock timeout",
        "wait until it is through, or dump when no migrations run",
    )


def disk_nearly_full(free: int, table: str, needed: int) -> Finding:
    """Without a table where none is large."""
    message = f"{size(free)} are free where the database's files are"
    if table:
        message += f"; rewriting its largest table, {table}, takes another {size(needed)}"
    hint = "free disk space on the database server"
    return Finding(FindingKind.DISK_NEARLY_FULL, message, hint, object=table)
