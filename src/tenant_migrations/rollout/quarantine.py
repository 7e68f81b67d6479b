"""Quarantine: letting tenants out of it, and forgetting those that are gone."""

from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models.signals import post_delete
from django_tenants.utils import get_tenant_model

from tenant_migrations.database import public_schema, schema_in_use, sqlstate
from tenant_migrations.models import Maintenance, Quarantine, StepJournal, TenantState


def release(names: Sequence[str]) -> None:
    """Let tenants out; the step that could not be proven is run again. One transaction each."""
    with schema_in_use(public_schema()):
        Quarantine.objects.filter(schema_name__in=names).delete()
        StepJournal.objects.filter(schema_name__in=names, unproven=True).update(unproven=False)


def forget_deleted_tenants() -> None:
    """From now on, forget what is recorded of a tenant as it stands when its row is deleted.

    A tenant that is made under the same name later has nothing to do with them.
    """
    post_delete.connect(
        _forget, sender=get_tenant_model(), dispatch_uid="tenant_migrations.quarantine"
    )


def _forget(instance: Any, **_: Any) -> None:
    try:
        # A savepoint: a transaction of the caller's must outlive tables that are not there.
        with schema_in_use(public_schema()) as connection, transaction.atomic(connection.alias):
            Quarantine.objects.filter(schema_name=instance.schema_name).delete()
            StepJournal.objects.filter(schema_name=instance.schema_name).delete()
            Maintenance.objects.filter(schema_name=instance.schema_name).delete()
            TenantState.objects.filter(schema_name=instance.schema_name).delete()
    except DatabaseError as error:
        if sqlstate(error) != "42P01":  # The app's own tables are not there yet.
            raise
