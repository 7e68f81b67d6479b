"""django-tenants' own ``migrate_schemas`` on this engine.

::

    GET_EXECUTOR_FUNCTION = "tenant_migrations.contrib.django_tenants.get_executor"

The ledgers of all schemas are read at once. Where nothing is to be done, that is all; where
something is, it is a recorded rollout like a heal, under the same locks and with the same
guarantees (``rollout/applying.py``, ``rollout/reversing.py``). What that does not cover takes
Django's own way, schema by schema.
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.management import CommandError
from django.db import Error, connections
from django.utils.module_loading import module_has_submodule
from django_tenants import migration_executors
from django_tenants.migration_executors.base import MigrationExecutor, run_migrations
from django_tenants.migration_executors.standard import StandardExecutor
from django_tenants.signals import schema_migrated, schema_pre_migration
from django_tenants.utils import (
    get_tenant_base_migrate_command_class,
    get_tenant_migration_order,
)

from tenant_migrations.cli.exiting import exit_without_collecting
from tenant_migrations.contrib.migrate_output import (
    STARTING,
    Voice,
    Words,
    failed,
    own_way,
    summary,
)
from tenant_migrations.contrib.migrate_reading import Look, Reader, Schema
from tenant_migrations.contrib.migrate_receivers import Receivers
from tenant_migrations.contrib.migrate_request import NotCovered, Request
from tenant_migrations.database import one_line
from tenant_migrations.exceptions import GraphError, TenantMigrationsError
from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.tenants import PUBLIC_KIND, TENANT_KIND

if TYPE_CHECKING:
    from tenant_migrations.contrib.migrate_rollout import Rollout


def get_executor(codename: str | None = None) -> type[MigrationExecutor]:
    """The executor of this app, or the one of django-tenants that ``--executor`` or the variable
    ``EXECUTOR`` names.

    A name that none has is refused as django-tenants refuses it.
    """
    wanted = codename or os.environ.get("EXECUTOR") or FleetExecutor.codename
    return migration_executors.get_executor(wanted)  # type: ignore[no-any-return]


class FleetExecutor(MigrationExecutor):
    """Runs what ``migrate_schemas`` was asked for on this engine.

    A schema that fails costs the others nothing: all are tried, then ``CommandError`` names those
    that failed. It is raised before anything is done where another run holds the fleet lock.
    """

    codename = "tenant_migrations"  # type: ignore[assignment]

    def run_migrations(self, tenants: Iterable[str] | None = None) -> None:
        """Public, if it is among them, and schemas of a project without tenant types."""
        names = list(tenants or [])
        public = self.PUBLIC_SCHEMA_NAME
        if public in names:
            self._run([Schema(public, PUBLIC_KIND)])
        self._run([Schema(name, TENANT_KIND) for name in names if name != public])

    def run_multi_type_migrations(self, tenants: Iterable[tuple[str, str]]) -> None:
        """Schemas with their tenant types."""
        self._run([Schema(name, kind) for name, kind in tenants or []])

    def _run(self, schemas: Sequence[Schema]) -> None:
        if not schemas:
            return
        exit_without_collecting()
        connection: Any = connections[self.TENANT_DB_ALIAS]
        try:
            self._read(schemas, connection).all()
        except NotCovered as reason:
            for position, schema in enumerate(schemas):
                self.own_way(schema, str(reason), position, len(schemas))
        except TenantMigrationsError as error:
            raise CommandError(one_line(error), returncode=error.exit_code) from error
        connection.set_schema_to_public()

    def own_way(self, schema: Schema, reason: str, position: int, count: int) -> None:
        """As django-tenants' standard executor does it."""
        self.voice(schema, position, count).say(own_way(reason), least=2)
        kind = "" if schema.kind in (PUBLIC_KIND, TENANT_KIND) else schema.kind
        place = {} if schema.kind == PUBLIC_KIND else {"idx": position, "count": count}
        codename = StandardExecutor.codename
        run_migrations(self.args, self.options, codename, schema.name, kind, **place)

    def voice(self, schema: Schema, position: int, count: int) -> Voice:
        """What speaks for the schema that is the ``position``-th, from 0, of ``count``."""
        verbosity = int(self.options.get("verbosity", 1))
        place = None if schema.kind == PUBLIC_KIND else position
        return Voice(self.codename, schema.name, verbosity, place, count)

    def _read(self, schemas: Sequence[Schema], connection: Any) -> "_Pass":
        if connection.in_atomic_block:
            raise NotCovered("a transaction is open")
        request = Request.of(self.options)
        try:
            reader = Reader(request, self._code)
        except GraphError as error:
            raise NotCovered(str(error)) from error
        return _Pass(self, reader.read(schemas), reader)

    @cached_property
    def _code(self) -> Code:
        """Checked as ``migrate`` does, and loaded, once for public and all others."""
        _register_receivers()
        _check_project(self.options)
        return Code()


class _Pass:
    """One way through the schemas, in their order."""

    def __init__(self, executor: FleetExecutor, looks: Sequence[Look], reader: Reader) -> None:
        self.executor = executor
        self.looks = looks
        self.reader = reader
        self.places = {look.schema.name: place for place, look in enumerate(looks)}
        self.words = Words(reader.request, reader.code, int(executor.options.get("verbosity", 1)))
        self.receivers = Receivers(reader.code)
        self.done = 0
        self.failures: dict[str, str] = {}
        self.unapplied = False

    def all(self) -> None:
        """Raises ``CommandError`` at the end, naming the schemas that failed; exits with 1 where
        ``--check`` found something to do."""
        in_order = get_tenant_migration_order() is not None
        with self._rollout() as rollout:
            waiting = []
            for look in self.looks:
                if not (rollout and look.is_task):
                    self._note(look, self._one(look))
                elif in_order:
                    rollout.run([look], self._through, in_order=True)
                else:
                    waiting.append(look)
            if rollout and waiting:
                rollout.run(waiting, self._through, in_order=False)
        left = len(self.looks) - self.done
        stopped = rollout.stop.reason if rollout else ""
        if self.failures or stopped:
            raise CommandError(summary(self.failures, left, len(self.looks), stopped))
        if self.unapplied:
            sys.exit(1)

    def _rollout(self) -> "AbstractContextManager[Rollout | None]":
        wanted = [look for look in self.looks if look.is_task]
        if self.words.request.is_question or not wanted:
            return nullcontext()
        # What finds nothing to do, as most runs do, is through before the engine would be loaded.
        from tenant_migrations.contrib.migrate_rollout import Rollout  # noqa: PLC0415

        return Rollout(self.reader, wanted)

    def _note(self, look: Look, reason: str) -> None:
        self.done += 1
        if reason:
            self.failures[look.schema.name] = reason

    def _through(self, look: Look, reason: str) -> None:
        """A schema of the rollout has been done, or has failed."""
        self._note(look, reason)
        voice = self._voice(look)
        voice.say(STARTING)
        voice.say(failed(reason) if reason else self.words.done(look.steps))

    def _one(self, look: Look) -> str:
        """One to which nothing is done here; why it failed, or empty."""
        if look.not_covered:
            return self._own_way(look, self.places[look.schema.name])
        voice = self._voice(look)
        voice.say(STARTING)
        if look.error:
            voice.say(failed(look.error))
            return look.error
        schema_pre_migration.send(FleetExecutor, schema_name=look.schema.name)
        try:
            self._answer(look, voice)
        except Exception as error:  # What a receiver of the project raises.
            reason = f"{type(error).__name__}: {one_line(error)}"
            voice.say(failed(reason))
            return reason
        schema_migrated.send(FleetExecutor, schema_name=look.schema.name)
        return ""

    def _voice(self, look: Look) -> Voice:
        return self.executor.voice(look.schema, self.places[look.schema.name], len(self.looks))

    def _answer(self, look: Look, voice: Voice) -> None:
        """Nothing is to be changed: it was only asked, or all is done already."""
        request = self.words.request
        if request.plan:
            voice.say(self.words.plan(look.steps), least=0)
        elif not request.check:
            self.receivers.call(look, self.reader.rows[look.ledger_digest])
            voice.say(self.words.idle(look.steps))
        elif not look.steps.are_none:
            voice.say(self.words.unapplied(look.steps))
        self.unapplied |= request.check and not look.steps.are_none

    def _own_way(self, look: Look, position: int) -> str:
        """One of several may fail without the others."""
        count = len(self.looks)
        try:
            self.executor.own_way(look.schema, look.not_covered, position, count)
        except Error as error:
            if count == 1:
                raise
            connections[self.executor.TENANT_DB_ALIAS].close()
            return one_line(error)
        except SystemExit:
            if count == 1:
                raise
            self.unapplied = True
        return ""


def _register_receivers() -> None:
    """Import what ``migrate`` imports, where apps may connect receivers of its signals."""
    for config in apps.get_app_configs():
        if module_has_submodule(config.module, "management"):
            import_module(".management", config.name)


def _check_project(options: Mapping[str, Any]) -> None:
    """The checks that ``migrate`` makes, once and not for each schema.

    Raises ``SystemCheckError``, which is a ``CommandError``.
    """
    if not options.get("skip_checks"):
        command = get_tenant_base_migrate_command_class()()
        command.check(**command.get_check_kwargs(options))
