"""What a transaction insists on stops it, and is told from errors of the tenant's own."""

import psycopg
import pytest

from tenant_migrations.exceptions import LockLost
from tenant_migrations.locks import TENANT, Holder, second_key
from tenant_migrations.rollout.failures import Skipped
from tenant_migrations.rollout.holding import Limits, Refusal, Unlike, hold, insist, refusals
from tests.support.fleets import Fleet

ENDED = Holder(1, "2020-01-01T00:00:00+00:00")
LIMITS = Limits(1000, 1000)


def test_what_holds_is_passed_over(fleet: Fleet) -> None:
    with fleet.connect(autocommit=False) as raw, refusals():
        raw.execute("SET LOCAL search_path = alpha")
        raw.execute(hold("alpha", LIMITS, None))
        raw.execute(insist(("1 = 1", Refusal.LOST), ("true", Refusal.UNLIKE)))


@pytest.mark.parametrize("condition", ["false", "NULL", "1 = (SELECT 2)"])
def test_what_does_not_hold_stops_the_transaction(fleet: Fleet, condition: str) -> None:
    with fleet.connect() as raw:
        with pytest.raises(psycopg.DataError), raw.transaction():
            raw.execute(insist(("true", Refusal.GONE), (condition, Refusal.UNLIKE)))
        with pytest.raises(Unlike), refusals():
            raw.execute(insist(("true", Refusal.GONE), (condition, Refusal.UNLIKE)))


def test_the_first_that_does_not_hold_is_told_and_no_later_one_is_looked_at(fleet: Fleet) -> None:
    later = ("1 / (SELECT 0) = 1", Refusal.LOST)
    with fleet.connect() as raw, pytest.raises(Skipped, match="not there any more"), refusals():
        raw.execute(insist(("false", Refusal.GONE), later))


def test_a_schema_that_is_gone_is_told_before_its_lock_is_tried(fleet: Fleet) -> None:
    with fleet.connect() as other, fleet.connect(autocommit=False) as raw:
        other.execute("SELECT pg_advisory_lock(%s, %s)", (TENANT, second_key("nobody")))
        raw.execute("SET LOCAL search_path = nobody, public")
        with pytest.raises(Skipped, match="its schema is not there any more"), refusals():
            raw.execute(hold("nobody", LIMITS, None))


def test_a_schema_in_other_hands_is_left_alone(fleet: Fleet) -> None:
    with fleet.connect() as other, fleet.connect(autocommit=False) as raw:
        other.execute("SELECT pg_advisory_lock(%s, %s)", (TENANT, second_key("alpha")))
        raw.execute("SET LOCAL search_path = alpha")
        with pytest.raises(Skipped, match="another run is working on it"), refusals():
            raw.execute(hold("alpha", LIMITS, None))


def test_a_run_that_is_over_does_nothing_more(fleet: Fleet) -> None:
    with fleet.connect(autocommit=False) as raw:
        raw.execute("SET LOCAL search_path = alpha")
        with pytest.raises(LockLost, match="the fleet lock was lost"), refusals():
            raw.execute(hold("alpha", LIMITS, ENDED))


@pytest.mark.parametrize(
    ("refusal", "error", "words"),
    [
        (Refusal.GONE, Skipped, "its schema is not there any more"),
        (Refusal.TAKEN, Skipped, "another run is working on it"),
        (Refusal.LOST, LockLost, "the fleet lock was lost"),
        (Refusal.UNLIKE, Unlike, "^$"),
    ],
)
def test_it_is_told_in_whatever_language_the_server_speaks(
    refusal: Refusal, error: type[Exception], words: str
) -> None:
    said = f"ungültige Eingabesyntax für Typ integer: »tenant_migrations stops: {refusal}«"
    with pytest.raises(error, match=words), refusals():
        raise psycopg.DataError(said)


def test_an_error_of_the_tenants_own_stays_what_it_is(fleet: Fleet) -> None:
    own = pytest.raises(psycopg.errors.InvalidTextRepresentation)
    with fleet.connect() as raw, own, refusals():
        raw.execute("SELECT concat('twelve')::int")
