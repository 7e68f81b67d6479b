"""`rollback_migrations --app`: one app's tables, rows and ledger, and nothing else."""

from pathlib import Path

import pytest

from tests.backup.conftest import backup, path_of
from tests.support.answers import Answer
from tests.support.code import code_with
from tests.support.fleets import Fleet


def roll_back(fleet: Fleet, path: Path, *argv: str, app: str = "finance") -> Answer:
    """`rollback_migrations --app`, agreed to."""
    return fleet.command("rollback_migrations", str(path), f"--app={app}", "--force", *argv)


def others(fleet: Fleet, app: str) -> dict[str, list[str]]:
    """Rows of `alpha` that are not the app's."""
    return {
        table: [row for row in rows if not row.startswith(f"{app}.")]
        for table, rows in fleet.content("alpha").items()
        if not table.startswith(f"{app}_")
    }


def test_only_that_app_is_as_in_the_backup(fleet: Fleet, tmp_path: Path) -> None:
    path = path_of(backup(fleet, tmp_path / "made"))
    content, beta = fleet.content("alpha"), fleet.content("beta")
    fleet.sql("DELETE FROM finance_refund", schema="alpha")
    fleet.sql("DROP VIEW finance_monthly_revenue", schema="alpha")
    fleet.sql("ALTER TABLE finance_plan ADD COLUMN spoilt int", schema="alpha")
    fleet.sql("INSERT INTO auth_group (name) VALUES ('kept')", schema="alpha")
    kept = others(fleet, "finance")
    answer = roll_back(fleet, path, "--tenant=alpha")
    assert answer.exit_code == 0, answer.stderr
    after = fleet.content("alpha")
    for table in (table for table in content if table.startswith("finance_")):
        assert after[table] == content[table]
    assert others(fleet, "finance") == kept
    assert sorted(after["django_migrations"]) == sorted(content["django_migrations"])
    assert "drifted" not in fleet.verify("--json").statuses().values()
    assert fleet.content("beta") == beta


def test_migrations_made_since_go_with_it(fleet: Fleet, tmp_path: Path) -> None:
    path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
    before = fleet.dump("alpha"), fleet.ledger("alpha")
    added = {"0901_more": "CreateModel('Extra', [('id', models.BigAutoField(primary_key=True))])"}
    with code_with("finance", added):
        assert fleet.verify("--fix", "--json").exit_code == 0
        assert "finance_extra" in fleet.tables("alpha")
        answer = roll_back(fleet, path, "--tenant=alpha")
        assert answer.exit_code == 0, answer.stderr
    assert "finance_extra" not in fleet.tables("alpha")
    assert fleet.ledger("alpha") == before[1]
    assert len(fleet.dump("alpha")) == pytest.approx(len(before[0]), abs=600)


def test_rows_that_would_point_to_nothing_are_refused_with_their_number(
    fleet: Fleet, tmp_path: Path
) -> None:
    """Both ways over the border: `outer` points into the app, and the app to `inner`."""
    for statement in (
        "CREATE TABLE outer_t (plan_id bigint CONSTRAINT outer_fk REFERENCES finance_plan)",
        "CREATE TABLE inner_t (id int PRIMARY KEY)",
        "INSERT INTO inner_t VALUES (1), (2)",
        "ALTER TABLE finance_refund ADD COLUMN inner_id int CONSTRAINT inner_fk REFERENCES inner_t",
        "UPDATE finance_refund SET inner_id = 2",
    ):
        fleet.sql(statement, schema="alpha")
    path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
    fleet.sql(
        "INSERT INTO finance_plan SELECT new.* FROM generate_series(901, 903) n,"
        " (SELECT * FROM finance_plan ORDER BY id LIMIT 1) p,"
        " jsonb_populate_record(NULL::finance_plan, to_jsonb(p) || jsonb_build_object("
        "'id', n, 'code', 'new' || n, 'name', 'new' || n)) new",
        schema="alpha",
    )
    fleet.sql("INSERT INTO outer_t VALUES (901), (902), (902), (NULL)", schema="alpha")
    fleet.sql("UPDATE finance_refund SET inner_id = NULL", schema="alpha")
    fleet.sql("DELETE FROM inner_t WHERE id = 2", schema="alpha")
    before = fleet.dump_all(records=False)
    answer = roll_back(fleet, path, "--tenant=alpha")
    assert answer.exit_code == 1
    assert "3 rows of outer_t (outer_fk)" in answer.error_line
    assert "1 row of finance_refund (inner_fk)" in answer.error_line
    assert fleet.dump_all(records=False) == before
    fleet.sql("DELETE FROM outer_t", schema="alpha")
    fleet.sql("INSERT INTO inner_t VALUES (2)", schema="alpha")
    assert roll_back(fleet, path, "--tenant=alpha").exit_code == 0
    constraints = fleet.rows(
        "SELECT conname, confrelid::regclass::text, convalidated FROM pg_constraint"
        " WHERE conname IN ('outer_fk', 'inner_fk') AND connamespace = 'alpha'::regnamespace"
        " ORDER BY 1",
        schema="alpha",
    )
    assert constraints == [("inner_fk", "inner_t", True), ("outer_fk", "finance_plan", True)]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE VIEW beta.v AS SELECT * FROM alpha.finance_plan", "view v"),
        (
            "CREATE VIEW alpha.v AS SELECT p.*, e.id e FROM alpha.finance_plan p,"
            " alpha.hr_core_employee e",
            "others share",
        ),
    ],
)
def test_what_can_not_be_parted_is_refused(
    fleet: Fleet, tmp_path: Path, statement: str, said: str
) -> None:
    fleet.sql(statement)
    path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
    before = fleet.dump_all(records=False)
    answer = roll_back(fleet, path, "--tenant=alpha")
    assert answer.exit_code == 1, answer.stdout
    assert said in answer.error_line
    assert fleet.dump_all(records=False) == before


def test_others_that_need_what_the_backup_lacks(fleet: Fleet, tmp_path: Path) -> None:
    for app, name in (("ats", "zero"), ("hr_core", "zero"), ("accounts", "0016")):
        fleet.take_back("alpha", app, name)
    path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
    assert fleet.verify("--fix", "--json").exit_code == 0
    answer = roll_back(fleet, path, "--tenant=alpha", app="hr_core")
    assert answer.exit_code == 1
    assert "which the backup lacks" in answer.error_line or "point to" in answer.error_line


def test_all_tenants_at_once(fleet: Fleet, tmp_path: Path) -> None:
    fleet.remove_others(keep=("alpha", "beta"))
    path = path_of(backup(fleet, tmp_path / "made"))
    content = fleet.content("alpha"), fleet.content("beta")
    for schema in ("alpha", "beta"):
        fleet.sql("DELETE FROM finance_refund", schema=schema)
    assert roll_back(fleet, path, "--no-safety-backup").exit_code == 0
    assert fleet.content("alpha") == content[0]
    assert fleet.content("beta") == content[1]


def test_migrations_only_keeps_the_rows(fleet: Fleet, tmp_path: Path) -> None:
    path = path_of(backup(fleet, tmp_path / "made"))
    ledger, dump = fleet.ledger("alpha"), fleet.dump("alpha")
    added = {"0901_more": "AddField('plan', 'extra', models.IntegerField(null=True))"}
    with code_with("finance", added):
        assert fleet.verify("--fix", "--json").exit_code == 0
        fleet.sql("UPDATE finance_plan SET name = 'kept' WHERE id = 1", schema="alpha")
        answer = roll_back(fleet, path, "--migrations-only")
        assert answer.exit_code == 0, answer.stderr
    assert "4 tenants taken back" in answer.stdout
    assert fleet.ledger("alpha") == ledger
    assert fleet.dump("alpha") == dump
    assert fleet.value("SELECT name FROM finance_plan WHERE id = 1", schema="alpha") == "kept"


def test_migrations_without_a_way_back_are_refused(fleet: Fleet, tmp_path: Path) -> None:
    path = path_of(backup(fleet, tmp_path / "made"))
    with code_with("finance", {"0901_more": "RunSQL('SELECT 1')"}):
        assert fleet.verify("--fix", "--json").exit_code == 0
        before = fleet.dump_all(records=False)
        answer = roll_back(fleet, path, "--migrations-only", "--tenant=alpha")
        assert answer.exit_code == 1
        assert "no way back" in answer.error_line
        assert fleet.dump_all(records=False) == before
