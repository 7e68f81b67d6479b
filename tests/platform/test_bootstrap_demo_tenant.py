"""`bootstrap_demo_tenant`: data in every app, idempotent, resumable, never near other tenants."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.platform.databases import Database
from zumodra.tenants import demo
from zumodra.tenants.naming import DEMO_SCHEMA

TENANT_APPS = ("accounts", "ats", "finance", "hr_core")


def test_demo_company_has_data_in_every_table(demo_template: Database) -> None:
    tables = demo_template.query(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'tenant_demo'::regnamespace"
        " AND c.relkind = 'r' AND c.relname ~ %s",
        [f"^({'|'.join(TENANT_APPS)})_"],
    )
    empty = [
        table
        for (table,) in tables
        if not demo_template.query(f"SELECT 1 FROM tenant_demo.{table} LIMIT 1")
    ]
    # Nobody has been given a group, and no holiday is for some departments only.
    assert empty == ["accounts_profile_groups", "hr_core_holiday_departments"]


def test_no_demo_account_has_a_password(demo_template: Database) -> None:
    rows = demo_template.query("SELECT password FROM custom_account_u_user")
    assert all(password.startswith("!") for (password,) in rows)


def test_second_run_makes_nothing(demo_database: Database) -> None:
    before = demo_database.names
    result = demo_database.run("bootstrap_demo_tenant")
    assert (result.returncode, result.stderr) == (0, "")
    assert "1 demo tenants: 0 made, 1 there." in result.stdout
    assert demo_database.names == before


def test_more_tenants_are_added_beside_the_first(demo_database: Database) -> None:
    result = demo_database.run("bootstrap_demo_tenant", "--tenants=2")
    assert result.returncode == 0
    assert "made: 1 of 1" in result.stderr
    assert demo_database.names["tenants"] == ["tenant_demo", "tenant_demo_002"]
    assert demo_database.names["domains"] == ["demo-002.localhost", "demo.localhost"]


def test_several_are_made_at_a_time_and_an_interrupt_ends_with_whole_ones(
    demo_database: Database,
) -> None:
    command = ("bootstrap_demo_tenant", "--tenants=9", "--jobs=2")
    with stopped_midway(demo_database, *command) as process:
        process.send_signal(signal.SIGINT)
    _stdout, _stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    names = demo_database.names
    assert names["schemas"] == names["tenants"]
    assert 1 < len(names["tenants"]) <= 3
    statuses = demo_database.query("SELECT DISTINCT status FROM tenants_tenant")
    assert statuses == [("active",)]


def test_dry_run_writes_nothing(empty_database: Database) -> None:
    result = empty_database.run("bootstrap_demo_tenant", "--tenants=2", "--dry-run")
    assert result.returncode == 0
    assert "Would make tenant_demo_002 at demo-002.localhost." in result.stdout
    assert not empty_database.query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )


def test_reset_makes_the_same_data_again_and_keeps_other_tenants(demo_database: Database) -> None:
    demo_database.query(
        "INSERT INTO tenants_tenant SELECT (json_populate_record(t, json_build_object("
        "'id', 99, 'uuid', gen_random_uuid(), 'slug', 'x', 'is_demo', false,"
        " 'schema_name', 'tenant_demolition'))).* FROM tenants_tenant t"
    )
    demo_database.query("CREATE SCHEMA tenant_demolition")
    names = "SELECT full_name, uuid FROM tenant_demo.ats_candidate ORDER BY id"
    before = demo_database.query(names)
    demo_database.query("UPDATE tenant_demo.ats_candidate SET last_name = 'Changed'")
    result = demo_database.run("bootstrap_demo_tenant", "--reset")
    assert result.returncode == 0, result.stderr
    assert demo_database.query(names) == before
    assert demo_database.names["schemas"] == ["tenant_demo", "tenant_demolition"]
    assert demo_database.names["tenants"] == ["tenant_demo", "tenant_demolition"]


@pytest.mark.parametrize("arguments", [[], ["--reset"]])
def test_tenant_that_is_no_demo_is_left_alone(
    demo_database: Database, arguments: list[str]
) -> None:
    demo_database.query("UPDATE tenants_tenant SET is_demo = false")
    before = demo_database.names
    result = demo_database.run("bootstrap_demo_tenant", *arguments)
    assert result.returncode == 2
    assert "tenant_demo is no demo tenant" in result.stderr
    assert demo_database.names == before


def test_demo_that_lost_its_schema_is_named(demo_database: Database) -> None:
    demo_database.query("DROP SCHEMA tenant_demo CASCADE")
    result = demo_database.run("bootstrap_demo_tenant")
    assert result.returncode == 1
    assert "tenant_demo has a row but no schema; add --reset" in result.stderr


def test_interrupted_run_leaves_whole_tenants_only_and_is_resumed(demo_database: Database) -> None:
    command = ("bootstrap_demo_tenant", "--tenants=3", "--jobs=1")
    with stopped_midway(demo_database, *command) as process:
        process.send_signal(signal.SIGINT)
        _stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Run it again to go on" in stderr
    assert demo_database.names["schemas"] == demo_database.names["tenants"] == ["tenant_demo"]
    assert "2 made, 1 there" in demo_database.run("bootstrap_demo_tenant", "--tenants=3").stdout


@pytest.mark.parametrize(
    "argument",
    [
        "--tenants=0",
        "--tenants=-1",
        "--tenants=many",
        "--domain=localhost",
        "--domain=a b.c",
        "--x",
    ],
)
def test_wrong_use_is_answered_in_one_line(empty_database: Database, argument: str) -> None:
    result = empty_database.run("bootstrap_demo_tenant", argument)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1


def test_demo_names_are_those_that_reset_knows() -> None:
    for new in demo.demo_tenants(1200, "demo.localhost"):
        assert DEMO_SCHEMA.fullmatch(new.schema_name)


@contextmanager
def stopped_midway(database: Database, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """A command that makes a tenant and waits for a lock, with the schema's tables made."""
    with psycopg.connect(database.conninfo) as other:
        other.execute("LOCK TABLE custom_account_u_user IN ROW EXCLUSIVE MODE")
        process = database.start(*command)
        while process.poll() is None:
            if database.query(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock' AND query LIKE '%finance_invoice%'"
            ):
                break
        assert process.poll() is None, process.communicate()
        yield process
