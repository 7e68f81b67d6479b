"""A tenant made while a rollout runs has the new shape, or is migrated by that rollout."""

import pytest

from tests.provisioning.conftest import SAVE, save
from tests.torture.fleet import TortureFleet
from tests.torture.versions import version
from tests.torture.waiting import until

NEW = {
    "0005_added": 'AddField("note", "added", models.IntegerField(default=1)),'
    ' AddIndex("note", models.Index(fields=["added"], name="note_added"))'
}
WAITS = """
from django.db import connection
from django.db.models.signals import post_migrate

def wait(using, **named):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(1, 1)")

post_migrate.connect(wait)
"""
IS_THERE = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s"


@pytest.fixture
def newer(saved: TortureFleet) -> TortureFleet:
    """The fleet seen by newer code; without its version it is that of the older code."""
    saved.sql(
        "INSERT INTO customers_domain (domain, is_primary, tenant_id)"
        " SELECT schema_name, true, id FROM customers_tenant WHERE schema_name <> 'migrated'"
    )
    newer = TortureFleet(saved.forge, saved.database, saved.folder)
    newer.version = version(saved.folder, "quick", NEW)
    return newer


def assert_all_at_the_code(newer: TortureFleet, *names: str) -> None:
    """All are equal, and at the newer code."""
    assert ("quick", "0005_added") in newer.ledger("migrated")
    for name in ("saved", *names):
        assert newer.structure(name) == newer.structure("migrated"), name
        assert set(newer.ledger(name)) == set(newer.ledger("migrated")), name


def test_older_code_makes_a_tenant_of_the_new_shape(
    saved: TortureFleet, newer: TortureFleet
) -> None:
    assert newer.heal().exit_code == 0
    answer = saved.run(*save("late"))
    assert answer.exit_code == 0, answer.stderr
    assert_all_at_the_code(newer, "late")


def test_newer_code_brings_the_reference_forward_before_it_makes_a_tenant(
    newer: TortureFleet,
) -> None:
    assert newer.run(*save("early")).exit_code == 0
    assert newer.heal().exit_code == 0
    assert_all_at_the_code(newer, "early")


def test_a_rollout_waits_for_the_tenant_in_hand_and_then_migrates_it(
    saved: TortureFleet, newer: TortureFleet
) -> None:
    with saved.holding("SELECT pg_advisory_lock(1, 1)") as holder:
        maker = saved.start("shell", "-v0", "-c", WAITS + SAVE.format(name="early"))
        saved.wait_until_blocked(maker)
        rollout = newer.start_heal()
        newer.wait_until_blocked(rollout)
        holder.execute("SELECT pg_advisory_unlock(1, 1)")
        assert maker.wait().exit_code == 0
        assert rollout.wait().exit_code == 0
    assert_all_at_the_code(newer, "early")


def test_a_tenant_begun_while_the_reference_is_moved_gets_the_new_shape(
    saved: TortureFleet, newer: TortureFleet
) -> None:
    slow = {"0005_added": f"RunSQL('SELECT pg_advisory_xact_lock(1, 1)'), {NEW['0005_added']}"}
    newer.version = version(saved.folder, "quick", slow)
    with saved.holding("SELECT pg_advisory_lock(1, 1)") as holder:
        rollout = newer.start_heal()
        newer.wait_until_blocked(rollout)
        makers = [saved.start(*save(name)) for name in ("late", "later")]
        for maker in makers:
            until(lambda maker=maker: saved.sql(IS_THERE, maker.name), f"{maker.name} is there")
        assert not saved.sql("SELECT 1 FROM customers_tenant WHERE schema_name ~ 'late'")
        holder.execute("SELECT pg_advisory_unlock(1, 1)")
        assert [maker.wait().exit_code for maker in makers] == [0, 0]
        assert rollout.wait().exit_code == 0
    assert_all_at_the_code(newer, "late", "later")


def test_older_code_refuses_djangos_way_once_the_fleet_was_moved(
    saved: TortureFleet, newer: TortureFleet
) -> None:
    assert newer.heal().exit_code == 0
    assert newer.run(*save("made")).exit_code == 0
    saved.sql("UPDATE tenant_migrations_referencescript SET obstacle = 'none', statements = ''")
    answer = saved.run(*save("late"))
    assert answer.exit_code != 0
    assert "it lacks quick.0005_added; make tenants with the newer code" in answer.stderr
    assert not saved.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'late'")
