"""The words of ``migrate_schemas``: those of Django's ``migrate``, prefixed as by django-tenants.

Every line is sent with django-tenants' signal ``schema_migrate_message`` too.
"""

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.apps import apps
from django.core.management import color
from django.db.migrations.state import ProjectState
from django_tenants.signals import schema_migrate_message
from django_tenants.utils import get_tenant_base_migrate_command_class

from tenant_migrations.cli.printable import printable
from tenant_migrations.contrib.migrate_request import Request, Steps
from tenant_migrations.fleet.graph import Code, label

Line = tuple[str, str]
"""Text, and its role in Django's palette: empty for none."""


class Voice:
    """Says lines for one schema, each with its prefix."""

    def __init__(
        self, codename: str, schema_name: str, verbosity: int, position: int | None, count: int
    ) -> None:
        """The schema is the ``position``-th, from 0, of ``count``; public has no position."""
        self.style: Any = color.color_style()
        self.verbosity = verbosity
        percent = ""
        if position is not None:
            percent = f"{position + 1}/{count} ({int(100 * (position + 1) / count)}%) "
        name, notice = printable(schema_name), self.style.NOTICE
        self._prefix = f"[{percent}{notice(codename)}:{notice(name)}]"
        self._plain_prefix = f"[{percent}{codename}:{name}]"

    def say(self, lines: Sequence[Line], least: int = 1) -> None:
        """From verbosity ``least`` on."""
        if self.verbosity < least:
            return
        for text, role in lines:
            line = getattr(self.style, role)(text) if role else text
            message = f"{self._plain_prefix} {line}"
            schema_migrate_message.send(Voice, message=message)
            sys.stdout.write(f"{self._prefix} {line}\n")


STARTING: list[Line] = [("=== Starting migration", "NOTICE")]


def own_way(reason: str) -> list[Line]:
    """Django's own way is taken."""
    return [(f"=== Django's own way: {printable(reason)}", "NOTICE")]


def failed(reason: str) -> list[Line]:
    return [(f"  {printable(reason)}", "ERROR")]


class Words:
    """What is said of steps, worked out once for all schemas that have them before them."""

    def __init__(self, request: Request, code: Code, verbosity: int) -> None:
        self.request = request
        self.code = code
        self.verbosity = verbosity
        self.style: Any = color.color_style()
        self._plans: dict[Steps, list[Line]] = {}

    def unapplied(self, steps: Steps) -> list[Line]:
        """The answer to ``--check`` where something is to be done."""
        keys = [*map(label, (*steps.forwards, *steps.backwards))]
        return [(f"  {len(keys)} to be {_done(steps)}: {', '.join(keys)}", "")]

    def idle(self, steps: Steps) -> list[Line]:
        """Nothing is to be done."""
        return [*self._targets(steps), *self._nothing_to_apply]

    def done(self, steps: Steps) -> list[Line]:
        """All of it is done."""
        ending = self.style.SUCCESS(" FAKED" if self.request.fake else " OK")
        done = self.style.SUCCESS(" DONE")
        return [
            *self._targets(steps),
            *([(f"  Rendering model states...{done}", "")] if steps.backwards else []),
            *((f"  Applying {label(key)}...{ending}", "") for key in steps.forwards),
            *((f"  Unapplying {label(key)}...{ending}", "") for key in steps.backwards),
        ]

    def plan(self, steps: Steps) -> list[Line]:
        """The answer to ``--plan``."""
        if steps not in self._plans:
            self._plans[steps] = [("Planned operations:", "MIGRATE_LABEL"), *self._planned(steps)]
        return self._plans[steps]

    def _planned(self, steps: Steps) -> list[Line]:
        if steps.are_none:
            return [("  No planned migration operations.", "")]
        lines: list[Line] = []
        describe = get_tenant_base_migrate_command_class().describe_operation
        for key in (*steps.forwards, *steps.backwards):
            lines.append((label(key), "MIGRATE_HEADING"))
            for operation in self.code.migration(key).operations:
                text, is_error = describe(operation, bool(steps.backwards))
                lines.append((f"    {text}", "WARNING" if is_error else ""))
        return lines

    def _targets(self, steps: Steps) -> list[Line]:
        return [
            ("Operations to perform:", "MIGRATE_HEADING"),
            self._target(steps),
            ("Running migrations:", "MIGRATE_HEADING"),
        ]

    def _target(self, steps: Steps) -> Line:
        label_of = self.style.MIGRATE_LABEL
        if not self.request.migration_name:
            names = ", ".join(sorted({app for app, _ in steps.targets})) or "(none)"
            return f"{label_of('  Apply all migrations: ')}{names}", ""
        app, name = steps.targets[0]
        if name is None:
            return f"{label_of('  Unapply all migrations: ')}{app}", ""
        return f"{label_of('  Target specific migration: ')}{name}, from {app}", ""

    @cached_property
    def _nothing_to_apply(self) -> list[Line]:
        """That there is nothing, and where models have changes that no migration has."""
        lines: list[Line] = [("  No migrations to apply.", "")]
        # As Django does, it is not worked out where nobody is told.
        if self.verbosity >= 1 and (changed := self._apps_with_changes()):
            names = ", ".join(map(repr, changed))
            lines += [
                (
                    f"  Your models in app(s): {names} have changes that are not yet reflected in "
                    "a migration, and so won't be applied.",
                    "NOTICE",
                ),
                (
                    "  Run 'manage.py makemigrations' to make new migrations, and then re-run "
                    "'manage.py migrate' to apply them.",
                    "NOTICE",
                ),
            ]
        return lines

    def _apps_with_changes(self) -> list[str]:
        command = get_tenant_base_migrate_command_class()
        loader = self.code.loader
        autodetector = command.autodetector(loader.project_state(), ProjectState.from_apps(apps))
        return sorted(autodetector.changes(graph=loader.graph))


def summary(failures: Mapping[str, str], not_attempted: int, total: int, stopped: str) -> str:
    """One line for the run's error: who failed and why, and why others were not attempted."""
    told = "; ".join(f"{printable(name)}: {why}" for name, why in failures.items())
    parts = [f"{len(failures)} of {total} schemas failed: {told}"] if failures else []
    if not_attempted:
        parts.append(f"{not_attempted} of {total} schemas were not attempted: {stopped}")
    return "; ".join(parts) or stopped


def _done(steps: Steps) -> str:
    return "unapplied" if steps.backwards else "applied"
