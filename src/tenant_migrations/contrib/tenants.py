"""A tenant model whose ``save()`` makes new schemas from the reference.

::

    class Tenant(ReferenceTenantMixin):  # in place of django_tenants.models.TenantMixin
        ...
"""

from typing import Any

from django.db import connections, models
from django_tenants.models import TenantMixin
from django_tenants.postgresql_backend.base import _check_schema_name
from django_tenants.signals import post_schema_sync, schema_migrated
from django_tenants.utils import (
    get_creation_fakes_migrations,
    get_tenant_database_alias,
    has_multi_type_tenants,
    schema_exists,
)

from tenant_migrations.database import public_schema, quote, tenant_connection
from tenant_migrations.fleet.tenants import TENANT_KIND
from tenant_migrations.provisioning.copying import (
    copy_reference,
    fill_new_schema,
    one_transaction,
    prepare,
)


class ReferenceTenantMixin(TenantMixin):
    """django-tenants' ``TenantMixin``; a new tenant is made whole in one transaction.

    Row, schema, tables and rows commit together, copied from the reference where that is sound
    (see ``fill_new_schema``). Else row and empty schema are committed first, Django's migrations
    follow, and both are removed again when those fail.

    A schema that was there before ``save()`` is never dropped by it, whatever fails. Projects that
    clone a template (``TENANT_CREATION_FAKES_MIGRATIONS``) go on doing so.
    """

    class Meta:
        abstract = True

    _keeps_schema = False
    """Whether the schema was there before, and so is not to be dropped after a failure."""

    def save(self, verbosity: int = 1, *args: Any, **kwargs: Any) -> None:
        """Save the row; with ``auto_create_schema`` and no schema there, make that too.

        Signals are those of django-tenants. ``schema_migrated`` and ``post_schema_sync`` are sent
        after the commit; what a receiver of them raises removes what was made.
        """
        is_new = self._state.adding and self.auto_create_schema
        if is_new and not get_creation_fakes_migrations() and not schema_exists(self.schema_name):
            self._save_with_schema(args, kwargs)
            return
        self._keeps_schema = schema_exists(self.schema_name)
        try:
            super().save(verbosity, *args, **kwargs)
        finally:
            self._keeps_schema = False

    def create_schema(
        self, check_if_exists: bool = False, sync_schema: bool = True, verbosity: int = 1
    ) -> bool:
        """Make the schema of a row that is there; false where it exists already."""
        if not sync_schema or get_creation_fakes_migrations():
            made = super().create_schema(check_if_exists, sync_schema, verbosity)
            return made is not False
        _check_schema_name(self.schema_name)
        if check_if_exists and schema_exists(self.schema_name):
            return False
        usable = prepare(self._kind())
        with one_transaction():
            self._create_empty()
            copied = usable and copy_reference(self.schema_name, self._kind())
        self._keeps_schema = False
        try:
            self._complete(copied)
        except BaseException:
            self._drop_schema(force_drop=True)
            raise
        return True

    def _save_with_schema(self, args: Any, kwargs: Any) -> None:
        connection: Any = connections[get_tenant_database_alias()]
        if connection.schema_name != public_schema():
            raise Exception(
                "Can't create tenant outside the public schema. "
                f"Current schema is {connection.schema_name}."
            )
        self._check_schema_name_is_unique()
        _check_schema_name(self.schema_name)
        usable = prepare(self._kind())
        key = self.pk
        try:
            with one_transaction():
                models.Model.save(self, *args, **kwargs)
                self._create_empty()
                copied = usable and copy_reference(self.schema_name, self._kind())
        except BaseException:
            self.pk, self._state.adding = key, True
            raise
        try:
            self._complete(copied)
            post_schema_sync.send(sender=TenantMixin, tenant=self.serializable_fields())
        except BaseException:
            self._take_back(connection)
            raise

    def _complete(self, copied: bool) -> None:
        """What follows the commit."""
        if copied:
            schema_migrated.send(type(self), schema_name=self.schema_name)
        else:
            fill_new_schema(self.schema_name, self._kind())

    def _take_back(self, connection: Any) -> None:
        """Remove row and schema, unless the transaction around them will not commit anyway."""
        if not (connection.in_atomic_block and connection.needs_rollback):
            connection.set_schema_to_public()
            self.delete(force_drop=True)

    def _create_empty(self) -> None:
        with tenant_connection().cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {quote(self.schema_name)}")

    def _drop_schema(self, force_drop: bool = False) -> None:
        if not self._keeps_schema:
            super()._drop_schema(force_drop)

    def _kind(self) -> str:
        return str(self.get_tenant_type()) if has_multi_type_tenants() else TENANT_KIND
