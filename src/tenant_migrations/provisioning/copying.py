"""New tenants from the reference: its script, replayed under another name.

``fill_new_schema`` is the whole of it for a schema that is there. Whoever makes the tenant's row
and its schema in the same transaction uses its parts: ``prepare`` before, ``copy_reference``
within, ``migrate_new_schema`` where the first two say no.

While a tenant is made the reference is not moved (a shared lock, until the commit), and a rollout
moves the reference before it looks for tenants. So a tenant is made from the present shape, or is
there when the rollout looks; never from an old one behind its back.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.db import OperationalError, transaction
from django_tenants.signals import schema_migrated, schema_pre_migration

from tenant_migrations import conf, locks
from tenant_migrations.database import (
    no_block_left,
    public_schema,
    schema_in_use,
    sqlstate,
    tenant_connection,
    whole_transaction,
)
from tenant_migrations.exceptions import Busy, Refused, WrongUse
from tenant_migrations.fleet.findings import code_older
from tenant_migrations.fleet.fingerprints import read_fingerprint
from tenant_migrations.fleet.graph import Code, label
from tenant_migrations.fleet.survey import no_progress
from tenant_migrations.fleet.tenants import TENANT_KIND, kinds
from tenant_migrations.logs import event
from tenant_migrations.models import ReferenceScript
from tenant_migrations.provisioning import receivers
from tenant_migrations.provisioning.loaded import Note, loaded_code
from tenant_migrations.provisioning.reference import (
    WAIT_SECONDS,
    Progress,
    as_it_stands,
    bring_forward_kind,
)
from tenant_migrations.provisioning.scripts import (
    find,
    forget_content_types,
    in_schema,
    make,
    oid_of,
)
from tenant_migrations.rollout.retry import attempts

logger = logging.getLogger("tenant_migrations.provisioning")

ROUNDS = 3
"""How often the reference may be moved by others between a look at it and its copy."""
WAITED_FOR = {"55P03", "40P01"}
"""A lock that was not to be had, a deadlock."""
IS_EMPTY = """
    SELECT NOT EXISTS (SELECT 1 FROM pg_depend
                        WHERE refclassid = 'pg_namespace'::regclass AND refobjid = %s)
"""


def fill_new_schema(
    schema_name: str, kind: str = TENANT_KIND, progress: Progress = no_progress
) -> bool:
    """Bring an empty schema to the code, from the reference where that is sound.

    Copying is one transaction; while it runs the reference is not moved. Where the reference can't
    be had or copied, Django's ``migrate_schemas`` does it. Says whether it was copied. Sends the
    signals that ``migrate_schemas`` would send. Within a transaction of the caller's it is part of
    that, and a reference that is not at the code is then left as it is.

    Raises ``WrongUse`` for a schema that is not empty, ``Busy`` where the reference is being moved
    all the while, ``Refused`` for code older than the fleet's. After a failure the schema is empty,
    or as far as Django's way got.
    """
    for _ in range(ROUNDS):
        with one_transaction():
            copied = copy_reference(schema_name, kind)
        if copied:
            schema_migrated.send(fill_new_schema, schema_name=schema_name)
            return True
        if not prepare(kind, progress):
            break
    migrate_new_schema(schema_name, kind)
    return False


@contextmanager
def one_transaction() -> Iterator[None]:
    """A transaction, or part of the one that is open, in which ``copy_reference`` can be used."""
    connection = tenant_connection()
    is_outermost = not connection.in_atomic_block
    with whole_transaction(connection):
        if is_outermost:
            # What was committed before the reference's lock was had must be seen.
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        yield


def copy_reference(schema_name: str, kind: str = TENANT_KIND) -> bool:
    """Fill an empty schema from the script of the reference, in the transaction that is open.

    That has to be one of ``one_transaction``; from here to its end the reference is not moved. The
    schema may have been created in it. False, and nothing done, where there is no script for this
    code, where a copy would not be the same, or where the reference is being moved: see
    ``prepare``. Sends all signals but ``schema_migrated``, which is due after the commit.

    A lock that is not to be had within ``LOCK_TIMEOUT_MS`` is tried for ``LOCK_ATTEMPTS`` times.
    Raises ``WrongUse`` for a schema that is not empty or a tenant type that there is not, and
    what the database raises.
    """
    _check(kind)
    connection: Any = tenant_connection()
    code = loaded_code()
    with schema_in_use(public_schema()), connection.cursor() as cursor:
        if not (_sees_commits(cursor) and _fence(connection, kind)):
            return False
        found = find(cursor, kind)
        if found.script is None or found.script.obstacle or not code.suits(found.notes):
            return False
        namespace = oid_of(cursor, schema_name)
        cursor.execute(IS_EMPTY, [namespace])
        if not cursor.fetchone()[0]:
            raise WrongUse(f"schema {schema_name!r} is not empty: only a new one can be filled")
    schema_pre_migration.send(copy_reference, schema_name=schema_name)
    most = conf.get().LOCK_ATTEMPTS
    for attempt in attempts(most):
        try:
            return _replay(found.script, schema_name, namespace, code)
        except OperationalError as error:
            if sqlstate(error) not in WAITED_FOR or attempt == most:
                raise
    return False


def _replay(script: ReferenceScript, schema_name: str, namespace: int, code: Code) -> bool:
    """Run the script, and compare; false, and all taken back, where the copy is not the same."""
    connection: Any = tenant_connection()
    alias = connection.alias
    with transaction.atomic(using=alias), in_schema(schema_name, script.kind):
        receivers.before_migrations(alias, code)
        with connection.cursor() as cursor, _limits(cursor):
            cursor.execute(script.statements)
            forget_content_types()
            is_same = read_fingerprint(cursor.connection, namespace) == script.fingerprint
        if is_same:
            receivers.after_migrations(alias, code, schema_name)
            return True
        transaction.set_rollback(True, using=alias)
    event(logger, logging.WARNING, "copy_differs", tenant=schema_name, kind=script.kind)
    with schema_in_use(public_schema()):
        ReferenceScript.objects.filter(kind=script.kind).delete()
    return False


@contextmanager
def _limits(cursor: Any) -> Iterator[None]:
    """Bound how long each statement waits for a lock; as before afterwards."""
    cursor.execute(
        "SELECT current_setting('lock_timeout'), current_setting('check_function_bodies'),"
        " set_config('lock_timeout', %s, true), set_config('check_function_bodies', 'off', true)",
        [str(conf.get().LOCK_TIMEOUT_MS)],
    )
    before = cursor.fetchone()[:2]
    yield
    cursor.execute(
        "SELECT set_config('lock_timeout', %s, true),"
        " set_config('check_function_bodies', %s, true)",
        before,
    )


def prepare(kind: str = TENANT_KIND, progress: Progress = no_progress) -> bool:
    """See that the reference of a kind is at the code and its script is there.

    Says whether ``copy_reference`` can be used. What is missing is built, which the first time
    takes as long as Django takes for a tenant, and waited for where others build it. Within a
    transaction of the caller's only a script is made, and others are waited for no longer than
    ``LOCK_TIMEOUT_MS``. Raises ``Busy`` where they take longer than may be waited, ``WrongUse``
    for a tenant type that there is not.
    """
    _check(kind)
    is_inner = tenant_connection().in_atomic_block
    seconds = conf.get().LOCK_TIMEOUT_MS / 1000 if is_inner else WAIT_SECONDS
    deadline = time.monotonic() + seconds
    with one_transaction(), tenant_connection().cursor() as cursor:
        if not _sees_commits(cursor):
            return False
    while True:
        usable = _look(kind)
        if usable is None:
            usable = _build(kind, is_inner, progress)
        if usable is not None:
            return usable
        if time.monotonic() > deadline:
            raise _busy(kind)
        progress(f"waiting for another run that moves reference {kind}", 0, 1)
        time.sleep(0.1)


def _look(kind: str) -> bool | None:
    """Whether the script that is kept can be used; ``None`` where there is none for this code."""
    with one_transaction(), schema_in_use(public_schema()) as connection:
        with connection.cursor() as cursor:
            found = find(cursor, kind) if _fence(connection, kind) else None
        if found is None or found.script is None or not loaded_code().suits(found.notes):
            return None
        return not found.script.obstacle


def _build(kind: str, is_inner: bool, progress: Progress) -> bool | None:
    """Bring the reference forward and write its script; ``None``: others moved it meanwhile."""
    code = loaded_code()
    if is_inner:
        kept = as_it_stands(code, kind)
        reference = None if kept.pending else kept.reference
    else:
        reference = bring_forward_kind(code, kind, progress)
    if reference is None:
        return False
    with (
        one_transaction(),
        schema_in_use(public_schema()) as connection,
        connection.cursor() as cursor,
    ):
        if not _fence(connection, kind) or not code.suits(find(cursor, kind).notes):
            return None
        return not make(cursor, code, kind, reference.schema_name).obstacle


def migrate_new_schema(schema_name: str, kind: str = TENANT_KIND) -> None:
    """Bring an empty schema to the code in Django's way, through every migration.

    The reference is not moved meanwhile. Not one transaction: after a failure the schema is as far
    as it got. Raises ``Busy`` where the reference is being moved, ``Refused`` where newer code has
    moved it, as no rollout of that code would look for a tenant of this one.
    """
    aside = tenant_connection().copy()
    try:
        with aside.cursor() as cursor:
            if not locks.try_share_lock(aside, locks.REFERENCE, kind):
                raise _busy(kind)
            _refuse_older_code(find(cursor, kind).notes)
        with no_block_left(tenant_connection()):
            call_command(
                "migrate_schemas",
                schema_name=schema_name,
                executor="standard",
                interactive=False,
                verbosity=0,
            )
    finally:
        aside.close()


def _refuse_older_code(notes: tuple[Note, ...]) -> None:
    code = loaded_code()
    lacking = {(app, name) for app, name, _ in notes} - code.known
    if names := sorted(label(key) for key in lacking if key[0] in code.loader.migrated_apps):
        raise Refused(f"{code_older(names).message}; make tenants with the newer code")


def _check(kind: str) -> None:
    if kind not in kinds():
        raise WrongUse(f"there is no tenant type {kind!r}; there are {', '.join(kinds())}")


def _sees_commits(cursor: Any) -> bool:
    """Whether a statement sees what was committed before it, whenever its transaction began."""
    cursor.execute("SHOW transaction_isolation")
    return bool(cursor.fetchone() == ("read committed",))


def _fence(connection: Any, kind: str) -> bool:
    """Keep the reference from being moved, to the transaction's end; false where it is."""
    return locks.share_lock_transaction(connection, locks.REFERENCE, kind)


def _busy(kind: str) -> Busy:
    return Busy(
        f"another run is moving the reference of kind {kind!r}, and no tenant can be made"
        " meanwhile: try again when it is through"
    )
