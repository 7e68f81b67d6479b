"""Faults of the server under a run: it says so in one line, and leaves nothing half done."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.answers import Answer
from tests.support.runs import Run
from tests.support.servers import Database, OwnServer
from tests.torture.fleet import Forge, TortureFleet
from tests.torture.versions import version
from tests.torture.waiting import until

NAMES = ("clean", "first", "second", "third")
PASSWORD = "wr0ng-pa55"


@pytest.fixture(scope="module")
def own(run: Run) -> Iterator[OwnServer]:
    """A server that these tests may ill-treat."""
    own = OwnServer(run.folder / f"own{os.getpid()}")
    yield own
    own.remove()


@pytest.fixture(scope="module")
def own_template(
    own: OwnServer,
    forge: Forge,
    torture_template: TortureFleet,
    tmp_path_factory: pytest.TempPathFactory,
) -> TortureFleet:
    """The same fleet on that server: one tenant at the code, three behind."""
    database = own.server.database("template").create()
    with database.connect() as raw:
        raw.execute(torture_template.database.pg_dump("--inserts").encode(), prepare=False)
    fleet = TortureFleet(forge, database, tmp_path_factory.mktemp("own"))
    answer = fleet.verify()  # Builds the references where a dump writes them otherwise.
    assert answer.exit_code == 1, answer.stdout + answer.stderr
    return fleet


@pytest.fixture
def fleet(own: OwnServer, own_template: TortureFleet, tmp_path: Path) -> Iterator[TortureFleet]:
    """A fresh copy of it."""
    database = own.server.database("fleet").create(own_template.database)
    yield TortureFleet(own_template.forge, database, tmp_path)
    database.drop()


def everything(fleet: TortureFleet) -> list[str]:
    return [fleet.lasting(name) for name in NAMES]


def assert_one_clear_error(answer: Answer, reason: str) -> None:
    assert answer.exit_code == 3, answer.stdout + answer.stderr
    assert answer.json["status"] == "error"
    last = answer.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert reason in last
    assert "Traceback" not in answer.stderr


def assert_next_run_heals(fleet: TortureFleet) -> None:
    answer = fleet.heal()
    assert answer.exit_code == 0, answer.stdout + answer.stderr
    for name in ("first", "second", "third"):
        assert fleet.structure(name) == fleet.structure("clean")
        assert sorted(fleet.ledger(name)) == sorted(fleet.ledger("clean"))
    assert not fleet.advisory_locks()
    assert fleet.heal().json["fix"]["outcomes"] == []
    running = "SELECT count(*) FROM tenant_migrations_rollout WHERE state = 'running'"
    assert fleet.value(running) == 0


@contextlib.contextmanager
def crowd(fleet: TortureFleet, leaving: int = 0) -> Iterator[None]:
    """Others take all connections of the server but a few."""
    others: list[psycopg.Connection[Any]] = []
    with contextlib.suppress(psycopg.OperationalError):
        while True:
            others.append(fleet.connect())
    try:
        close(others, keeping=len(others) - leaving)
        yield
    finally:
        close(others, keeping=1)
        others[0].close()


def close(others: list[psycopg.Connection[Any]], keeping: int) -> None:
    """Close connections, and wait until the server has noticed."""
    while len(others) > keeping:
        others.pop().close()
    open_ones = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    until(lambda: others[0].execute(open_ones).fetchone() == (keeping,), "they are gone")


def test_a_standby(own: OwnServer, fleet: TortureFleet) -> None:
    own.stop()
    own.put("standby.signal", "")
    own.start()
    try:
        healed = [fleet.heal(), fleet.heal("--dry-run")]
        verified = fleet.verify()
    finally:
        own.stop()
        (own.data / "standby.signal").unlink()
        own.start()
    for answer in healed:
        assert_one_clear_error(answer, "the server is a standby")
    assert verified.exit_code == 1
    assert verified.statuses()["first"] == "pending"
    assert fleet.value("SELECT count(*) FROM tenant_migrations_rollout") == 0


@pytest.mark.parametrize(
    "setting", ["ALTER DATABASE {0} SET {1}", "ALTER ROLE zumodra IN DATABASE {0} SET {1}"]
)
def test_a_database_that_is_read_only(fleet: TortureFleet, setting: str) -> None:
    before = everything(fleet)
    option = "default_transaction_read_only = on"
    fleet.sql(setting.format(fleet.database.name, option))
    assert_one_clear_error(fleet.heal(), "the server is read-only for this role")
    assert everything(fleet) == before


def test_no_connection_left(fleet: TortureFleet) -> None:
    with crowd(fleet):
        answer = fleet.heal()
    assert_one_clear_error(answer, "sorry, too many clients already")
    assert_next_run_heals(fleet)


def test_too_few_connections_left(fleet: TortureFleet) -> None:
    with crowd(fleet, leaving=3):
        answer = fleet.heal()
    assert_one_clear_error(answer, "3 connections to be had (max_connections is 20), and a run")
    assert fleet.value("SELECT count(*) FROM tenant_migrations_rollout") == 0


@pytest.fixture
def ordinary(own: OwnServer, fleet: TortureFleet) -> Iterator[str]:
    """A role that may do what the owner of all may, but is no superuser."""
    fleet.sql("CREATE ROLE ordinary LOGIN IN ROLE zumodra")
    yield "ordinary"
    fleet.sql("DROP OWNED BY ordinary")
    fleet.sql("DROP ROLE ordinary")


def test_connections_that_run_out_meanwhile(fleet: TortureFleet, ordinary: str) -> None:
    before = fleet.lasting("third")
    with fleet.holding("LOCK TABLE first.stock_shelf IN ROW EXCLUSIVE MODE"):
        command = fleet.start_heal("--jobs=1", "--lock-timeout=60000", user=ordinary)
        backend = fleet.wait_until_blocked(command)
        fleet.sql(f"ALTER ROLE {ordinary} CONNECTION LIMIT 0")
        fleet.terminate(backend)
        answer = command.wait()
    assert answer.exit_code in (1, 3), answer.stdout + answer.stderr
    said = answer.stderr + str(answer.json.get("fix", {}).get("stopped"))
    assert 'too many connections for role "ordinary"' in said
    assert fleet.lasting("third") == before
    assert_next_run_heals(fleet)


@pytest.mark.parametrize("json", [True, False])
def test_a_wrong_password(own: OwnServer, fleet: TortureFleet, json: bool) -> None:
    access = (own.data / "pg_hba.conf").read_text()
    fleet.sql("CREATE ROLE locked LOGIN SUPERUSER PASSWORD 'r1ght-pa55'")
    own.put("pg_hba.conf", f"local all locked scram-sha-256\n{access}")
    fleet.sql("SELECT pg_reload_conf()")
    server = replace(own.server, user="locked", password=PASSWORD)
    other = TortureFleet(fleet.forge, Database(server, fleet.database.name), fleet.folder)
    try:
        words = ["--json"] if json else []
        answer = other.run("verify_tenant_migrations", "--fix", "--no-input", *words)
    finally:
        own.put("pg_hba.conf", access)
        fleet.sql("SELECT pg_reload_conf()")
        fleet.sql("DROP ROLE locked")
    assert answer.exit_code == 3
    assert answer.error_line.startswith("error: ")
    assert 'password authentication failed for user "locked"' in answer.error_line
    assert PASSWORD not in answer.stdout + answer.stderr
    assert (answer.json["status"] == "error") if json else (answer.stdout == "")


def test_a_server_that_crashes_and_comes_back(own: OwnServer, fleet: TortureFleet) -> None:
    before = fleet.lasting("first")
    # The session that kept the heal waiting goes down too.
    with (
        contextlib.suppress(psycopg.OperationalError),
        fleet.stopped_in("first", "--jobs=1") as (command, _),
    ):
        own.crash()
        own.start()
    answer = command.wait()
    assert_one_clear_error(answer, "")
    assert fleet.lasting("first") == before
    assert_next_run_heals(fleet)


@pytest.fixture
def small_disk(own: OwnServer, own_template: TortureFleet) -> Iterator[str]:
    """A tablespace of a few megabytes."""
    folder = own.folder / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("a small disk can't be mounted here: that takes root with CAP_SYS_ADMIN")
    try:
        owner = own.data.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
        folder.chmod(0o700)
        own_template.sql(f"CREATE TABLESPACE small LOCATION '{folder}'")
        yield "small"
        own_template.sql("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def stopped_by(fleet: TortureFleet, statement: str, sqlstate: str, reason: str) -> None:
    """A heal ends with the first tenant whose rows make a statement fail, and changes nobody."""
    assert fleet.heal().exit_code == 0
    fleet.version = version(
        fleet.folder, "stock", {"0005_large": f"migrations.RunSQL({statement!r})"}
    )
    before = everything(fleet)
    answer = fleet.heal("--jobs=1")
    assert answer.exit_code == 1, answer.stdout + answer.stderr
    outcomes = answer.json["fix"]["outcomes"]
    (failed,) = [outcome for outcome in outcomes if outcome["state"] == "failed"]
    assert (failed["sqlstate"], failed["attempts"]) == (sqlstate, 1)
    assert reason in failed["message"]
    assert failed["message"] in answer.json["fix"]["stopped"]
    others = {o["state"] for o in outcomes if o["schema_name"] in NAMES and o is not failed}
    assert others == {"not attempted"}
    assert everything(fleet) == before
    fleet.version = version(
        fleet.folder, "stock", {"0005_large": "migrations.RunSQL(migrations.RunSQL.noop)"}
    )
    assert fleet.heal().exit_code == 0


def test_a_full_disk(small_disk: str, own: OwnServer, own_template: TortureFleet) -> None:
    with copy_of(own, own_template) as fleet:
        stopped_by(
            fleet,
            f"CREATE TABLE stock_large TABLESPACE {small_disk} AS SELECT s.id, md5(g::text) FROM "
            "stock_shelf s, generate_series(1, 100000) g",
            "53100",
            "No space left on device",
        )


def test_a_limit_of_temporary_files(fleet: TortureFleet) -> None:
    fleet.sql(f"ALTER DATABASE {fleet.database.name} SET temp_file_limit = '128kB'")
    stopped_by(
        fleet,
        "SET LOCAL work_mem = '64kB';"
        " CREATE TABLE stock_large AS SELECT md5(g::text) FROM stock_shelf s,"
        " generate_series(1, 50000) g ORDER BY 1",
        "53400",
        "temporary file size exceeds",
    )


@contextlib.contextmanager
def copy_of(own: OwnServer, template: TortureFleet) -> Iterator[TortureFleet]:
    """A copy that is gone before what it depends on."""
    database = own.server.database("copy").create(template.database)
    try:
        yield TortureFleet(template.forge, database, template.folder)
    finally:
        database.drop()
