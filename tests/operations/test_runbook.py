"""The runbook, followed: each case gets its symptom, its lines are typed, and it ends well."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings
from psycopg import sql

from tests.docs.documents import CHECKOUT, FENCE, headings
from tests.support.answers import Answer
from tests.support.code import code_with
from tests.support.fleets import Fleet
from tests.support.templates import django_on

RUNBOOK = CHECKOUT / "docs" / "runbooks" / "tenant-migration-troubleshooting.md"
NO_CASES = ["First, in five minutes", "Severities", "Rollback criteria"]
TEXT = RUNBOOK.read_text()


class Case:
    """One section of the page: its lines by the bold word that they stand under."""

    def __init__(self, title: str, fleet: Fleet) -> None:
        self.fleet = fleet
        self.database = fleet.database
        section = TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]
        parts = section.split("\n**")
        self.parts = {part.split("**")[0].split(".")[0]: part for part in parts[1:]}

    def follow(self, part: str) -> Answer:
        """Type the lines of a part; the answer to the last of them."""
        answer = None
        for language, block in FENCE.findall(self.parts[part]):
            for line in block.splitlines() if language == "console" else ():
                name, *argv = shlex.split(line.removeprefix("$ python manage.py "))
                answer = self.fleet.command(name, *argv)
            if language == "sql":
                with self.database.connect() as raw:
                    assert raw.execute(block).fetchall()
        assert answer is not None, part
        return answer


Scenario = Callable[[Fleet, Case, Path], None]
SCENARIOS: dict[str, Scenario] = {}


def scenario(title: str) -> Callable[[Scenario], Scenario]:
    def note(function: Scenario) -> Scenario:
        SCENARIOS[title] = function
        return function

    return note


def followed(case: Case, shown: str) -> None:
    """Diagnosis shows the symptom, the fix is made, and it is over."""
    diagnosis = case.follow("Diagnosis")
    assert diagnosis.exit_code == 1, diagnosis.stdout + diagnosis.stderr
    assert shown in diagnosis.stdout
    ends_well(case)


def ends_well(case: Case) -> None:
    case.follow("Fix")
    over = case.follow("Over when")
    assert over.exit_code == 0, over.stdout + over.stderr


@scenario("Tables are missing")
def _(fleet: Fleet, case: Case, tmp_path: Path) -> None:
    fleet.drop_table("acme", "hr_core_timeoffbalance")
    followed(case, "TM101")


@scenario("Partly applied")
def _(fleet: Fleet, case: Case, tmp_path: Path) -> None:
    fleet.forget_migration("acme", "finance", "0025_refund")
    followed(case, "TM007")


@scenario("Hanging on a lock")
def _(fleet: Fleet, case: Case, tmp_path: Path) -> None:
    fleet.take_back("acme", "finance", "0024")
    idle = fleet.connect(autocommit=False)
    idle.execute("LOCK TABLE acme.django_migrations IN SHARE MODE")
    diagnosis = case.follow("Diagnosis")
    assert (diagnosis.exit_code, "55P03" in diagnosis.stdout) == (1, True)
    fleet.sql("SELECT pg_terminate_backend(%s, 10000)", idle.info.backend_pid)
    idle.close()
    ends_well(case)


@scenario("Auto-fix is failing")
def _(fleet: Fleet, case: Case, tmp_path: Path) -> None:
    operation = "AddConstraint('invoice', models.UniqueConstraint('bill_to', name='once'))"
    with code_with("finance", {"0099_once": operation}):
        fleet.remove_others(keep=["acme"])
        assert fleet.verify("--fix", "--no-input").exit_code == 1
        followed_by_hand(fleet, case, "UPDATE finance_invoice SET bill_to = number", "23505")


def followed_by_hand(fleet: Fleet, case: Case, statement: str, shown: str) -> None:
    """The fix begins with a statement that somebody types after thinking."""
    diagnosis = case.follow("Diagnosis")
    assert (diagnosis.exit_code, shown in diagnosis.stdout) == (1, True), diagnosis.stdout
    fleet.sql(statement, schema="acme")
    ends_well(case)


@scenario("A new tenant is not migrated")
def _(fleet: Fleet, case: Case, tmp_path: Path) -> None:
    fleet.sql("DROP SCHEMA acme CASCADE")
    fleet.sql("CREATE SCHEMA acme")
    followed(case, "TM")


@scenario("A tenant has drifted")
def _(fleet: Fleet, case: Case, tmp_path: Path) -> None:
    fleet.invalidate_index("acme", "profile_last_seen_idx")
    followed(case, "TM131")


@scenario("Ahead after a code rollback")
def _(fleet: Fleet, case: Case, tmp_path: Path) -> None:
    fleet.remove_others(keep=["acme"])
    newer = {"0099_newer": "AddField('invoice', 'newer', models.TextField(null=True))"}
    with code_with("finance", newer):
        assert fleet.verify("--fix", "--no-input").exit_code == 0
    diagnosis = case.follow("Diagnosis")
    assert diagnosis.exit_code == 1
    assert "TM002" in diagnosis.stdout
    assert "TM302" in diagnosis.stdout
    assert fleet.command("monitor", "--once", "--json").json["fix"] is None
    with code_with("finance", newer):
        assert case.follow("Over when").exit_code == 0


@scenario("In quarantine")
def _(fleet: Fleet, case: Case, tmp_path: Path) -> None:
    fleet.take_back("acme", "finance", "0024")
    fleet.sql(
        "INSERT INTO tenant_migrations_quarantine (schema_name, reason, since)"
        " VALUES ('acme', 'a step could not be proven', now())"
    )
    followed(case, "TM016")


@scenario("The backup is failing")
def _(fleet: Fleet, case: Case, tmp_path: Path) -> None:
    with backups_in(tmp_path / "backups"):
        (tmp_path / "backups").write_text("in the way")
        assert case.follow("Diagnosis").exit_code in (2, 3)
        (tmp_path / "backups").unlink()
        (tmp_path / "backups").mkdir(mode=0o700)
        fleet.remove_others(keep=["acme"])
        ends_well(case)
        assert "verified" in case.follow("Over when").stdout


def backups_in(folder: Path) -> AbstractContextManager[Any]:
    options = {**settings.TENANT_MIGRATIONS, "BACKUP_DIR": str(folder)}
    return override_settings(TENANT_MIGRATIONS=options)


@scenario("The disk is full")
def _(fleet: Fleet, case: Case, tmp_path: Path) -> None:
    """PostgreSQL's error for it, raised by a migration for as long as the database says so."""
    full = """RunSQL('''DO $$ BEGIN IF current_setting('app.disk', true) = 'full' THEN
        RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END IF; END $$''')"""
    fleet.remove_others(keep=["acme"])
    with code_with("finance", {"0099_full": full}):
        assert fleet.verify("--fix", "--no-input").exit_code == 0
        fleet.forget_migration("acme", "finance", "0099_full")
        fleet.sql(f"ALTER DATABASE {fleet.database.name} SET app.disk = 'full'")
        reconnect()
        diagnosis = case.follow("Diagnosis")
        assert (diagnosis.exit_code, "53100" in diagnosis.stdout) == (1, True), diagnosis.stdout
        fleet.sql(f"ALTER DATABASE {fleet.database.name} RESET app.disk")
        reconnect()
        ends_well(case)


@scenario("Too many connections")
def _(fleet: Fleet, case: Case, tmp_path: Path) -> None:
    with limited_role(fleet, most=4):
        idle = [fleet.connect() for _ in range(4)]
        diagnosis = case.follow("Diagnosis")
        assert diagnosis.exit_code == 1
        assert "too many connections" in diagnosis.stdout
        for connection in idle:
            connection.close()
        assert case.follow("Over when").exit_code == 0


@contextmanager
def limited_role(fleet: Fleet, most: int) -> Iterator[None]:
    """Let everybody, this process's Django too, come as a role with a limit."""
    name = f"{fleet.database.name}_few"
    role = sql.Identifier(name)
    run = fleet.database.server.run
    run(sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT {}").format(role, sql.Literal(most)))
    run(sql.SQL("GRANT pg_read_all_data TO {}").format(role))
    before, fleet.database = fleet.database, replace(fleet.database, user=name)
    try:
        with django_on(fleet.database):
            yield
    finally:
        fleet.database = before
        run(sql.SQL("DROP ROLE {}").format(role))


def reconnect() -> None:
    """Settings of a database come with the next connection."""
    connections.close_all()


def test_every_case_has_a_scenario() -> None:
    titles = [title for title in headings(RUNBOOK)[1:] if title not in NO_CASES]
    assert titles == [*SCENARIOS]


@pytest.mark.parametrize("title", SCENARIOS)
def test_a_case_is_followed_and_ends_well(title: str, fleet: Fleet, tmp_path: Path) -> None:
    fleet.add_tenant("acme")
    SCENARIOS[title](fleet, Case(title, fleet), tmp_path)
