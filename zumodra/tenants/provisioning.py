"""Making and removing tenants, whole or not at all.

A tenant is one transaction: its row, its domain, its schema with all that the reference has, and
its first data. Where the reference can't be copied it takes three: its row, marked as being set up,
its domain and its empty schema are claimed; the schema is migrated; then its first data and its
final status are written. A failure at any point removes what was claimed; what a process that was
killed outright left of that, the next run of a command removes, whatever it makes itself. A session
lock per schema name keeps two runs for one name apart.
"""

import contextlib
import signal
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django_tenants.utils import schema_context
from psycopg import errors, sql

from tenant_migrations.cli.progress import ProgressReporter
from tenant_migrations.exceptions import Busy, TenantMigrationsError, WrongUse
from tenant_migrations.provisioning.copying import (
    copy_reference,
    migrate_new_schema,
    one_transaction,
    prepare,
)
from zumodra.tenants.exceptions import ProvisioningFailed
from zumodra.tenants.models import Domain, Tenant
from zumodra.tenants.schema import PUBLIC, select_public

LOCK_SPACE = "zumodra.provisioning"


@dataclass(frozen=True, kw_only=True)
class NewTenant:
    """What is to be made. `status` is the one that the finished tenant has."""

    name: str
    schema_name: str
    slug: str
    domain: str
    owner_email: str
    plan: str = Tenant.Plan.FREE
    status: str = Tenant.Status.TRIAL
    trial_ends: date | None = None
    paid_until: date | None = None
    contact_name: str = ""
    country: str = ""
    is_demo: bool = False


def provision(new: NewTenant, fill: Callable[[Tenant], None]) -> Tenant:
    """Make a tenant; `fill` writes its first data, with its schema selected.

    Holds a session lock on the schema name. Raises ``Busy`` where another process holds it,
    ``WrongUse`` where a name is taken, ``ProvisioningFailed`` where `fill` or a migration raises,
    and Django's ``OperationalError`` where the database goes away. In each case, an interrupt
    too, nothing of the new tenant is left, and a schema that was there before is untouched.
    """
    identity = uuid.uuid4()
    with schema_lock(new.schema_name):
        remove_unfinished(new.schema_name)
        try:
            return _copied(new, identity, fill) or _migrated(new, identity, fill)
        except BaseException as error:
            with uninterrupted():
                _undo(identity)
            if isinstance(error, (TenantMigrationsError, OperationalError, InterfaceError)):
                raise
            if isinstance(error, Exception):
                raise ProvisioningFailed(
                    f"{new.schema_name} could not be made and nothing of it is left: "
                    f"{type(error).__name__}: {first_line(error)}. Add --traceback for more."
                ) from error
            raise


def _copied(new: NewTenant, identity: uuid.UUID, fill: Callable[[Tenant], None]) -> Tenant | None:
    """Make it in one transaction, from the reference; ``None``, and nothing done, if it can't."""
    if not prepare():
        return None
    with one_transaction():
        _claim(new, identity)
        if copy_reference(new.schema_name):
            return _finish(new, identity, fill)
        transaction.set_rollback(True)
    return None


def _migrated(new: NewTenant, identity: uuid.UUID, fill: Callable[[Tenant], None]) -> Tenant:
    """Make it in three, by Django's migrations, which may need transactions of their own."""
    _claim(new, identity)
    migrate_new_schema(new.schema_name)
    return _finish(new, identity, fill)


def remove(tenant: Tenant) -> None:
    """Drop a tenant's schema and its rows in one transaction. Nothing asks back.

    Accounts stay: other tenants may know them. Raises ``Busy`` where the tenant is being made.
    """
    with schema_lock(tenant.schema_name), transaction.atomic(), schema_context(PUBLIC):
        _drop(Tenant.objects.select_for_update().get(pk=tenant.pk))


def remove_unfinished(schema_name: str) -> None:
    """Remove what a killed run left of a tenant of that name. The caller holds its lock."""
    with transaction.atomic(), schema_context(PUBLIC):
        unfinished = Tenant.objects.select_for_update().filter(
            schema_name=schema_name, status=Tenant.Status.PROVISIONING
        )
        for tenant in unfinished:
            _drop(tenant)


def make_ready() -> list[str]:
    """What comes before making tenants; says what it did, in sentences. Safe to repeat.

    Brings the public schema to the code and removes what killed runs left.
    """
    done = []
    if prepare_public_schema():
        done.append("The public schema was brought to the code.")
    done += [f"Removed {name}, which a killed run had left unfinished." for name in _abandoned()]
    return done


def build_reference() -> None:
    """Have ready what new tenants are copied from, and show how far that is where it takes long.

    ``provision`` would do it too, unseen.
    """
    with ProgressReporter() as progress:
        prepare(progress=progress)


def _abandoned() -> list[str]:
    """Remove unfinished tenants that nobody is at work on, one transaction each; their names."""
    removed = []
    with schema_context(PUBLIC):
        unfinished = Tenant.objects.filter(status=Tenant.Status.PROVISIONING)
        names = list(unfinished.values_list("schema_name", flat=True))
    for name in names:
        with contextlib.suppress(Busy), schema_lock(name):
            remove_unfinished(name)
            removed.append(name)
    return removed


def migrations_wanting_in_public() -> int:
    """How many migrations the public schema, which may be empty, is behind the code."""
    with schema_context(PUBLIC):
        executor = MigrationExecutor(connection)
        return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def public_is_usable() -> bool:
    """Whether the public schema has the tables of tenants and accounts, whole."""
    with schema_context(PUBLIC):
        recorded = MigrationRecorder(connection).applied_migrations()
        loader = MigrationLoader(None)
        needed = [*loader.graph.leaf_nodes("tenants"), *loader.graph.leaf_nodes("custom_account_u")]
        return all(node in recorded for node in needed)


def prepare_public_schema() -> bool:
    """Bring the public schema to the code. Whether there was anything to do."""
    with schema_lock(PUBLIC):
        if not migrations_wanting_in_public():
            return False
        call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
        return True


@contextlib.contextmanager
def schema_lock(schema_name: str) -> Iterator[None]:
    """Hold the lock of that name, on a connection of its own: migrating closes the default one.

    Gone with its connection, so a crash can't leave it behind. Raises ``Busy`` at once where
    somebody else has it.
    """
    holder = connection.copy()
    try:
        with holder.cursor() as cursor:
            cursor.execute(
                "SELECT pg_try_advisory_lock(hashtext(%s), hashtext(%s))",
                [LOCK_SPACE, schema_name],
            )
            (held,) = cursor.fetchone()
        if not held:
            raise Busy(
                f"Another process is setting up {schema_name}; run this again when it is done."
            )
        yield
    finally:
        holder.close()


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C and a polite kill while things are cleaned up. Only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(name, signal.SIG_IGN) for name in names]
    try:
        yield
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


def _claim(new: NewTenant, identity: uuid.UUID) -> None:
    """The row, the domain and the empty schema: in one transaction, and only if all are free."""
    fields = {name: getattr(new, name) for name in new.__dataclass_fields__}
    domain = fields.pop("domain")
    fields["status"] = Tenant.Status.PROVISIONING
    create_schema = sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(new.schema_name))
    try:
        with transaction.atomic(), schema_context(PUBLIC):
            if existing_schemas([new.schema_name]):
                raise WrongUse(
                    f"A schema {new.schema_name} exists without a tenant; it is left alone. "
                    "Rename it or choose another name for the company."
                )
            tenant = Tenant.objects.create(uuid=identity, **fields)
            Domain.objects.create(tenant=tenant, domain=domain, is_primary=True)
            with connection.cursor() as cursor:
                cursor.execute(create_schema)
    except (IntegrityError, ValidationError):
        raise WrongUse(
            f"The schema name {new.schema_name} or the domain {domain} is taken by another "
            "tenant; choose another with --domain."
        ) from None
    except DatabaseError as error:
        if isinstance(error.__cause__, errors.DuplicateSchema):
            raise WrongUse(f"A schema {new.schema_name} was made just now by others.") from None
        raise


def _finish(new: NewTenant, identity: uuid.UUID, fill: Callable[[Tenant], None]) -> Tenant:
    """The first data and the final status, in one transaction."""
    with transaction.atomic():
        with schema_context(PUBLIC):
            rows = Tenant.objects.select_for_update().filter(uuid=identity)
            tenant: Tenant | None = rows.first()
        if tenant is None:
            raise ProvisioningFailed(
                f"The row of {new.schema_name} was removed while it was being set up; run this "
                "again."
            )
        with schema_context(new.schema_name):
            fill(tenant)
        with schema_context(PUBLIC):
            tenant.status = new.status
            tenant.save(update_fields=["status"])
    return tenant


def _undo(identity: uuid.UUID) -> None:
    """Remove what was claimed. Where the database can't be reached, the next run does it."""
    connection.close()
    select_public()
    with contextlib.suppress(DatabaseError), transaction.atomic(), schema_context(PUBLIC):
        claimed = Tenant.objects.select_for_update().filter(
            uuid=identity, status=Tenant.Status.PROVISIONING
        )
        for tenant in claimed:
            _drop(tenant)


def _drop(tenant: Tenant) -> None:
    drop_schema = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(
        sql.Identifier(tenant.schema_name)
    )
    with connection.cursor() as cursor:
        cursor.execute(drop_schema)
    tenant.delete()


def first_line(error: BaseException) -> str:
    """The first line of the error's text, without a full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else "no message"


def existing_schemas(names: Iterable[str]) -> set[str]:
    """Those of the names, compared exactly, that schemas have."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)", [list(names)])
        return {name for (name,) in cursor.fetchall()}
