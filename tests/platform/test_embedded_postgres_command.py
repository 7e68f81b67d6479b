"""The management command, and the Django backend that starts the server on demand."""

import json
import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker

from zumodra.embedded_postgres import EmbeddedPostgres, database_settings
from zumodra.embedded_postgres.launcher import CHECKOUT


@pytest.fixture
def chosen(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> EmbeddedPostgres:
    """A throw-away server that commands use instead of the checkout's."""
    monkeypatch.setenv("EMBEDDED_POSTGRES_ROOT", str(server.data_root))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return server


def output_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command("embedded_postgres", *arguments)
    return capsys.readouterr().out.strip()


def test_start_status_url_stop(
    chosen: EmbeddedPostgres, capsys: pytest.CaptureFixture[str]
) -> None:
    assert output_of(capsys, "start").startswith("running")
    assert output_of(capsys, "start").startswith("running")
    assert output_of(capsys, "status").startswith("running")
    assert output_of(capsys, "url") == chosen.url()
    status = json.loads(output_of(capsys, "status", "--json"))
    assert status["running"] is True
    assert status["pid"] == chosen.status().pid
    assert output_of(capsys, "stop").startswith("stopped")
    assert output_of(capsys, "stop").startswith("stopped")
    assert not chosen.status().running


def test_status_of_a_stopped_server_exits_with_1(
    chosen: EmbeddedPostgres, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        call_command("embedded_postgres", "status", "--json")
    assert caught.value.code == 1
    assert json.loads(capsys.readouterr().out)["state"] == "stopped"


def test_json_goes_with_status_only(chosen: EmbeddedPostgres) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("embedded_postgres", "start", "--json")
    assert caught.value.returncode == 2
    assert not chosen.status().running


def test_what_could_not_be_done_exits_with_3(
    chosen: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    (chosen.placement.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(CommandError, match="made by PostgreSQL 12") as caught:
        call_command("embedded_postgres", "start")
    assert caught.value.returncode == 3


def test_check_does_not_start_the_server(chosen: EmbeddedPostgres) -> None:
    command = [sys.executable, "manage.py", "check"]
    subprocess.run(command, cwd=CHECKOUT, env=os.environ, check=True, capture_output=True)
    assert not chosen.status().running


def test_first_connection_starts_the_server(
    server: EmbeddedPostgres, django_db_blocker: DjangoDbBlocker
) -> None:
    assert _select_through_django(database_settings(server), django_db_blocker) == "zumodra"
    assert server.status().running


def test_server_that_cannot_start_is_an_operational_error(
    server: EmbeddedPostgres, django_db_blocker: DjangoDbBlocker
) -> None:
    (server.placement.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(OperationalError, match="made by PostgreSQL 12"):
        _select_through_django(database_settings(server), django_db_blocker)


def test_external_server_is_never_started(
    server: EmbeddedPostgres, django_db_blocker: DjangoDbBlocker
) -> None:
    settings = database_settings(server)
    del settings["EMBEDDED_POSTGRES_ROOT"]
    with pytest.raises(OperationalError, match="No such file"):
        _select_through_django(settings, django_db_blocker)
    assert not server.status().running


def _select_through_django(settings: dict[str, object], blocker: DjangoDbBlocker) -> str:
    settings = settings | {"ENGINE": "zumodra.embedded_postgres"}
    connection = ConnectionHandler({"default": settings})["default"]
    with blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        found = cursor.fetchone()[0]
    connection.close()
    return str(found)
