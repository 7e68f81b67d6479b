"""Trying: changed migrations, on a database of the gate's own with tenants made by the old code.

The database is the one of the settings. It must have no tenants, and is not cleaned up: throw it
away.
"""

import contextlib
import io
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.apps import apps
from django.core.checks import run_checks
from django.core.management import call_command

from tenant_migrations.checks import TAG
from tenant_migrations.database import one_line, public_schema
from tenant_migrations.exceptions import Refused, TenantMigrationsError, WrongUse
from tenant_migrations.fleet.findings import named
from tenant_migrations.fleet.graph import Code, MigrationKey, label
from tenant_migrations.fleet.report import FleetReport
from tenant_migrations.fleet.survey import Question
from tenant_migrations.fleet.tenants import PUBLIC_KIND, Tenant, of_public, read_tenants
from tenant_migrations.gate.cases import Case, Verdict
from tenant_migrations.gate.linting import reviewed_in, sql_of, unsafe_in
from tenant_migrations.gate.old import OldCode, migration_file
from tenant_migrations.gate.recipes import recipe_for
from tenant_migrations.rollout.holding import Limits
from tenant_migrations.rollout.reversing import Reversal, reverse
from tenant_migrations.rollout.running import Order, heal
from tenant_migrations.rollout.verifying import verify
from tenant_migrations.vocabulary import OutcomeState, TenantStatus

TRIGGER = "gate"

CREATED = "CREATE TABLE "

Say = Callable[[str, int, int], None]


@dataclass
class Gate:
    """One passage of the gate."""

    old: OldCode
    seed: Sequence[str]
    """Command lines for the old code's ``manage.py`` that make tenants with data."""
    old_tests: Sequence[str]
    """Command lines that are run in the old code's folder once the new migrations are applied."""
    say: Say
    cases: list[Case] = field(default_factory=list)

    def pass_through(self) -> list[Case]:
        """All cases. Raises ``WrongUse`` where the database has tenants, before anything is done,
        and ``TenantMigrationsError`` where the old code can't be run or the linters are missing."""
        if found := read_tenants():
            raise WrongUse(
                f"the database has {len(found)} tenants: the gate makes its own and needs one "
                "without any; name an empty one, which may be thrown away afterwards"
            )
        if not self._graph():
            return self.cases
        self.code = Code()
        self.changed = self.old.changed(self.code)
        self._edited()
        self._views()
        self.say("tenants by the old code", 0, 1)
        self.old.manage("migrate_schemas", "--shared", "-v0")
        for line in self.seed:
            self.old.manage(*shlex.split(line))
        self.tenants = read_tenants() or []
        if not self.tenants:
            raise WrongUse(f"--seed={' '.join(self.seed)!r} made no tenant")
        self._lint()
        self._try()
        return self.cases

    # --- what needs no database

    def _graph(self) -> bool:
        """Whether the migrations can be loaded at all."""
        try:
            Code()
        except TenantMigrationsError as error:
            self._add("graph", "one leaf in each app", Verdict.FAILED, str(error))
            return False
        self._add("graph", "one leaf in each app")
        own = [
            config.label
            for config in apps.get_app_configs()
            if "site-packages" not in config.path
            and str(config.path).startswith(str(self.old.new_folder))
        ]
        out = io.StringIO()
        with self._timed("graph", "every model has its migrations") as note:
            try:
                with contextlib.redirect_stderr(out):
                    call_command("makemigrations", *own, check=True, dry_run=True, stdout=out)
            except SystemExit:
                note(f"run manage.py makemigrations\n{out.getvalue().strip()}")
        return True

    def _edited(self) -> None:
        for key in self.old.edited(self.code, self.changed):
            text = (
                "it was changed after a release: where it is applied, the change never comes\n"
                "put it back as it was, and write a new migration"
            )
            self._judge("graph", key, f"{label(key)} is as it was", [("edited", text)])

    def _views(self) -> None:
        """Views that would answer 500 where a tenant's table is missing; see ``web/guard.py``."""
        with self._timed("views", "a missing table is not HTTP 500") as note:
            for message in run_checks(tags=[TAG]):
                if not message.is_silenced():
                    note(f"{message.msg}\n{message.hint}")

    # --- linting

    def _lint(self) -> None:
        new_tables: dict[bool, list[str]] = {True: [], False: []}
        public = set(of_public(self.changed))
        for key in self.changed:
            began = time.monotonic()
            tables = new_tables[key in public]
            try:
                statements = sql_of(key, self.tenants[0])
            except Exception as error:  # It needs what an earlier change of the same kind makes.
                text = f"its SQL is known only when it runs: {one_line(error)}"
                self._add("safety", label(key), Verdict.SKIPPED, text)
                continue
            atomic = bool(self.code.migration(key).atomic)
            found = [
                (
                    unsafe.recipe.name,
                    f"{unsafe.recipe.name}: {unsafe.recipe.danger}\n"
                    + (f"  {unsafe.statement}\n" if unsafe.statement else "")
                    + f"  instead: {unsafe.recipe.instead}",
                )
                for unsafe in unsafe_in(statements, atomic=atomic, new_tables=tables)
            ]
            tables += [
                line.removeprefix(CREATED).split(" (")[0]
                for line in statements
                if line.startswith(CREATED)
            ]
            self._judge("safety", key, label(key), found, time.monotonic() - began)

    def _judge(
        self,
        group: str,
        key: MigrationKey,
        name: str,
        found: Sequence[tuple[str, str]],
        seconds: float = 0.0,
    ) -> None:
        """One case of a migration: failed unless a person has let everything found pass."""
        source = migration_file(self.code, key).read_text(encoding="utf-8")
        reviewed = reviewed_in(source)
        open_ones = [text for recipe, text in found if recipe not in reviewed]
        if open_ones:
            escape = "  or, once somebody has looked at it: # reviewed: RECIPE: REASON in its file"
            self._add(group, name, Verdict.FAILED, "\n".join([*open_ones, escape]), seconds)
        elif found:
            passed = {recipe: reviewed[recipe] for recipe, _ in found}
            text = "\n".join(f"reviewed: {recipe}: {why}" for recipe, why in passed.items())
            self._add(group, name, Verdict.SKIPPED, text, seconds)
        else:
            self._add(group, name, seconds=seconds)

    # --- forward, old code, backward, forward

    def _try(self) -> None:
        if not self.changed:
            self._add("rollout", "forward", Verdict.SKIPPED, "no migration has changed")
            return
        if not self._forward("forward"):
            return
        self._old_code()
        if self._backward():
            self._forward("forward again")

    def _forward(self, name: str) -> bool:
        with self._timed("rollout", name) as note:
            self.say(name, 0, 1)
            try:
                report, summary = heal(Order(Question(), trigger=TRIGGER), self.code, self.say)
            except TenantMigrationsError as error:
                note(str(error))
                return False
            for outcome in summary.outcomes:
                if outcome.state not in (OutcomeState.FIXED, OutcomeState.SKIPPED):
                    note(f"{outcome.schema_name}: {outcome.migration} {outcome.message}")
            _note_issues(report, note, allowed=(TenantStatus.OK,))
        return self.cases[-1].verdict is Verdict.PASSED

    def _old_code(self) -> None:
        with self._timed("old code", "reads and writes the new schema") as note:
            self.say("old code", 0, 1)
            tried, failed = self.old.smoke()
            for one in failed:
                note(
                    f"{one['schema']}: {one['model']}: {one['what']}: {one['error']} "
                    f"(SQLSTATE {one['sqlstate']})"
                )
            if not tried:
                note("nothing was tried: the seed made no rows")
        for line in self.old_tests:
            with self._timed("old code", line) as note:
                try:
                    self.old.run(shlex.split(line))
                except TenantMigrationsError as error:
                    note(str(error))

    def _backward(self) -> bool:
        """Tenants first, then public, as its migrations may be depended on."""
        with self._timed("rollout", "backward") as note:
            self.say("backward", 0, 1)
            public = Tenant(public_schema(), PUBLIC_KIND, None, False)
            for tenant in (*self.tenants, public):
                try:
                    task = Reversal(tenant.schema_name, tenant.kind, self.changed)
                    reverse(task, self.code, Limits())
                except Refused as refusal:
                    return self._irreversible(str(refusal), note)
                except Exception as error:
                    note(f"{tenant.schema_name}: {one_line(error)}")
                    return False
            _note_issues(
                verify(Question(), self.code, self.say),
                note,
                allowed=(TenantStatus.OK, TenantStatus.PENDING),
            )
        return self.cases[-1].verdict is Verdict.PASSED

    def _irreversible(self, why: str, note: "_Note") -> bool:
        recipe = recipe_for("irreversible")
        for key in self.changed:
            source = migration_file(self.code, key).read_text(encoding="utf-8")
            if label(key) in why and recipe.name in reviewed_in(source):
                note(f"reviewed: {recipe.name}: {reviewed_in(source)[recipe.name]}", skipped=True)
                return False
        note(f"{why}\n{recipe.name}: {recipe.danger}\n  instead: {recipe.instead}")
        return False

    # --- noting

    def _add(
        self,
        group: str,
        name: str,
        verdict: Verdict = Verdict.PASSED,
        text: str = "",
        seconds: float = 0.0,
    ) -> None:
        self.cases.append(Case(group, name, verdict, text, seconds))

    @contextlib.contextmanager
    def _timed(self, group: str, name: str) -> Iterator["_Note"]:
        """A case that passes unless something is noted meanwhile."""
        note, began = _Note(), time.monotonic()
        try:
            yield note
        finally:
            seconds = time.monotonic() - began
            self._add(group, name, note.verdict, "\n".join(note.texts), seconds)


@dataclass
class _Note:
    """What is wrong with a case, as it turns up."""

    texts: list[str] = field(default_factory=list)
    verdict: Verdict = Verdict.PASSED

    def __call__(self, text: str, *, skipped: bool = False) -> None:
        self.texts.append(text)
        if self.verdict is not Verdict.FAILED:
            self.verdict = Verdict.SKIPPED if skipped else Verdict.FAILED


def _note_issues(report: FleetReport, note: "_Note", allowed: Sequence[TenantStatus]) -> None:
    for schema in (report.public, *report.tenants):
        if schema.status not in allowed:
            found = [f"{one.kind} {one.message}" for one in schema.findings]
            note(f"{schema.schema_name} is {schema.status}: {named(found, 5)}")
