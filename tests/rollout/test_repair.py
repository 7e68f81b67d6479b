"""Objects that are absent are made again as the migrations made them.

A repaired tenant's ``pg_dump`` equals a clean one's, but for what ``tests/torture/dumps.py`` names.
"""

import pytest

from tests.torture.dumps import comparable
from tests.torture.fleet import TortureFleet

REPAIRABLE = {
    "table": "DROP TABLE quick_note",
    "table with foreign keys": "DROP TABLE shop_labelling",
    "tables with foreign keys between them": (
        "TRUNCATE stock_shelf CASCADE; DROP TABLE stock_shelf, stock_movement CASCADE"
    ),
    "tables in a circle of foreign keys": (
        "TRUNCATE shop_product CASCADE; DROP TABLE shop_product, shop_supplier CASCADE"
    ),
    "table of many-to-many": "DROP TABLE stock_shelf_products",
    "table of its own name": "TRUNCATE shop_sticker CASCADE; DROP TABLE shop_sticker CASCADE",
    "table with a serial column": "DROP TABLE shop_ticket",
    "all tables of an app": "TRUNCATE stock_shelf CASCADE;"
    " DROP TABLE stock_shelf, stock_movement, stock_shelf_products CASCADE",
    "registry of permissions": "DROP TABLE auth_group_permissions, auth_permission CASCADE",
    "nullable column": "ALTER TABLE quick_note DROP COLUMN last",
    "nullable column with an index": "ALTER TABLE shop_product DROP COLUMN weight",
    "column with a default": "ALTER TABLE shop_product DROP COLUMN status",
    "column with an expression as default": "ALTER TABLE shop_product DROP COLUMN made_at CASCADE",
    "generated column": "ALTER TABLE shop_product DROP COLUMN doubled",
    "column with a trigger's interest": "ALTER TABLE shop_product DROP COLUMN barcode",
    "foreign key column": "ALTER TABLE shop_product DROP COLUMN supplier_id",
    "column with a constraint": "ALTER TABLE shop_product DROP COLUMN life",
    "NOT NULL column of an empty table": (
        "DELETE FROM quick_note; ALTER TABLE quick_note DROP COLUMN length, DROP COLUMN text"
    ),
    "unique constraint": "ALTER TABLE shop_sticker DROP CONSTRAINT shop_tag_name_key",
    "deferrable constraint": "ALTER TABLE shop_product DROP CONSTRAINT shop_product_rank",
    "check constraint": "ALTER TABLE shop_product DROP CONSTRAINT shop_product_amount",
    "exclusion constraint": "ALTER TABLE shop_product DROP CONSTRAINT shop_product_life",
    "primary key with foreign keys on it": (
        "ALTER TABLE stock_shelf DROP CONSTRAINT stock_shelf_pkey CASCADE"
    ),
    "foreign keys": """
        DO $$ DECLARE k record; BEGIN
            FOR k IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
                      WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
            LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', k.t, k.conname); END LOOP;
        END $$
    """,
    "index": "DROP INDEX shop_made",
    "index with an operator class": "DROP INDEX shop_name_like",
    "index on an expression": "DROP INDEX shop_name_upper",
    "partial index": "DROP INDEX shop_rank_high",
    "GIN index": "DROP INDEX shop_details",
    "partial unique index": "DROP INDEX shop_product_code",
    "unique index on an expression": "DROP INDEX shop_product_lower",
    "concurrent index": "DROP INDEX quick_kind",
    "invalid index": """
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'quick_kind'::regclass
    """,
    "identity": "ALTER TABLE quick_note ALTER id DROP IDENTITY",
    "sequence of a serial column": "DROP SEQUENCE shop_ticket_number_seq CASCADE",
    "default": "ALTER TABLE shop_product ALTER barcode DROP DEFAULT",
    "NOT NULL": "ALTER TABLE shop_product ALTER name DROP NOT NULL",
    "view": "DROP VIEW shop_overview",
    "trigger": "DROP TRIGGER shop_tidy ON shop_product",
    "function and its trigger": "DROP FUNCTION shop_tidy CASCADE",
    "table and the view on it": ("TRUNCATE shop_section CASCADE; DROP TABLE shop_section CASCADE"),
    "many things at once": """
        DROP TABLE quick_note; DROP INDEX shop_made, shop_details; DROP VIEW shop_overview;
        DROP FUNCTION shop_tidy CASCADE; ALTER TABLE shop_product DROP COLUMN weight;
        ALTER TABLE shop_sticker DROP CONSTRAINT shop_tag_name_key
    """,
}


@pytest.mark.parametrize("what", REPAIRABLE)
def test_what_is_absent_is_made_again(healthy: TortureFleet, what: str) -> None:
    clean = healthy.everything("clean")
    healthy.sql(REPAIRABLE[what], schema="first")
    answer = healthy.heal()
    assert answer.exit_code == 0, answer.stdout + answer.stderr
    assert answer.outcome("first")["state"] == "fixed"
    assert answer.outcome("first")["repaired"]
    assert comparable(healthy.structure("first")) == comparable(healthy.structure("clean"))
    assert healthy.everything("clean") == clean
    assert not healthy.heal().json["fix"]["outcomes"]


def test_rows_can_be_written_to_what_was_made_again(healthy: TortureFleet) -> None:
    healthy.sql(
        "ALTER TABLE quick_note ALTER id DROP IDENTITY;"
        "DROP SEQUENCE shop_ticket_number_seq CASCADE;"
        "DROP TABLE stock_movement",
        schema="first",
    )
    assert healthy.heal().exit_code == 0
    healthy.sql(
        "INSERT INTO quick_note (text, length, kind) VALUES ('new', 1, 'x');"
        "INSERT INTO shop_ticket (title) VALUES ('new');"
        "INSERT INTO stock_movement (count, shelf_id, reason) SELECT 1, id, 'x' FROM stock_shelf",
        schema="first",
    )
    assert healthy.value("SELECT count(DISTINCT id) = count(*) FROM quick_note", schema="first")


def test_healing_public_repairs_it_too(healthy: TortureFleet) -> None:
    healthy.sql("ALTER TABLE customers_domain DROP CONSTRAINT customers_domain_domain_key")
    assert healthy.verify().status("public") == "drifted"
    answer = healthy.heal()
    assert answer.exit_code == 0, answer.stdout
    assert answer.outcome("public")["state"] == "fixed"


class TestWhatCanNotBeMade:
    """It is named, the rest is repaired, and nothing is half done."""

    def test_a_not_null_column_of_a_table_with_rows(self, healthy: TortureFleet) -> None:
        healthy.sql("ALTER TABLE quick_note DROP COLUMN text; DROP INDEX shop_made", schema="first")
        before = healthy.sql("SELECT * FROM quick_note ORDER BY id", schema="first")
        outcome = self.heal(healthy)
        assert "quick_note.text" in outcome["message"]
        assert "has rows" in outcome["message"]
        assert outcome["repaired"] == ["index shop_product.shop_made"]
        assert healthy.sql("SELECT * FROM quick_note ORDER BY id", schema="first") == before

    def test_a_foreign_key_over_dangling_rows(self, healthy: TortureFleet) -> None:
        healthy.sql("DROP TABLE shop_section CASCADE", schema="first")
        outcome = self.heal(healthy)
        assert "fk_shop_section_id" in outcome["message"]
        assert "table shop_section" in outcome["repaired"]
        assert "view shop_overview" in outcome["repaired"]

    def test_a_unique_constraint_over_duplicates(self, healthy: TortureFleet) -> None:
        healthy.sql(
            "ALTER TABLE shop_sticker DROP CONSTRAINT shop_tag_name_key;"
            "INSERT INTO shop_sticker (name) VALUES ('blue');"
            "DROP INDEX shop_made",
            schema="first",
        )
        outcome = self.heal(healthy)
        assert "shop_tag_name_key" in outcome["message"]
        assert outcome["repaired"] == ["index shop_product.shop_made"]

    def test_a_check_over_rows_that_break_it(self, healthy: TortureFleet) -> None:
        healthy.sql(
            "ALTER TABLE shop_product DROP CONSTRAINT shop_product_amount;"
            "UPDATE shop_product SET amount = -1; DROP VIEW shop_overview",
            schema="first",
        )
        outcome = self.heal(healthy)
        assert "shop_product_amount" in outcome["message"]
        assert outcome["repaired"] == ["view shop_overview"]

    def test_a_column_of_another_type(self, healthy: TortureFleet) -> None:
        healthy.sql(
            "ALTER TABLE quick_note ALTER kind TYPE text; DROP INDEX shop_made", schema="first"
        )
        answer = healthy.heal()
        assert answer.exit_code == 1
        assert "TM112" in answer.ids("first")
        assert answer.outcome("first")["repaired"] == ["index shop_product.shop_made"]
        assert answer.status("first") == "drifted"

    def test_extra_objects_are_reported_and_never_dropped(self, healthy: TortureFleet) -> None:
        healthy.sql(
            "CREATE TABLE mine (id int); CREATE INDEX mine_id ON mine (id);"
            "ALTER TABLE quick_note ADD COLUMN mine int; DROP INDEX shop_made",
            schema="first",
        )
        answer = healthy.heal()
        assert {"TM121", "TM122"} <= answer.ids("first")
        assert healthy.value("SELECT to_regclass('first.mine_id') IS NOT NULL")
        assert healthy.value("SELECT count(mine) FROM quick_note", schema="first") == 0

    @staticmethod
    def heal(healthy: TortureFleet) -> dict[str, object]:
        answer = healthy.heal()
        assert answer.exit_code == 1
        outcome = answer.outcome("first")
        assert outcome["state"] == "failed"
        assert outcome["hint"]
        assert answer.status("first") == "drifted"
        assert answer.status("second") == "ok"
        again = healthy.heal()
        assert again.outcome("first")["repaired"] == []
        return outcome
