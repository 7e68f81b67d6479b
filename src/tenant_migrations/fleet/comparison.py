"""Comparing a structure with the one expected: pure functions over two object maps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from tenant_migrations.fleet import findings
from tenant_migrations.fleet.expectation import Expected, Reference
from tenant_migrations.fleet.findings import HEAL, Finding, difference_kind
from tenant_migrations.fleet.graph import MigrationKey, label
from tenant_migrations.fleet.remedies import IDENTITY_OF, can_be_created
from tenant_migrations.fleet.structure import INVALID, ObjectKey, ObjectMap, comparable
from tenant_migrations.vocabulary import FindingKind, ObjectKind

State = Literal["missing", "differs", "extra"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not as expected."""

    key: ObjectKey
    state: State
    expected: str | None
    actual: str | None


def differences(
    expected: Expected,
    actual: ObjectMap,
    *,
    ignore: Sequence[str] = (),
    foreign_tables: bool = False,
) -> list[Difference]:
    """Everything that is not as expected, tables first.

    What belongs to a table that is missing or extra as a whole is not listed beside it. With
    ``foreign_tables``, whole relations that no migration made are taken for somebody else's: in
    ``public`` other software may have its own.
    """
    found = []
    for key in [*expected.objects, *(key for key in actual if key not in expected.objects)]:
        want, have = expected.objects.get(key), actual.get(key)
        if want == have or key in expected.uncertain or _ignored(key, ignore):
            continue
        if want and have and comparable(key, want) == comparable(key, have):
            continue
        if have is None and IDENTITY_OF in (want or ""):
            continue  # It went with its column's identity, which is a difference of the column.
        state: State = "missing" if have is None else "extra" if want is None else "differs"
        found.append(Difference(key, state, want, have))
    whole = {d.key.relation for d in found if d.key.kind is ObjectKind.TABLE}
    ours = {key.relation for key in expected.objects}
    kept = [
        d
        for d in found
        if (d.key.kind is ObjectKind.TABLE or d.key.relation not in whole)
        and not (foreign_tables and d.state == "extra" and d.key.relation not in ours)
    ]
    order = list(ObjectKind)
    return sorted(kept, key=lambda d: (order.index(d.key.kind), d.key.relation))


def _ignored(key: ObjectKey, patterns: Iterable[str]) -> bool:
    return any(
        fnmatchcase(key.relation, pattern) or fnmatchcase(key.name, pattern) for pattern in patterns
    )


def describe(
    found: Sequence[Difference],
    expected: Expected,
    actual: ObjectMap,
    reference: Reference,
) -> list[Finding]:
    """Findings for the differences, with those that explain several of them at once first."""
    moved = _apps_without_tables(found, expected)
    explained = [findings.app_without_tables(app, count) for app, count in moved.items()]
    explained += [
        findings.migration_without_effect(label(key))
        for key in _without_effect(found, expected, actual, reference)
    ]
    return explained + [
        _finding(difference, expected)
        for difference in found
        if not (
            difference.key.kind is ObjectKind.TABLE
            and difference.state == "missing"
            and expected.origin[difference.key][0] in moved
        )
    ]


def _finding(difference: Difference, expected: Expected) -> Finding:
    key, state = difference.key, difference.state
    origin = expected.origin.get(key)
    by = label(origin) if origin and origin[0] else ""
    if key.kind is ObjectKind.INDEX and (difference.actual or "").startswith(INVALID):
        return Finding(
            FindingKind.INDEX_INVALID,
            f"index {key.name} is invalid: an interrupted build left it behind, it is not used",
            f"build it again: {HEAL}"
            if state == "differs"
            else "drop it by hand; where a pending migration makes it, healing builds it again",
            object=key.name,
            migration=by,
        )
    what = f"{key.kind} {key.display}"
    if state == "missing":
        message = f"{what} is missing" + (f" (made by {by})" if by else "")
    elif state == "extra":
        message = f"{what} is not expected" + (f" (removed by {by})" if by else "")
    else:
        is_, should = (
            comparable(key, text) for text in (difference.actual or "", difference.expected or "")
        )
        message = f"{what} is {is_}, expected {should}"
    return Finding(difference_kind(key.kind, state), message, _hint(difference), key.display, by)


def _hint(difference: Difference) -> str:
    if difference.state == "extra":
        return "never dropped unasked: drop it by hand, or name it in IGNORE_OBJECTS"
    if can_be_created(difference.key, difference.expected or "", difference.actual):
        return f"{'create' if difference.actual is None else 'mend'} it: {HEAL}"
    return "can't be proven safe to change unattended: write a migration, or mend it by hand"


def _apps_without_tables(found: Sequence[Difference], expected: Expected) -> dict[str, int]:
    """Apps of which two or more tables are expected and not one is there."""
    expected_by_app: dict[str, int] = {}
    for key in expected.objects:
        if key.kind is ObjectKind.TABLE:
            app = expected.origin[key][0]
            expected_by_app[app] = expected_by_app.get(app, 0) + 1
    missing_by_app: dict[str, int] = {}
    for difference in found:
        if difference.key.kind is ObjectKind.TABLE and difference.state == "missing":
            app = expected.origin[difference.key][0]
            missing_by_app[app] = missing_by_app.get(app, 0) + 1
    return {
        app: count
        for app, count in missing_by_app.items()
        if app and count > 1 and count == expected_by_app[app]
    }


def _without_effect(
    found: Sequence[Difference], expected: Expected, actual: ObjectMap, reference: Reference
) -> list[MigrationKey]:
    """Recorded migrations whose every lasting change is undone in the structure.

    Changes to a table that is missing altogether tell nothing about the migration and are left
    out, and a view may have gone with a table that it reads.
    """
    missing_tables = {
        d.key.relation for d in found if d.key.kind is ObjectKind.TABLE and d.state == "missing"
    }
    suspects = dict.fromkeys(expected.origin[d.key] for d in found if d.key in expected.origin)
    absent = []
    for migration in suspects:
        lasting = [
            (key, before)
            for key, before, after in reference.changes_of(migration)
            if expected.origin.get(key) == migration and key.relation not in missing_tables
        ]
        if any(key.kind is not ObjectKind.VIEW for key, _ in lasting) and all(
            actual.get(key) == before for key, before in lasting
        ):
            absent.append(migration)
    return absent
