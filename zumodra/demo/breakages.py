"""Six ways in which tenants go wrong, each done to a demo tenant as it happens in real life."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django_tenants.utils import schema_context
from psycopg import errors, sql

from tenant_migrations.vocabulary import TenantStatus

BUILD_WAITS_MS = 200


@dataclass(frozen=True)
class Breakage:
    """What is done to one demo tenant, and what verifying says of it afterwards."""

    schema_name: str
    status: TenantStatus
    story: str
    apply: Callable[[str], None]


def leave_pending(schema_name: str) -> None:
    """Unapply the last two migrations of finance, as where a deploy has not come by yet."""
    _migrate(schema_name, "finance", "0023_payment_constraints")


def drop_table(schema_name: str) -> None:
    """Drop a table with its rows."""
    _execute(schema_name, "DROP TABLE {}", "hr_core_timeoffbalance")


def fake_migration(schema_name: str) -> None:
    """Record a migration that never ran, and apply the next one on top of it."""
    _migrate(schema_name, "hr_core", "0015_salary_and_days_are_decimals")
    _migrate(schema_name, "hr_core", "0016_employee_hired_from", fake=True)
    _migrate(schema_name, "hr_core", "0017_timeoffrequest_decision")


def cut_off_index_build(schema_name: str) -> None:
    """Have a CREATE INDEX CONCURRENTLY wait for an open transaction until it gives up.

    PostgreSQL leaves an index behind that is maintained, but never used.
    """
    table = sql.Identifier(schema_name, "accounts_profile")
    _execute(schema_name, "DROP INDEX {}", "profile_last_seen_idx")
    busy = connection.copy()
    try:
        busy.set_autocommit(False)
        with busy.cursor() as cursor:
            cursor.execute(sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(table))
        _build_index_in_vain(table)
    finally:
        busy.close()


def lose_ledger_row(schema_name: str) -> None:
    """Delete the row that records an applied migration."""
    with schema_context(schema_name):
        MigrationRecorder(connection).record_unapplied("ats", "0030_candidate_email_constraint")


def run_ahead(schema_name: str) -> None:
    """Record a migration that only a newer release has, with the table that it makes."""
    _execute(schema_name, "CREATE TABLE {} (id bigint PRIMARY KEY)", "finance_creditnote")
    with schema_context(schema_name):
        MigrationRecorder(connection).record_applied("finance", "0026_credit_note")


BREAKAGES = (
    Breakage(
        "tenant_demo_002",
        TenantStatus.PENDING,
        "the last release did not reach it: two migrations of finance are not applied",
        leave_pending,
    ),
    Breakage(
        "tenant_demo_003",
        TenantStatus.DRIFTED,
        "somebody dropped the table hr_core_timeoffbalance",
        drop_table,
    ),
    Breakage(
        "tenant_demo_004",
        TenantStatus.DRIFTED,
        "hr_core.0016 was faked: recorded, but its column was never made",
        fake_migration,
    ),
    Breakage(
        "tenant_demo_005",
        TenantStatus.DRIFTED,
        "CREATE INDEX CONCURRENTLY was cut off and left an invalid index",
        cut_off_index_build,
    ),
    Breakage(
        "tenant_demo_006",
        TenantStatus.INCONSISTENT,
        "the ledger lost the row of ats.0030, which is applied",
        lose_ledger_row,
    ),
    Breakage(
        "tenant_demo_007",
        TenantStatus.AHEAD,
        "a newer release was here: finance.0026 is recorded, this code lacks it",
        run_ahead,
    ),
)


def _migrate(schema_name: str, app: str, migration: str, **options: Any) -> None:
    """By Django alone: what breaks a tenant is on nobody's record."""
    call_command(
        "migrate_schemas",
        app,
        migration,
        schema_name=schema_name,
        executor="standard",
        interactive=False,
        verbosity=0,
        **options,
    )


def _execute(schema_name: str, statement: str, name: str) -> None:
    target = sql.Identifier(schema_name, name)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(target))


def _build_index_in_vain(table: sql.Identifier) -> None:
    build = "CREATE INDEX CONCURRENTLY profile_last_seen_idx ON {} (last_seen_at)"
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {BUILD_WAITS_MS}")
        try:
            cursor.execute(sql.SQL(build).format(table))
        except OperationalError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable):
                raise
        finally:
            cursor.execute("RESET lock_timeout")
