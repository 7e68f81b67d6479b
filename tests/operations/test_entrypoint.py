"""The container's entrypoint, run without a container, against a real PostgreSQL."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from tests.operations.test_monitor import triggers, wait_for
from tests.support.code import code_with
from tests.support.fleets import CHECKOUT, Fleet
from tests.support.receivers import free_port
from tests.support.servers import Database, Server

ENTRYPOINT = CHECKOUT / "deploy" / "docker" / "entrypoint.sh"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def entrypoint(fleet: Fleet, started: Callable[..., Any]) -> Start:
    """Start it on the fleet, with `echo ready` as the command."""

    def start(*command: str, **env: str) -> "subprocess.Popen[str]":
        command = command or ("echo", "ready")
        environment = fleet.environment(ALERT_URLS="", LOG_LEVEL="CRITICAL", **env)
        process: subprocess.Popen[str] = started(ENTRYPOINT, *command, env=environment)
        return process

    return start


@pytest.fixture
def empty(server: Server) -> Iterator[Database]:
    """A database in which nothing is."""
    database = server.database(f"empty_{os.getpid()}").create()
    yield database
    database.drop()


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, list[str]]:
    """Exit code, standard output, and the names of the events on standard error."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, re.findall(r"script=entrypoint.sh event=(\w+)", err)


WELL = ["waiting_for_database", "migrating", "migrated", "starting"]


def test_two_at_once_migrate_once(fleet: Fleet, entrypoint: Start) -> None:
    for name in ("alpha", "beta", "gamma"):
        fleet.take_back(name, "finance", "0020")
    both = [entrypoint(), entrypoint()]
    found = [ended(process) for process in both]
    for code, out, events in found:
        assert (code, out) == (0, "ready\n")
        assert [event for event in events if event != "waiting"] == WELL
    assert triggers(fleet) == ["monitor"]
    assert fleet.verify().exit_code == 0


def test_from_an_empty_database_to_a_demo_tenant(empty: Database, entrypoint: Start) -> None:
    process = entrypoint(DATABASE_URL=empty.url, CREATE_DEMO_TENANT="1", BASE_DOMAIN="shop.test")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "ready\n")
    assert re.findall(r"event=(\w+)", err) == [*WELL[:3], "demo_tenant", "starting"]
    assert "set-password" not in err
    with empty.connect() as raw:
        rows = raw.execute("SELECT schema_name FROM tenants_tenant").fetchall()
    assert rows == [("tenant_demo",)]


def test_a_database_that_comes_late_is_waited_for(fleet: Fleet, entrypoint: Start) -> None:
    name = sql.Identifier(fleet.database.name)
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    server = fleet.database.server
    server.run(allow.format(name, sql.SQL("false")))
    later = threading.Timer(2, server.run, [allow.format(name, sql.SQL("true"))])
    later.start()
    began = time.monotonic()
    assert ended(entrypoint(DATABASE_WAIT_SECONDS="60")) == (0, "ready\n", WELL)
    assert time.monotonic() - began > 2
    later.join()


def test_a_database_that_is_down_is_one_line_without_the_password(entrypoint: Start) -> None:
    url = f"postgres://zumodra:s3cret@127.0.0.1:{free_port()}/zumodra"
    process = entrypoint(DATABASE_URL=url, DATABASE_WAIT_SECONDS="1")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, "")
    assert re.findall(r"event=(\w+)", err) == ["waiting_for_database", "failed"]
    assert "no database: connection" in err
    assert "s3cret" not in err


def test_migrations_that_fail_start_it_anyway_or_not_where_they_are_required(
    fleet: Fleet, entrypoint: Start
) -> None:
    with code_with("finance", {"0099_broken": "RunSQL('SELECT 1/0')"}):
        code, out, events = ended(entrypoint())
        assert (code, out) == (0, "ready\n")
        assert events == [*WELL[:2], "not_migrated", "starting"]
        code, out, events = ended(entrypoint(MIGRATIONS_REQUIRED="1"))
        assert (code, out) == (1, "")
        assert events == [*WELL[:2], "failed"]


def test_help() -> None:
    done = subprocess.run([ENTRYPOINT, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: deploy/docker/entrypoint.sh COMMAND")


def test_skipping_needs_no_database_and_keeps_the_exit_code(entrypoint: Start) -> None:
    process = entrypoint("sh", "-c", "exit 7", SKIP_MIGRATIONS="1", DATABASE_URL="")
    assert ended(process) == (7, "", [])


@pytest.mark.parametrize(
    "env", [{"DATABASE_URL": ""}, {"DATABASE_URL": "mysql://x"}, {"DATABASE_WAIT_SECONDS": "soon"}]
)
def test_wrong_use_is_2(entrypoint: Start, env: dict[str, str]) -> None:
    code, out, events = ended(entrypoint(**env))
    assert (code, out, events[-1]) == (2, "", "failed")


def test_a_signal_while_it_waits_ends_it(entrypoint: Start) -> None:
    url = f"postgres://nobody@127.0.0.1:{free_port()}/none"
    process = entrypoint(DATABASE_URL=url)
    assert process.stderr
    process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    code, out, events = ended(process)
    assert (code, out) == (143, "")
    assert events[-1] == "ended"


def test_a_signal_reaches_the_command(entrypoint: Start, tmp_path: Path) -> None:
    mark = tmp_path / "runs"
    program = f"trap 'exit 42' TERM; touch '{mark}'; while :; do sleep 0.1; done"
    process = entrypoint("bash", "-c", program, SKIP_MIGRATIONS="1")
    wait_for(mark.exists)
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 42
