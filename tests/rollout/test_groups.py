"""Tenants for whom the same is to be done: one is done for real, others like it are replayed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.torture.fleet import TortureFleet
from tests.torture.versions import version

TAG = 'migrations.AddField("shelf", "tag", models.IntegerField(null=True, unique=True))'
PLAIN_TAG = 'migrations.AlterField("shelf", "tag", models.IntegerField(null=True))'
UNIQUE = """
    SELECT conname FROM pg_constraint
     WHERE conrelid = 'stock_shelf'::regclass AND contype = 'u' AND conname ~ 'tag|odd'
"""
NAMES = ("clean", "first", "second", "third")


def test_a_tenant_with_other_names_is_not_given_anothers_statements(
    healthy: TortureFleet,
) -> None:
    """Django asks the catalog for the constraint's name: replayed blindly this would fail."""
    healthy.version = version(healthy.folder, "stock", {"0005_tag": TAG})
    assert healthy.heal().exit_code == 0
    ((name,),) = healthy.sql(UNIQUE, schema="third")
    healthy.sql(f'ALTER TABLE stock_shelf RENAME CONSTRAINT "{name}" TO odd', schema="third")
    healthy.version = version(healthy.folder, "stock", {"0005_tag": TAG, "0006_plain": PLAIN_TAG})
    answer = healthy.heal("--no-structure")
    assert answer.exit_code == 0, answer.stdout + answer.stderr
    assert answer.json["fix"]["fixed"] == 4
    structures = {healthy.structure(tenant) for tenant in NAMES}
    assert len(structures) == 1
    assert healthy.sql(UNIQUE, schema="third") == []


def test_nor_where_the_table_gets_another_name_on_the_way(healthy: TortureFleet) -> None:
    """What is compared is the table as it was before."""
    healthy.version = version(healthy.folder, "stock", {"0005_tag": TAG})
    assert healthy.heal().exit_code == 0
    ((name,),) = healthy.sql(UNIQUE, schema="third")
    healthy.sql(f'ALTER TABLE stock_shelf RENAME CONSTRAINT "{name}" TO odd', schema="third")
    renamed = 'migrations.AlterModelTable("shelf", "stock_rack")'
    healthy.version = version(
        healthy.folder, "stock", {"0005_tag": TAG, "0006_plain": f"{renamed}, {PLAIN_TAG}"}
    )
    answer = healthy.heal("--no-structure")
    assert answer.exit_code == 0, answer.stdout + answer.stderr
    assert len({healthy.structure(tenant) for tenant in NAMES}) == 1


def test_nor_where_the_first_had_nothing_that_django_could_have_dropped(
    healthy: TortureFleet,
) -> None:
    """Django asks for the constraint, finds none and alters nothing there; others have it."""
    healthy.version = version(healthy.folder, "stock", {"0005_tag": TAG})
    assert healthy.heal().exit_code == 0
    ((name,),) = healthy.sql(UNIQUE, schema="clean")
    healthy.sql(f'ALTER TABLE stock_shelf DROP CONSTRAINT "{name}"', schema="clean")
    healthy.version = version(healthy.folder, "stock", {"0005_tag": TAG, "0006_plain": PLAIN_TAG})
    answer = healthy.heal("--no-structure", "--canary=clean")
    assert answer.exit_code == 0, answer.stdout + answer.stderr
    assert [healthy.sql(UNIQUE, schema=tenant) for tenant in NAMES] == [[]] * 4


def test_django_is_asked_once_and_the_others_are_replayed(
    healthy: TortureFleet, tmp_path: Path
) -> None:
    """It looks the constraint up in the reference and in the first tenant."""
    healthy.version = version(healthy.folder, "stock", {"0005_tag": TAG})
    assert healthy.heal().exit_code == 0
    healthy.version = version(healthy.folder, "stock", {"0005_tag": TAG, "0006_plain": PLAIN_TAG})
    sent = tmp_path / "statements"
    answer = healthy.heal("--jobs=1", STATEMENTS=str(sent))
    assert answer.json["fix"]["fixed"] == 4
    statements = sent.read_text().splitlines()
    assert sum("FROM pg_constraint AS c" in line for line in statements) == 2
    drops = [line for line in statements if 'DROP CONSTRAINT "stock' in line]
    replayed = [line for line in drops if 'INSERT INTO "django_migrations"' in line]
    assert (len(drops), len(replayed)) == (5, 3)


def test_a_tenant_that_lacks_older_content_types_gets_these_too(healthy: TortureFleet) -> None:
    model = 'migrations.CreateModel("Box", [("id", models.BigAutoField(primary_key=True))])'
    healthy.version = version(healthy.folder, "stock", {"0005_box": model})
    healthy.sql("DELETE FROM auth_permission; DELETE FROM django_content_type", schema="third")
    answer = healthy.heal("--no-structure")
    assert answer.exit_code == 0, answer.stdout + answer.stderr
    held = [
        healthy.sql(
            "SELECT t.app_label, t.model, p.codename FROM django_content_type t "
            "LEFT JOIN auth_permission p ON p.content_type_id = t.id ORDER BY 1, 2, 3",
            schema=name,
        )
        for name in NAMES
    ]
    assert ("stock", "box", "add_box") in held[0]
    assert held[1:] == held[:1] * 3


@pytest.fixture(scope="session")
def ten_behind(
    made_once: Callable[..., TortureFleet], torture_template: TortureFleet
) -> TortureFleet:
    """`clean` is at the code; ten equal tenants are behind."""

    def build(fleet: TortureFleet) -> None:
        for number in range(7):
            fleet.copy_tenant("first", f"more_{number}")

    return made_once("ten_behind", build, torture_template)


def test_in_threads_one_tenants_trouble_costs_the_others_nothing(
    ten_behind: TortureFleet, torture_on: Callable[[TortureFleet], TortureFleet]
) -> None:
    fleet = torture_on(ten_behind)
    fleet.options = {"LOCK_ATTEMPTS": 1}
    clean = fleet.everything("clean")
    fleet.sql("CREATE TABLE quick_note (id int)", schema="more_3")
    with fleet.holding("LOCK TABLE more_5.stock_shelf IN ROW EXCLUSIVE MODE"):
        answer = fleet.heal("--jobs=4", "--lock-timeout=100", "--no-structure")
    assert answer.exit_code == 1
    others = ["first", "second", "third", *(f"more_{n}" for n in (0, 1, 2, 4, 6))]
    assert {answer.outcome(name)["state"] for name in others} == {"fixed"}
    assert {answer.outcome(name)["attempts"] for name in others} == {1}
    assert answer.outcome("more_3")["sqlstate"] == "42P07"
    assert answer.outcome("more_3")["migration"] == "quick.0001_initial"
    assert answer.outcome("more_5")["sqlstate"] == "55P03"
    for name in others:
        assert fleet.structure(name) == fleet.structure("clean")
        assert fleet.ledger(name) == fleet.ledger("clean")
    assert fleet.everything("clean") == clean
    assert not fleet.advisory_locks()
    fleet.sql("DROP TABLE quick_note", schema="more_3")
    assert fleet.heal("--jobs=4").exit_code == 0


def test_a_migration_that_says_so_is_applied_under_maintenance(healthy: TortureFleet) -> None:
    wide = 'migrations.AddField("shelf", "wide", models.IntegerField(null=True))'
    healthy.version = version(
        healthy.folder, "stock", {"0005_wide": f"{wide}]\n    needs_maintenance = True  #"}
    )
    with healthy.holding("SELECT * FROM clean.stock_shelf"):
        command = healthy.start_heal("--lock-timeout=60000", "--canary=clean")
        healthy.wait_until_blocked(command)
        marks = healthy.sql("SELECT schema_name, reason FROM tenant_migrations_maintenance")
    assert command.wait().exit_code == 0
    assert marks == [("clean", "migrating stock.0005_wide")]
    assert healthy.sql("SELECT 1 FROM tenant_migrations_maintenance") == []


def test_tenants_that_have_nothing_yet_are_replayed(healthy: TortureFleet, tmp_path: Path) -> None:
    """Neither a ledger nor the tables of content types are there to be compared."""
    for name in ("new", "newer", "newest"):
        healthy.add_tenant(name)
    sent = tmp_path / "statements"
    answer = healthy.heal("--jobs=1", STATEMENTS=str(sent))
    assert answer.json["fix"]["fixed"] == 3
    made = [line for line in sent.read_text().splitlines() if 'CREATE TABLE "auth_group"' in line]
    replayed = [line for line in made if 'INSERT INTO "django_migrations"' in line]
    assert (len(made), len(replayed)) == (3, 2)
    assert len({healthy.structure(name) for name in ("clean", "new", "newer", "newest")}) == 1
