"""Reversing: as Django goes backward, in one transaction, or not at all."""

import pytest
from django.db import DatabaseError

from tenant_migrations.exceptions import Refused
from tenant_migrations.fleet.graph import Code, MigrationKey
from tenant_migrations.fleet.tenants import TENANT_KIND
from tenant_migrations.rollout.failures import Skipped
from tenant_migrations.rollout.holding import Limits
from tenant_migrations.rollout.reversing import Reversal, plan_reversal, reverse
from tests.support.code import code_with
from tests.support.fleets import Fleet

LIMITS = Limits(lock_timeout_ms=2000, statement_timeout_ms=0)


def newer_than(fleet: Fleet, app: str, name: str) -> list[MigrationKey]:
    """What an app has beyond one of its migrations."""
    return [key for key in fleet.ledger("alpha") if key[0] == app and key[1] > name]


def undo(fleet: Fleet, schema: str, keys: list[MigrationKey]) -> tuple[MigrationKey, ...]:
    """Reverse, in this process."""
    return reverse(Reversal(schema, TENANT_KIND, keys), Code(), LIMITS)


@pytest.mark.parametrize(
    ("app", "name"), [("finance", "0017"), ("hr_core", "0010"), ("accounts", "0011")]
)
def test_it_leaves_what_django_leaves(fleet: Fleet, app: str, name: str) -> None:
    keys = newer_than(fleet, app, name + "_zzz")
    gamma = fleet.dump("gamma"), fleet.content("gamma")
    done = undo(fleet, "alpha", keys)
    assert set(done) >= set(keys)
    target = [key for key in fleet.ledger("alpha") if key[0] == app][-1][1]
    fleet.take_back("beta", app, target)
    assert fleet.dump("alpha") == fleet.dump("beta")
    assert fleet.ledger("alpha") == fleet.ledger("beta")
    assert fleet.content("alpha") == fleet.content("beta")
    assert (fleet.dump("gamma"), fleet.content("gamma")) == gamma
    assert undo(fleet, "alpha", keys) == ()


def test_healing_brings_it_forward_again(fleet: Fleet) -> None:
    before = fleet.dump("beta")
    undo(fleet, "alpha", newer_than(fleet, "finance", "0017_zzz"))
    assert fleet.verify("--json").status("alpha") == "pending"
    assert fleet.verify("--fix", "--json").exit_code == 0
    assert fleet.dump("beta") == before


FAILING = {
    "0901_first": "RunSQL('SELECT 1', 'SELECT 1/0')",
    "0902_second": "AddField('invoice', 'mood', models.IntegerField(null=True))",
}
"""Two migrations, of which the first fails on its way back."""


def test_a_failure_leaves_everything_as_it_was(fleet: Fleet) -> None:
    with code_with("finance", FAILING):
        assert fleet.verify("--fix", "--json").exit_code == 0
        before = fleet.dump("alpha"), fleet.content("alpha")
        keys = newer_than(fleet, "finance", "0900")
        assert len(keys) == 2
        with pytest.raises(DatabaseError, match="division by zero"):
            undo(fleet, "alpha", keys)
        assert (fleet.dump("alpha"), fleet.content("alpha")) == before


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ("RunPython(lambda apps, editor: None)", "no way back"),
        ("SeparateDatabaseAndState([RunSQL('SELECT 1')])", "no way back"),
    ],
)
def test_what_has_no_way_back_is_refused(fleet: Fleet, operation: str, reason: str) -> None:
    key = ("finance", "0901_one_way")
    with code_with("finance", {key[1]: operation}), pytest.raises(Refused, match=reason):
        plan_reversal(Code(), [key], [key])


def test_what_others_depend_on_is_refused(fleet: Fleet) -> None:
    first = newer_than(fleet, "finance", "")[0]
    with pytest.raises(Refused, match=r"finance\.0002_.* would stay and depend"):
        undo(fleet, "alpha", [first])


def test_unknown_to_the_code_is_refused(fleet: Fleet) -> None:
    fleet.fake_migration("alpha", "finance", "0999_later")
    with pytest.raises(Refused, match=r"does not have finance\.0999_later"):
        undo(fleet, "alpha", [("finance", "0999_later")])


def test_a_tenant_in_other_hands_is_skipped(fleet: Fleet) -> None:
    from tenant_migrations.locks import TENANT, second_key

    with fleet.connect() as raw, raw.transaction():
        raw.execute("SELECT pg_advisory_xact_lock(%s, %s)", (TENANT, second_key("alpha")))
        with pytest.raises(Skipped, match="another run"):
            undo(fleet, "alpha", newer_than(fleet, "finance", "0017_zzz"))
