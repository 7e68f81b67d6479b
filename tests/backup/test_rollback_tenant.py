"""`rollback_migrations --tenant`: the tenant as in the backup, everybody else as they were."""

from pathlib import Path

import pytest

from tenant_migrations.database import quote
from tenant_migrations.locks import FLEET, TENANT, second_key
from tests.backup.conftest import backup, path_of, without_casts
from tests.support.answers import Answer
from tests.support.code import code_at
from tests.support.fleets import Fleet
from tests.support.terminals import on_terminal

ROLE = "tm_grantee"


def roll_back(fleet: Fleet, path: Path, *argv: str, tenant: str = "alpha") -> Answer:
    """`rollback_migrations` of one tenant, agreed to."""
    return fleet.command("rollback_migrations", str(path), f"--tenant={tenant}", "--force", *argv)


def spoil(fleet: Fleet, schema: str) -> None:
    """What a bad deploy does: rows gone, rows added, a table dropped, another column."""
    for statement in (
        "DELETE FROM finance_invoiceline",
        "INSERT INTO django_content_type (app_label, model) VALUES ('spoilt', 'spoilt')",
        "DROP TABLE finance_refund CASCADE",
        "ALTER TABLE hr_core_employee ADD COLUMN spoilt int",
        "DELETE FROM django_migrations WHERE app = 'ats'",
    ):
        fleet.sql(statement, schema=schema)


def leftovers(fleet: Fleet) -> list[str]:
    """Names of what a rollback may leave for the next."""
    return [
        name
        for (name,) in fleet.rows(
            "SELECT nspname FROM pg_namespace WHERE nspname ~ '_aside_' UNION ALL"
            " SELECT datname FROM pg_database WHERE datname LIKE current_database() || '\\_tm%'"
        )
    ]


@pytest.mark.parametrize("kind", ["database", "tenants", "per-tenant", "directory"])
def test_the_tenant_is_as_in_the_backup(fleet: Fleet, tmp_path: Path, kind: str) -> None:
    options = {
        "database": [],
        "tenants": ["--tenant=alpha"],
        "per-tenant": ["--per-tenant"],
        "directory": ["--format=directory", "--jobs=2"],
    }
    path = path_of(backup(fleet, tmp_path / "made", *options[kind]))
    before, content = fleet.dump("alpha"), fleet.content("alpha")
    beta = fleet.dump("beta"), fleet.content("beta")
    spoil(fleet, "alpha")
    answer = roll_back(fleet, path)
    assert answer.exit_code == 0, answer.stderr
    assert fleet.content("alpha") == content
    assert fleet.verify("--json").statuses() == dict.fromkeys(
        ("alpha", "beta", "gamma", "delta"), "ok"
    )
    assert without_casts(fleet.dump("alpha")) == without_casts(before)
    assert (fleet.dump("beta"), fleet.content("beta")) == beta
    assert leftovers(fleet) == []
    saved = Path(answer.stdout.splitlines()[1].partition(": ")[2])
    assert roll_back(fleet, saved, "--no-safety-backup").exit_code == 0
    assert "finance_refund" not in fleet.tables("alpha")


def test_numbers_go_on_and_grants_are_there(fleet: Fleet, tmp_path: Path) -> None:
    fleet.sql(f"DROP ROLE IF EXISTS {ROLE}")
    fleet.sql(f"CREATE ROLE {ROLE}")
    try:
        fleet.sql(f"GRANT USAGE ON SCHEMA alpha TO {ROLE}")
        fleet.sql(f"GRANT SELECT ON alpha.finance_plan TO {ROLE}")
        fleet.sql(
            "INSERT INTO django_content_type (app_label, model) VALUES ('a', 'b')", schema="alpha"
        )
        last = fleet.value("SELECT max(id) FROM django_content_type", schema="alpha")
        fleet.sql("DELETE FROM django_content_type WHERE app_label = 'a'", schema="alpha")
        path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
        assert roll_back(fleet, path).exit_code == 0
        new = fleet.value(
            "INSERT INTO django_content_type (app_label, model) VALUES ('c', 'd') RETURNING id",
            schema="alpha",
        )
        assert new == last + 1
        granted = fleet.rows(
            "SELECT has_schema_privilege(%s, 'alpha', 'USAGE'),"
            " has_table_privilege(%s, 'alpha.finance_plan', 'SELECT'),"
            " has_table_privilege(%s, 'alpha.finance_plan', 'DELETE')",
            ROLE,
            ROLE,
            ROLE,
        )
        assert granted == [(True, True, False)]
    finally:
        fleet.sql(f"DROP OWNED BY {ROLE}")
        fleet.sql(f"DROP ROLE {ROLE}")


@pytest.mark.parametrize("name", ["Ten-1", 'a"b $(id)', "ünï'; --"])
def test_odd_names(fleet: Fleet, tmp_path: Path, name: str) -> None:
    fleet.add_tenant(name)
    path = path_of(backup(fleet, tmp_path / "made", f"--tenant={name}", "--verify"))
    content = fleet.content(name)
    fleet.sql("DELETE FROM finance_refund", schema=name)
    assert roll_back(fleet, path, tenant=name).exit_code == 0
    assert fleet.content(name) == content


def test_a_schema_that_is_gone_comes_back(fleet: Fleet, tmp_path: Path) -> None:
    path = path_of(backup(fleet, tmp_path / "made"))
    content = fleet.content("alpha")
    fleet.drop_schema("alpha")
    assert roll_back(fleet, path).exit_code == 0
    assert fleet.content("alpha") == content
    assert fleet.verify("--json").status("alpha") == "ok"


def test_newer_rows_are_told_before(fleet: Fleet, tmp_path: Path) -> None:
    path = path_of(backup(fleet, tmp_path / "made"))
    fleet.sql(
        "INSERT INTO django_content_type (app_label, model) VALUES ('a', 'b'), ('c', 'd')",
        schema="alpha",
    )
    before = fleet.dump_all(records=False)
    answer = fleet.command("rollback_migrations", str(path), "--tenant=alpha", "--dry-run")
    assert "2 newer rows would be lost: django_content_type 2" in answer.stdout
    assert fleet.dump_all(records=False) == before


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE VIEW beta.v AS SELECT * FROM alpha.finance_plan", "view beta.v"),
        (
            "CREATE TABLE beta.t (p bigint REFERENCES alpha.finance_plan)",
            "foreign key t_p_fkey of beta.t",
        ),
        ("CREATE TABLE beta.c (p alpha.finance_plan)", "table beta.c"),
    ],
)
def test_what_others_rest_on_is_refused(
    fleet: Fleet, tmp_path: Path, statement: str, said: str
) -> None:
    path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
    fleet.sql(statement)
    before = fleet.dump_all()
    answer = roll_back(fleet, path)
    assert answer.exit_code == 1
    assert said in answer.error_line
    assert fleet.dump_all() == before


def test_older_code_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
    with code_at("finance", "0024_subscription_cancellation"):
        answer = roll_back(fleet, path)
    assert answer.exit_code == 1
    assert "finance.0025_refund" in answer.error_line


def test_newer_code_is_told(fleet: Fleet, tmp_path: Path) -> None:
    fleet.take_back("alpha", "finance", "0024")
    path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
    assert fleet.verify("--fix", "--json").exit_code == 0
    answer = roll_back(fleet, path)
    assert answer.exit_code == 0
    command = "manage.py verify_tenant_migrations --fix --tenant=alpha"
    assert answer.stdout.splitlines()[-1] == f"the code is 1 migration further: {command}"
    assert fleet.verify("--json").status("alpha") == "pending"


@pytest.fixture
def behind(fleet: Fleet, tmp_path: Path) -> Path:
    """A backup of `alpha` before its last migration, which it now has."""
    fleet.take_back("alpha", "finance", "0024")
    path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
    assert fleet.verify("--fix", "--json").exit_code == 0
    return path


@pytest.mark.parametrize("scope", [(), ("--app=finance",)])
def test_it_is_brought_to_the_code_where_that_is_asked_for(
    fleet: Fleet, behind: Path, scope: tuple[str, ...]
) -> None:
    answer = roll_back(fleet, behind, *scope, "--migrate-forward")
    assert answer.exit_code == 0, answer.stderr
    assert "alpha: fixed (finance.0025_refund)" in answer.stdout
    assert "migration further" not in answer.stdout
    assert fleet.counts("alpha")["finance_refund"] == 0  # It was made anew.
    assert fleet.verify("--json").status("alpha") == "ok"
    assert fleet.rows("SELECT trigger FROM tenant_migrations_rollout ORDER BY id DESC LIMIT 1") == [
        ("rollback",)
    ]


def test_a_run_in_the_way_leaves_it_restored_and_says_so(fleet: Fleet, behind: Path) -> None:
    with fleet.connect() as raw:
        raw.execute("SELECT pg_advisory_lock(%s, 0)", (FLEET,))
        answer = roll_back(fleet, behind, "--migrate-forward", "--json")
    assert answer.exit_code == 1
    assert (answer.json["status"], answer.json["behind"]) == ("issues", {"alpha": 1})
    assert answer.json["fix"] is None
    assert "another run" in answer.json["fix_error"]
    assert fleet.verify("--json").status("alpha") == "pending"


@pytest.mark.parametrize("typed", ["y", "n"])
def test_who_sits_at_a_terminal_is_asked(fleet: Fleet, behind: Path, typed: str) -> None:
    line = ("rollback_migrations", str(behind), "--tenant=alpha", "--no-safety-backup")
    code, screen = on_terminal(fleet, *line, typed=f"alpha\n{typed}\n")
    assert code == 0
    assert "type alpha to go on: " in screen
    assert "alpha is behind the code now: bring it there? [y/N] " in screen
    assert ("verify_tenant_migrations --fix --tenant=alpha" in screen) is (typed == "n")
    assert fleet.verify("--json").status("alpha") == ("ok" if typed == "y" else "pending")


def test_a_backup_of_another_database_has_to_be_trusted(
    fleet: Fleet, tmp_path: Path, settings: object
) -> None:
    path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
    content = fleet.content("alpha")
    settings.SECRET_KEY = "another installation's"  # type: ignore[attr-defined]
    answer = roll_back(fleet, path)
    assert answer.exit_code == 1
    assert "--trust-foreign" in answer.error_line
    assert roll_back(fleet, path, "--trust-foreign").exit_code == 0
    assert fleet.content("alpha") == content


def test_a_tenant_in_other_hands_is_left_alone(fleet: Fleet, tmp_path: Path) -> None:
    path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
    with fleet.connect() as raw, raw.transaction():
        raw.execute("SELECT pg_advisory_xact_lock(%s, %s)", (TENANT, second_key("alpha")))
        answer = roll_back(fleet, path)
    assert answer.exit_code == 75


def test_readers_of_others_and_of_the_tenant_go_on(fleet: Fleet, tmp_path: Path) -> None:
    """A reader's open transaction only keeps the old schema from being dropped at once."""
    path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
    with fleet.connect(autocommit=False) as reader:
        for schema in ("alpha", "beta"):
            reader.execute(f"SELECT count(*) FROM {quote(schema)}.finance_plan".encode())
        answer = roll_back(fleet, path)
        assert answer.exit_code == 0, answer.stderr
        assert "the next rollback drops it" in answer.stdout
        assert len(leftovers(fleet)) == 1
        assert fleet.verify("--json").json["orphans"] == []
    answer = roll_back(fleet, path)
    assert "what it replaced is dropped" in answer.stderr
    assert leftovers(fleet) == []


def test_a_writer_that_does_not_let_go_is_not_waited_for(fleet: Fleet, tmp_path: Path) -> None:
    path = path_of(backup(fleet, tmp_path / "made", "--tenant=alpha"))
    with fleet.connect(autocommit=False) as writer:
        writer.execute("DELETE FROM alpha.finance_refund")
        answer = roll_back(fleet, path)
        assert answer.exit_code == 1
        assert "could not be locked" in answer.error_line
        writer.rollback()
    assert fleet.counts("alpha")["finance_refund"] == 1
