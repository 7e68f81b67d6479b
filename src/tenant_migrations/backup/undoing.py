"""Taking migrations back by their reverse operations: of one run, or of one app down to a backup.

Each tenant is one transaction (``rollout/reversing.py``), under the fleet lock. A run that is
killed leaves tenants that are done and tenants that are untouched; the same command goes on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone

from tenant_migrations.backup import journal, outlook
from tenant_migrations.backup.deeds import MOST_NAMED, Deed, Outcome, Plan, Progress
from tenant_migrations.backup.folder import path_of
from tenant_migrations.backup.opening import Opened
from tenant_migrations.database import one_line, public_schema, reading, schema_in_use
from tenant_migrations.exceptions import Refused, WrongUse
from tenant_migrations.fleet import ledger, tenants
from tenant_migrations.fleet.findings import named, plural
from tenant_migrations.fleet.graph import Code, MigrationKey, label
from tenant_migrations.fleet.tenants import PUBLIC_KIND
from tenant_migrations.locks import FleetLock, Holder
from tenant_migrations.models import Backup, Rollback, Rollout, TenantOutcome
from tenant_migrations.rollout.failures import Skipped
from tenant_migrations.rollout.holding import Limits
from tenant_migrations.rollout.reversing import Reversal, plan_reversal, reverse

AGAIN = "the next healing applies them again, unless older code is deployed first"


@dataclass(frozen=True)
class Undo:
    """What is to be undone in one schema, and the ledger that must come of it."""

    schema: str
    kind: str
    keys: frozenset[MigrationKey]
    before: str = ""
    """Digest of the ledger without them; empty: whatever it is."""


@dataclass(frozen=True)
class ReversalDeed(Deed):
    """Migrations taken back in some schemas."""

    scope: str
    code: Code
    undos: Sequence[Undo]
    phrase: str
    entry_values: Mapping[str, Any] = field(default_factory=dict)
    from_backup: str = ""
    """What to type where migrations can't be reversed."""

    @cached_property
    def plans(self) -> dict[str, tuple[MigrationKey, ...]]:
        """What is taken back, by schema; only where there is something."""
        found = {}
        with reading() as raw:
            for undo in self.undos:
                recorded = frozenset(ledger.read_rows(raw, undo.schema).keys)
                _refuse_changed(undo, recorded)
                try:
                    plan = plan_reversal(self.code, recorded, undo.keys)
                except Refused as reason:
                    raise Refused(f"{undo.schema}: {reason}{self.from_backup}") from reason
                if plan:
                    found[undo.schema] = plan
        return found

    def plan(self, progress: Progress) -> Plan:
        groups: dict[tuple[MigrationKey, ...], list[str]] = {}
        for schema, keys in self.plans.items():
            groups.setdefault(keys, []).append(schema)
        lines = [
            f"takes back {named([*map(label, keys)], MOST_NAMED)} in {named(names, MOST_NAMED)}"
            for keys, names in groups.items()
        ]
        lines.append("what these migrations added is dropped with its rows" if lines else "nothing")
        document = {
            "tenants": [
                {"schema_name": name, "migrations": [*map(label, keys)]}
                for name, keys in self.plans.items()
            ]
        }
        return Plan(self.scope, lines, self.phrase, document)

    def perform(self, progress: Progress) -> Outcome:
        chosen = [undo for undo in self.undos if undo.schema in self.plans]
        with FleetLock() as lock:
            entry = journal.begin(self.scope, **self.entry_values)
            done: dict[str, list[str]] = {}
            errors: dict[str, str] = {}
            for position, undo in enumerate(chosen):
                progress("tenants", position, len(chosen))
                try:
                    keys = self._undo(undo, lock.holder)
                    done[undo.schema] = [*map(label, keys)]
                except (DatabaseError, Skipped, Refused) as error:
                    errors[undo.schema] = one_line(error)
            _close(entry, done, errors)
        lines = ["nothing is left to take back"] if not chosen else []
        if done:
            names = [name for name in done if name != public_schema()]
            what = plural(len(names), "tenant") + (" and public" if len(names) < len(done) else "")
            lines.append(f"{what} taken back: {named([*done], MOST_NAMED)}; {AGAIN}")
        lines += [f"{schema} is as it was: {reason}" for schema, reason in errors.items()]
        document = {
            "rollback": entry.pk,
            "tenants": [{"schema_name": name, "migrations": keys} for name, keys in done.items()],
            "errors": errors,
        }
        return Outcome(lines, document, failed=len(errors))

    def _undo(self, undo: Undo, holder: Holder) -> Sequence[MigrationKey]:
        return reverse(
            Reversal(undo.schema, undo.kind, undo.keys),
            self.code,
            Limits(),
            holder=holder,
            check_ledger=lambda recorded: _refuse_changed(undo, recorded),
        )


def _refuse_changed(undo: Undo, recorded: frozenset[MigrationKey]) -> None:
    if undo.before and ledger.digest_of(recorded - undo.keys) != undo.before:
        raise Refused(
            f"the ledger of {undo.schema} changed since: what came later has to be undone first"
        )


def _close(entry: Rollback, done: Mapping[str, Any], errors: Mapping[str, str]) -> None:
    with schema_in_use(public_schema()):
        Rollback.objects.filter(pk=entry.pk).update(
            state=journal.FAILED if errors else journal.DONE,
            detail=json.loads(json.dumps({"done": done, "errors": errors})),
            error="; ".join(errors.values()),
            finished_at=timezone.now(),
        )
    connection.close_if_unusable_or_obsolete()


def of_run(number: int, only: str | None, code: Code) -> ReversalDeed:
    """Undo what one rollout did. Raises ``WrongUse`` for one that is not on record."""
    with schema_in_use(public_schema()):
        rollout = Rollout.objects.filter(pk=number).first()
        if rollout is None:
            raise WrongUse(f"no rollout {number} is on record")
        outcomes = [
            outcome
            for outcome in TenantOutcome.objects.filter(rollout=rollout)
            if outcome.applied and only in (None, outcome.schema_name)
        ]
        backup = Backup.objects.filter(rollout=rollout, removed_at=None).first()
    kinds = {tenant.schema_name: tenant.kind for tenant in tenants.read_tenants() or []}
    _refuse_recorded_only(rollout, {outcome.schema_name for outcome in outcomes})
    gone = [o.schema_name for o in outcomes if o.schema_name not in {*kinds, public_schema()}]
    if gone:
        raise Refused(f"{named(gone)} is no tenant any more: name the others one by one")
    undos = [
        Undo(
            outcome.schema_name,
            kinds.get(outcome.schema_name, PUBLIC_KIND),
            frozenset(_key(text) for text in outcome.applied),
            outcome.ledger_before,
        )
        for outcome in sorted(outcomes, key=lambda one: one.schema_name == public_schema())
    ]
    hint = "; the run made a backup: add --from-backup" if backup else ""
    return ReversalDeed("run", code, undos, only or str(number), {"run": number}, hint)


def of_app(opened: Opened, app: str, names: Sequence[str], code: Code) -> ReversalDeed:
    """Take an app's migrations back to what a backup records, rows kept."""
    code.check_apps([app])
    tenants.check_apps([app])
    everyone = {tenant.schema_name: tenant for tenant in tenants.read_tenants() or []}
    chosen = names or [name for name in opened.manifest.tenants if name in everyone]
    tenants.select(everyone.values(), chosen)
    undos = []
    with reading() as raw:
        for name in chosen:
            outlook.facts_of(opened, name)
            then = opened.manifest.ledger_of(name)
            now = frozenset(ledger.read_rows(raw, name).keys)
            keys = frozenset(key for key in now - then if key[0] == app)
            undos.append(Undo(name, everyone[name].kind, keys))
    phrase = names[0] if names else str(len(chosen))
    values = {"app": app, "backup": str(opened.path)}
    if names:
        values["schema_name"] = names[0]
    return ReversalDeed("migrations", code, undos, phrase, values)


def backup_of_run(number: int) -> tuple[str, list[str]]:
    """Path of the backup that a rollout made, and the tenants that it changed.

    Raises ``WrongUse`` for an unknown rollout, ``Refused`` for one without a backup.
    """
    with schema_in_use(public_schema()):
        if not Rollout.objects.filter(pk=number).exists():
            raise WrongUse(f"no rollout {number} is on record")
        backup = Backup.objects.filter(rollout=number, removed_at=None).first()
        outcomes = TenantOutcome.objects.filter(rollout=number).exclude(applied=[], repaired=[])
        names = list(outcomes.values_list("schema_name", flat=True))
    if backup is None:
        raise Refused(f"rollout {number} made no backup: --fix --backup makes one")
    path = path_of(Path(backup.folder), backup.name)
    return str(path), [name for name in names if name != public_schema()]


def _refuse_recorded_only(rollout: Rollout, names: set[str]) -> None:
    """What was recorded without being run can't be undone by running it backward."""
    recorded = [
        name
        for part in rollout.plan
        if part.get("record")
        for name in part["tenants"]
        if name in names
    ]
    if recorded:
        raise Refused(
            f"rollout {rollout.pk} recorded migrations that it did not run in {named(recorded)}: "
            "name the other tenants one by one, or restore from a backup"
        )


def _key(text: str) -> MigrationKey:
    app, _, name = text.partition(".")
    return app, name
