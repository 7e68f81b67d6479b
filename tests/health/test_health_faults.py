"""`health_check` when the server, the machine or a service is not well, on a real server."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.cache import caches
from django.test import override_settings

from tests.health.answers import check, examined, full, settings
from tests.support.fleets import Fleet
from tests.torture.waiting import until
from zumodra.embedded_postgres import EmbeddedPostgres

DATABASE_CHECKS = (
    "database",
    "migrations",
    "tenant_migrations",
    "reference",
    "orphans",
    "quarantine",
    "monitoring",
    "connections",
    "locks",
)


# --- the database


def test_no_database(fleet: Fleet) -> None:
    url = "postgres://zumodra:hunter22@127.0.0.1:1/zumodra"
    answer = fleet.manage("health_check", "--full", "--json", DATABASE_URL=url)

    assert answer.exit_code == 1
    assert answer.json["status"] == "unhealthy"
    assert answer.stderr == ""
    assert "hunter22" not in answer.stdout
    for name in DATABASE_CHECKS:
        assert check(answer, name)["status"] == "unhealthy"
        assert "Connection refused" in check(answer, name)["message"]
        assert check(answer, name)["details"]["hint"].endswith("manage.py dbshell")
    for name in ("cache", "disk", "memory"):
        assert check(answer, name)["status"] == "healthy"


@pytest.fixture
def small_server(tmp_path_factory: pytest.TempPathFactory, run: Any) -> Iterator[EmbeddedPostgres]:
    """A server with eight connections, all its own."""
    folder = Path(run.folder, "small")
    folder.mkdir(mode=0o755)
    small = EmbeddedPostgres(
        folder, settings={"max_connections": "8", "fsync": "off", "shared_buffers": "16MB"}
    )
    small.start()
    yield small
    small.remove()


def test_connections_used_up(fleet: Fleet, small_server: EmbeddedPostgres) -> None:
    url = small_server.url()
    with ExitStack() as taken:
        for _ in range(8):
            taken.enter_context(psycopg.connect(url))
        answer = fleet.manage("health_check", "--full", "--json", DATABASE_URL=url)

        assert answer.exit_code == 1
        assert "too many clients already" in check(answer, "database")["message"]
        assert check(answer, "connections")["status"] == "unhealthy"


def test_connections_near_the_limit(fleet: Fleet) -> None:
    with settings(HEALTH_CONNECTIONS_PERCENT=1):
        connections = check(full(fleet), "connections")

    assert connections["status"] == "warning"
    used, available = connections["details"]["used"], connections["details"]["available"]
    assert connections["message"].startswith(f"{used} of {available} in use (")
    assert "raise max_connections" in connections["details"]["hint"]


def test_a_locked_ledger_costs_no_more_than_the_timeout(fleet: Fleet) -> None:
    with fleet.connect(autocommit=False) as locking:
        locking.execute("LOCK TABLE public.django_migrations IN ACCESS EXCLUSIVE MODE")
        answer = examined(2)

        assert answer["duration_seconds"] < 5
        migrations = answer["checks"]["migrations"]
        assert migrations["message"] == "no answer within 2 s"
        assert answer["checks"]["database"]["status"] == "healthy"
        until(lambda: not fleet.waiting_for_lock(), "the server has ended what still waited")


# --- the machine and the services


def test_disk_and_memory_warn_from_their_thresholds(fleet: Fleet) -> None:
    with settings(HEALTH_DISK_PERCENT=1, HEALTH_MEMORY_PERCENT=1):
        answer = full(fleet)

    assert check(answer, "disk")["status"] == "warning"
    assert "% full" in check(answer, "disk")["message"]
    assert check(answer, "memory")["status"] == "warning"


def test_too_few_locks_for_the_fleet(fleet: Fleet) -> None:
    locks = check(full(fleet), "locks")["details"]

    assert locks["room"] >= locks["dump_fleet"] > locks["drop_largest"] > 0


def test_a_cache_that_does_not_keep_what_it_is_given(fleet: Fleet, tmp_path: Path) -> None:
    broken = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        "files": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(tmp_path / "file" / "cache"),
        },
        "none": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
    }
    (tmp_path / "file").write_text("in the way of the folder")
    with override_settings(CACHES=broken):
        answer = fleet.command("health_check", "--json")
    caches.close_all()

    cache = check(answer, "cache")
    assert cache["status"] == "unhealthy"
    assert "Not a directory" in cache["message"]


def test_storage_is_written_and_nothing_is_left(fleet: Fleet, tmp_path: Path) -> None:
    with override_settings(MEDIA_ROOT=str(tmp_path)):
        storage = check(full(fleet), "storage")

    assert storage["status"] == "healthy"
    assert storage["message"] == "a file was written, read back and deleted"
    assert list(tmp_path.iterdir()) == []


def test_storage_that_can_not_be_written(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "media").write_text("in the way of the folder")
    with override_settings(MEDIA_ROOT=str(tmp_path / "media")):
        storage = check(full(fleet), "storage")

    assert storage["status"] == "unhealthy"
    assert "in the way" not in storage["message"]


def test_a_mail_server_that_does_not_answer(fleet: Fleet) -> None:
    smtp = "django.core.mail.backends.smtp.EmailBackend"
    with override_settings(EMAIL_BACKEND=smtp, EMAIL_HOST="127.0.0.1", EMAIL_PORT=1):
        email = check(full(fleet), "email")

    assert (email["status"], email["message"]) == ("unhealthy", "Connection refused error")
