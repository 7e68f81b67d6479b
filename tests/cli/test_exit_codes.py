"""Every exit code, and bad input: one line that says what to do, and nothing written."""

from dataclasses import replace

import pytest

from tests.support.code import code_with
from tests.support.fleets import Fleet

VERIFY = "verify_tenant_migrations"
UNREACHABLE = "postgres://someone:s3cret-pa55@127.0.0.1:1/nothing"


def test_0_all_is_well(fleet: Fleet) -> None:
    assert fleet.manage(VERIFY).exit_code == 0


def test_1_something_is_not_well(fleet: Fleet) -> None:
    fleet.drop_schema("alpha")
    assert fleet.manage(VERIFY).exit_code == 1


def test_1_public_is_not_well(fleet: Fleet) -> None:
    fleet.forget_migration("public", "integrations", "0003_apicredential")
    assert fleet.verify().exit_code == 1


BAD_INPUT = {
    "an unknown option": (["--nonsense"], "unrecognized arguments: --nonsense"),
    "an abbreviated option": (["--tenan=alpha"], "unrecognized arguments: --tenan=alpha"),
    "a stray word": (["alpha"], "unrecognized arguments: alpha"),
    "an option without its value": (["--tenant"], "argument --tenant: expected one argument"),
    "an unknown tenant": (["--tenant=nobody"], "no tenant has the schema name 'nobody'"),
    "one unknown among known": (["--tenant=alpha", "--tenant=nobody"], "'nobody'"),
    "an empty tenant": (["--tenant="], "no tenant has the schema name ''"),
    "public": (["--tenant=public"], "'public' is the shared schema, not a tenant"),
    "wrong case": (["--tenant=Alpha"], "did you mean 'alpha'?"),
    "a wildcard": (["--tenant=al*"], "'al*'"),
    "a LIKE pattern": (["--tenant=alph_"], "'alph_'"),
    "64 bytes": (["--tenant=" + "x" * 64], "x" * 64),
    "quotes": (['--tenant="alpha"\''], "alpha"),
    "a command": (["--tenant=$(id)"], "'$(id)'"),
    "a path": (["--tenant=../../x"], "'../../x'"),
    "ESC codes": (["--tenant=\x1b[31mred"], "red"),
    "a line break": (["--tenant=a\nb"], "no tenant"),
    "an unknown app": (["--app=typo"], "unknown app 'typo'"),
    "an empty app": (["--app="], "unknown app ''"),
    "a shared app": (["--app=integrations"], "app 'integrations' is shared"),
    "no jobs": (["--jobs=0"], "'0' is not a whole number from 1 up"),
    "negative jobs": (["--jobs=-1"], "'-1' is not a whole number from 1 up"),
    "jobs in words": (["--jobs=two"], "'two' is not a whole number from 1 up"),
    "a budget in words": (["--fix", "--max-failures=few"], "--max-failures=few"),
    "a negative budget": (["--fix", "--max-failures=-1"], "--max-failures=-1"),
    "no lock timeout": (["--fix", "--lock-timeout=0"], "'0' is not a whole number from 1 up"),
    "an unknown canary": (["--fix", "--canary=nobody"], "'nobody'"),
    "healing an unknown tenant": (["--fix", "--tenant=nobody"], "'nobody'"),
    "healing an unknown app": (["--fix", "--app=typo"], "'typo'"),
    "a dry run of nothing": (["--dry-run"], "--dry-run needs --fix"),
    "reconciling nothing": (["--reconcile"], "--reconcile needs --fix"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_2_bad_input(fleet: Fleet, case: str) -> None:
    argv, reason = BAD_INPUT[case]
    before = fleet.dump_all()
    answer = fleet.verify(*argv)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert answer.error_line.startswith("error: ")
    assert answer.error_line.isprintable()
    assert reason in answer.error_line
    assert fleet.dump_all() == before


@pytest.mark.parametrize("case", BAD_INPUT)
def test_2_bad_input_as_json(fleet: Fleet, case: str) -> None:
    argv, reason = BAD_INPUT[case]
    answer = fleet.verify("--json", *argv)
    assert answer.exit_code == 2
    assert (answer.json["status"], answer.json["total_tenants"]) == ("error", 0)
    assert reason in answer.json["error"]
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize("argv", [["--tenant=nobody"], ["--app=typo", "--fix", "--dry-run"]])
def test_2_not_even_a_reference_is_built_for_bad_input(fleet: Fleet, argv: list[str]) -> None:
    fleet.drop_schema("tenant_migrations_reference_tenant")
    before = fleet.dump_all()
    assert fleet.verify(*argv).exit_code == 2
    assert fleet.dump_all() == before


def test_2_a_setting_that_is_wrong(fleet: Fleet, settings: object) -> None:
    settings.TENANT_MIGRATIONS = {"JOBS": 0}  # type: ignore[attr-defined]
    answer = fleet.verify("--json")
    assert (answer.exit_code, answer.json["status"]) == (2, "error")
    assert "'JOBS'" in answer.json["error"]


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://u:s3cret-pa55@h/d", "postgres://h:99999999/d"]
)
def test_2_a_database_url_that_is_none(fleet: Fleet, url: str) -> None:
    answer = fleet.manage(VERIFY, "--json", DATABASE_URL=url)
    assert answer.exit_code == 2
    assert answer.json["status"] == "error"
    assert answer.error_line
    assert "s3cret" not in answer.stdout + answer.stderr


@pytest.mark.parametrize("more", [(), ("--json",), ("--fix", "--no-input"), ("--quiet",)])
def test_3_no_database(fleet: Fleet, more: tuple[str, ...]) -> None:
    answer = fleet.manage(VERIFY, *more, DATABASE_URL=UNREACHABLE)
    assert answer.exit_code == 3
    assert answer.error_line.startswith("error: ")
    assert "s3cret" not in answer.stdout + answer.stderr
    if "--json" in more:
        assert (answer.json["status"], answer.json["tenants"]) == ("error", [])
    else:
        assert answer.stdout == ""


def test_3_an_unknown_role(fleet: Fleet) -> None:
    url = replace(fleet.database, user="stranger").url.replace("@", ":s3cret-pa55@", 1)
    answer = fleet.manage(VERIFY, "--json", DATABASE_URL=url)
    assert (answer.exit_code, answer.json["status"]) == (3, "error")
    assert "stranger" in answer.error_line
    assert "s3cret" not in answer.stdout + answer.stderr


def test_3_a_database_that_is_not_there(fleet: Fleet) -> None:
    url = fleet.database.url + "_gone"
    answer = fleet.manage(VERIFY, "--json", DATABASE_URL=url)
    assert (answer.exit_code, answer.json["status"]) == (3, "error")
    assert "does not exist" in answer.error_line


def test_3_migrations_that_cannot_be_loaded(fleet: Fleet) -> None:
    with code_with("finance", {"0090_broken": "this is no Python"}):
        answer = fleet.verify("--json")
    assert (answer.exit_code, answer.json["status"]) == (3, "error")
    assert answer.error_line.startswith("error: ")


def test_3_migrations_that_contradict_each_other(fleet: Fleet) -> None:
    twice = {"0090_one": ""}
    with (
        code_with("finance", twice),
        code_with("finance", {"0091_other": ""}, depends_on="0025_refund"),
    ):
        answer = fleet.verify("--json")
    assert (answer.exit_code, answer.json["status"]) == (3, "error")
    assert "makemigrations --merge" in answer.error_line


def test_a_ledger_that_is_locked_is_unknown_after_a_while(fleet: Fleet, settings: object) -> None:
    settings.TENANT_MIGRATIONS = {"READ_TIMEOUT_MS": 150}  # type: ignore[attr-defined]
    with fleet.connect(autocommit=False) as raw:
        raw.execute("LOCK TABLE alpha.django_migrations IN ACCESS EXCLUSIVE MODE")
        answer = fleet.verify("--json", "--no-structure")
        raw.rollback()
    assert answer.exit_code == 1
    assert answer.statuses() == {"alpha": "unknown", "beta": "ok", "gamma": "ok", "delta": "ok"}


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_75_another_run_is_healing(fleet: Fleet, more: tuple[str, ...]) -> None:
    fleet.drop_table("alpha", "finance_refund")
    before = fleet.dump_all()
    with fleet.busy():
        answer = fleet.verify("--fix", *more)
    assert answer.exit_code == 75
    assert answer.error_line == (
        "error: another run holds the fleet lock; nothing was done: try again when it is through"
    )
    assert fleet.dump_all() == before
    if more:
        assert answer.json["status"] == "error"


def test_asking_is_possible_while_another_run_is_healing(fleet: Fleet) -> None:
    with fleet.busy():
        assert fleet.verify().exit_code == 0


def test_healing_a_fleet_without_tenants_is_clean(public_only: Fleet) -> None:
    answer = public_only.verify("--fix", "--json")
    assert answer.exit_code == 0
    assert (answer.json["total_tenants"], answer.json["tenants"]) == (0, [])
    assert answer.json["fix"]["fixed"] == 0


def test_an_empty_database_is_told(public_only: Fleet) -> None:
    for schema in ("tenant_migrations_reference_tenant", "tenant_migrations_reference_public"):
        public_only.drop_schema(schema)
    public_only.sql("DROP SCHEMA public CASCADE")
    public_only.sql("CREATE SCHEMA public")
    answer = public_only.verify("--json")
    assert (answer.exit_code, answer.status("public")) == (1, "pending")
    assert answer.json["tenants"] == []


def test_traceback_is_for_those_who_ask(fleet: Fleet) -> None:
    answer = fleet.manage(VERIFY, "--traceback", "--tenant=nobody")
    assert answer.exit_code != 0
    assert "Traceback" in answer.stderr
