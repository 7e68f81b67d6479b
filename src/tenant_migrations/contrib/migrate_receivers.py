"""Receivers of ``pre_migrate`` and ``post_migrate`` in schemas to which nothing else is done.

Django calls them for each schema on every ``migrate``, and projects count on that. Those of content
types and permissions are left out: what they would add is found by one reading of the fleet.
"""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models.signals import post_migrate, pre_migrate

from tenant_migrations.contrib.migrate_reading import Look
from tenant_migrations.database import schema_in_use
from tenant_migrations.fleet.graph import Code, MigrationKey
from tenant_migrations.fleet.tenants import PUBLIC_KIND, TENANT_KIND
from tenant_migrations.rollout import receivers
from tenant_migrations.rollout.courses import Course


class Receivers:
    """The project's, with the states of models that they are given; worked out once per ledger."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._before = receivers.before_migrating()
        self._after = receivers.after_migrating()
        self._instead = receivers.replacements()
        self._courses: dict[str, Course] = {}

    def call(self, look: Look, ledger: Collection[MigrationKey]) -> None:
        """Call them for one schema, in one transaction; raises what they raise."""
        if not (self._before or self._after or self._instead):
            return
        kind = None if look.schema.kind in (PUBLIC_KIND, TENANT_KIND) else look.schema.kind
        with schema_in_use(look.schema.name, kind=kind) as connection:
            course = self._course(look, ledger, connection.alias)
            common: dict[str, Any] = {"using": connection.alias, "plan": []}
            with transaction.atomic(using=connection.alias):
                receivers.call(self._before, pre_migrate, apps=course.apps_before, **common)
                for replacement in self._instead:
                    replacement(look.schema.name)
                receivers.call(self._after, post_migrate, apps=course.apps_after, **common)

    def _course(self, look: Look, ledger: Collection[MigrationKey], alias: str) -> Course:
        if look.ledger_digest not in self._courses:
            self._courses[look.ledger_digest] = Course.of(self._code, ledger, (), alias)
        course = self._courses[look.ledger_digest]
        course.forget()
        return course
