"""A tenant healed by ``--fix`` equals one migrated by ``migrate_schemas``.

In structure (``pg_dump --schema-only``), ledger (rows in their order) and rows (all tables,
``pg_dump --data-only --inserts``; points in time left out), whatever history it starts from.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.torture.fleet import TortureFleet
from tests.torture.versions import version

SQUASH = "DELETE FROM django_migrations WHERE name = '0001_squashed_0003_size'"
ROWS = """
    INSERT INTO shop_category (name, position) VALUES ('Cake', 9), ('Tea', 8);
    INSERT INTO shop_product (name, price, category_id)
        SELECT name || ' ' || n, n, id FROM shop_category, generate_series(1, 40) n;
    INSERT INTO shop_tag (name) VALUES ('cheap'), ('dear');
    INSERT INTO shop_tagging (weight, product_id, tag_id)
        SELECT 2, p.id, t.id FROM shop_product p, shop_tag t
        ON CONFLICT DO NOTHING;
"""
LATER_ROWS = """
    INSERT INTO shop_section (name, position) VALUES ('Cake', 9);
    INSERT INTO shop_product (name, amount, rank, category_id, code, details)
        SELECT 'Cake ' || n, n, n, (SELECT max(id) FROM shop_section), 'c' || n, '{"a": 1}'
          FROM generate_series(100, 120) n;
"""
HEALED = ("healed", "replayed")
OLD_FOLDED = ("0001_squashed_0003_size", "0004_height")


@dataclass(frozen=True)
class History:
    """How a tenant came to where it stands."""

    targets: tuple[tuple[str, ...], ...] = ()
    """What Django's ``migrate_schemas`` was asked for, one after the other."""
    sql: str = ""
    """Run afterwards in the schema."""
    before_squash: bool = False
    """It was migrated by code that did not have the squashed migration yet."""


HISTORIES = {
    "nothing": History(),
    "only_contrib": History((("auth",),)),
    "first_migration": History((("shop", "0001_initial"),)),
    "own_rows_before_data_migrations": History((("shop", "0002_tagging"),), ROWS),
    "circle_of_foreign_keys": History((("shop", "0003_circle"),)),
    "before_rows_with_deferred_keys": History((("shop", "0004_together"),)),
    "before_renames": History((("shop", "0006_alter_after_rows"),), ROWS),
    "after_renames": History((("shop", "0007_renames"), ("stock", "0002_movement"))),
    "own_rows_before_constraints": History((("shop", "0010_database_side"),), LATER_ROWS),
    "before_sql_by_hand": History((("shop", "0013_separate"),), LATER_ROWS),
    "before_concurrent_index": History((("shop", "0014_by_hand"), ("stock", "0003_fill"))),
    "after_concurrent_index": History((("shop", "0015_concurrently"),)),
    "before_code_outside_transaction": History((("shop", "0016_between"),)),
    "all_but_one_app": History((("stock",), ("shop",), ("folded",), ("auth",))),
    "between_steps_of_an_app": History((("quick", "0002_rows"),)),
    "at_the_code": History(((),)),
    "squash_first_of_replaced": History((("folded", "0001_initial"),), before_squash=True),
    "squash_two_of_replaced": History((("folded", "0002_colour"),), before_squash=True),
    "squash_all_replaced_unrecorded": History((("folded", "0003_size"),), before_squash=True),
    "squash_with_replaced_recorded": History((("folded", "0001_squashed_0003_size"),)),
    "squash_unrecorded_and_successor_recorded": History((("folded",),), SQUASH),
}


def bring_to_its_past(fleet: TortureFleet, name: str, history: History) -> None:
    """Have Django make a tenant as it was."""
    now = fleet.version
    fleet.add_tenant(name)
    if history.before_squash:
        fleet.version = version(fleet.folder, "folded", without=OLD_FOLDED)
    for target in history.targets:
        fleet.migrate(name, *target)
    fleet.version = now
    if history.sql:
        fleet.sql(history.sql, schema=name)


@pytest.fixture(scope="session")
def both_ways(made_once: Callable[..., TortureFleet], torture_public: TortureFleet) -> TortureFleet:
    """Each history three times: brought to the code by Django, and twice by ``--fix``, which runs
    Django's operations in the one that is done first, and in the other their SQL."""

    def build(fleet: TortureFleet) -> None:
        for name, history in HISTORIES.items():
            bring_to_its_past(fleet, f"django_{name}", history)
            for way in HEALED:
                fleet.copy_tenant(f"django_{name}", f"{way}_{name}")
            fleet.migrate(f"django_{name}")
        healed = [f"--tenant={way}_{name}" for way in HEALED for name in HISTORIES]
        answer = fleet.heal(*healed)
        assert answer.exit_code == 0, answer.stdout + answer.stderr

    return made_once("both_ways", build, torture_public)


@pytest.mark.parametrize("way", HEALED)
@pytest.mark.parametrize("name", HISTORIES)
class TestHealedTenant:
    def test_has_the_structure_that_django_makes(
        self, both_ways: TortureFleet, name: str, way: str
    ) -> None:
        healed = both_ways.structure(f"{way}_{name}")
        assert healed == both_ways.structure(f"django_{name}")
        assert "shop_product" in healed

    def test_has_the_ledger_that_django_writes(
        self, both_ways: TortureFleet, name: str, way: str
    ) -> None:
        healed = both_ways.ledger(f"{way}_{name}")
        assert healed == both_ways.ledger(f"django_{name}")
        assert len(set(healed)) == len(healed) > 40

    def test_has_the_rows_that_django_leaves(
        self, both_ways: TortureFleet, name: str, way: str
    ) -> None:
        healed = both_ways.rows(f"{way}_{name}")
        assert healed == both_ways.rows(f"django_{name}")
        assert "INSERT INTO SCHEMA.auth_permission" in healed


def test_both_ways_end_well(both_ways: TortureFleet) -> None:
    answer = both_ways.verify()
    assert answer.exit_code == 0, answer.stdout
    assert answer.json["tenants_ok"] == 3 * len(HISTORIES)
    assert len(answer.json["variants"]) <= 4, "only what squashing left in ledgers differs"
