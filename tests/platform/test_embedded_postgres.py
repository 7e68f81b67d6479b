"""Life of the embedded server: start, stop, find again, crash and start again."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dj_database_url
import psycopg
import pytest

from zumodra.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, database_settings
from zumodra.embedded_postgres.launcher import CHECKOUT

MakeServer = Callable[..., EmbeddedPostgres]
Query = Callable[..., list[tuple[object, ...]]]

START = """
import sys
from pathlib import Path
from zumodra.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off", "shared_buffers": "16MB"})
server.ensure_running()
print(server.status().pid)
"""


def start_elsewhere(folder: Path) -> subprocess.Popen[str]:
    """Start the server of `folder` from another process."""
    command = [sys.executable, "-c", START, str(folder)]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)


def postmaster_of(server: EmbeddedPostgres) -> int:
    pid = server.status().pid
    assert pid
    return pid


def crash(server: EmbeddedPostgres) -> int:
    """Kill the postmaster and wait until it is dead; returns its process id."""
    pid = postmaster_of(server)
    watch = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([watch], [], [], 30)
    os.close(watch)
    return pid


def test_first_start_makes_role_database_and_settings(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    try:
        server.ensure_running()
        with psycopg.connect(server.url()) as connection:
            facts = connection.execute(
                "SELECT current_user, current_database(), getdatabaseencoding(), rolsuper,"
                " current_setting('max_connections'), current_setting('shared_buffers'),"
                " current_setting('max_locks_per_transaction'),"
                " current_setting('listen_addresses'), current_setting('fsync')"
                " FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
        assert facts == ("zumodra", "zumodra", "UTF8", True, "100", "256MB", "512", "", "on")
    finally:
        server.remove()


def test_start_and_stop_are_idempotent(server: EmbeddedPostgres, query: Query) -> None:
    server.start()
    pid = postmaster_of(server)
    server.start()
    assert postmaster_of(server) == pid
    query(server, "CREATE TABLE kept (n int)")
    server.stop()
    server.stop()
    assert server.status().state == "stopped"
    server.start()
    assert query(server, "SELECT count(*) FROM kept") == [(0,)]


def test_looking_creates_nothing(open_folder: Path, make_server: MakeServer) -> None:
    server = make_server(open_folder / "pg")
    assert not server.status().running
    assert database_settings(server)["HOST"] == str(open_folder / "pg")
    assert server.url()
    server.stop()
    assert list(open_folder.iterdir()) == []


def test_server_outlives_its_starter_and_is_found_again(
    folder: Path, server: EmbeddedPostgres
) -> None:
    output, _ = start_elsewhere(folder).communicate()
    assert server.status().running
    assert postmaster_of(server) == int(output)


def test_concurrent_first_starts_make_one_server(
    folder: Path, new_server: EmbeddedPostgres
) -> None:
    processes = [start_elsewhere(folder) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: new_server.ensure_running(), range(3)))
    pids = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert pids == {str(postmaster_of(new_server))}
    assert new_server.placement.log.read_text().count("starting PostgreSQL") == 1


def test_start_after_the_postmaster_was_killed(server: EmbeddedPostgres, query: Query) -> None:
    server.start()
    query(server, "CREATE TABLE kept AS SELECT 7 AS n")
    query(server, "CHECKPOINT")
    killed = crash(server)
    assert (server.placement.data / "postmaster.pid").exists()
    assert not server.status().running
    server.ensure_running()
    assert postmaster_of(server) != killed
    assert query(server, "SELECT n FROM kept") == [(7,)]


def test_stale_pid_that_is_now_another_process(server: EmbeddedPostgres, query: Query) -> None:
    server.start()
    crash(server)
    with subprocess.Popen(["sleep", "600"], **server.placement.account.process_options()) as other:
        for stale in (
            server.placement.data / "postmaster.pid",
            server.socket_dir / ".s.PGSQL.5432.lock",
        ):
            lines = stale.read_text().splitlines()
            stale.write_text("\n".join([str(other.pid), *lines[1:], ""]))
        assert not server.status().running
        server.stop()
        server.ensure_running()
        assert query(server, "SELECT 1") == [(1,)]
        assert other.poll() is None
        other.kill()


def test_first_start_that_was_killed_is_done_again(
    folder: Path, new_server: EmbeddedPostgres, query: Query
) -> None:
    starter = start_elsewhere(folder)
    while not (folder / "data.partial").exists():
        assert starter.poll() is None
    starter.kill()
    starter.communicate()
    assert not new_server.placement.data.exists()
    new_server.ensure_running()
    assert query(new_server, "SELECT current_database()") == [("zumodra",)]
    assert not (folder / "data.partial").exists()


def test_stop_ends_open_sessions(server: EmbeddedPostgres) -> None:
    server.start()
    with psycopg.connect(server.url()) as session:
        session.execute("CREATE TABLE uncommitted (n int)")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")


def test_starts_and_stops_at_once_leave_a_clear_state(server: EmbeddedPostgres) -> None:
    server.start()
    both = [threading.Thread(target=act) for act in (server.stop, server.start) * 3]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert server.status().state in ("running", "stopped")
    server.start()
    assert server.status().running


def test_url_is_a_database_url(open_folder: Path, make_server: MakeServer) -> None:
    server = make_server(open_folder / "a b%c")
    parsed = dj_database_url.parse(server.url())
    assert (parsed["HOST"], parsed["NAME"], parsed["USER"], parsed["PORT"]) == (
        str(server.socket_dir),
        "zumodra",
        "zumodra",
        5432,
    )


def test_refused_start_is_one_line_with_cause_and_log(
    folder: Path, make_server: MakeServer
) -> None:
    server = make_server(folder, settings={"no_such_setting": "1"})
    with pytest.raises(EmbeddedPostgresError) as caught:
        server.start()
    message = str(caught.value)
    assert "no_such_setting" in message
    assert str(server.placement.log) in message
    assert "\n" not in message


def test_data_of_another_version_is_refused(folder: Path, make_server: MakeServer) -> None:
    server = make_server(folder)
    server.placement.data.mkdir()
    (server.placement.data / "PG_VERSION").write_text("12\n")
    os.chown(folder, server.placement.account.uid, server.placement.account.gid)
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 12"):
        server.start()
