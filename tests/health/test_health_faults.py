"""`health_check` when something is wrong, on a real server."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as project
from django.core.cache import caches
from django.test import override_settings
from django.utils import timezone

from tenant_migrations.models import Backup, Quarantine, Sample
from tests.health import adopter
from tests.support.answers import Answer
from tests.support.code import code_with
from tests.support.fleets import Fleet
from tests.torture.waiting import until
from zumodra.embedded_postgres import EmbeddedPostgres

VERIFY = "manage.py verify_tenant_migrations"
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


def full(fleet: Fleet, *argv: str) -> Answer:
    return fleet.command("health_check", "--full", "--json", *argv)


def check(answer: Answer, name: str) -> dict[str, Any]:
    found: dict[str, Any] = answer.json["checks"][name]
    return found


def settings(**options: Any) -> override_settings:
    return override_settings(TENANT_MIGRATIONS={**project.TENANT_MIGRATIONS, **options})


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
        answer = _examined(2)

        assert answer["duration_seconds"] < 5
        migrations = answer["checks"]["migrations"]
        assert migrations["message"] == "no answer within 2 s"
        assert answer["checks"]["database"]["status"] == "healthy"
        until(lambda: not fleet.waiting_for_lock(), "the server has ended what still waited")


def _examined(timeout: float) -> dict[str, Any]:
    from tenant_migrations.health.running import examine

    return examine(full=True, timeout=timeout).document()


# --- migrations


def test_pending_public(fleet: Fleet) -> None:
    fleet.forget_migration("public", "integrations", "0003_apicredential")
    answer = fleet.command("health_check", "--json")

    assert answer.exit_code == 1
    migrations = check(answer, "migrations")
    assert migrations["status"] == "unhealthy"
    assert migrations["message"] == (
        "public: 1 migration not applied: integrations.0003_apicredential"
    )
    assert migrations["details"] == {
        "pending_count": 1,
        "pending_migrations": ["integrations.0003_apicredential"],
        "hint": f"apply: {VERIFY} --fix",
    }


def test_pending_tenants_degrade(fleet: Fleet) -> None:
    for name in ("alpha", "gamma"):
        fleet.take_back(name, "finance", "0024_subscription_cancellation")
    tenants = check(full(fleet), "tenant_migrations")

    assert tenants["status"] == "warning"
    assert tenants["message"] == "2 of 4 tenants ok: alpha, gamma"
    details = tenants["details"]
    assert details["by_status"] == {"pending": 2, "ok": 2}
    assert (details["total_tenants"], details["tenants_with_issues"]) == (4, 2)
    assert details["hint"] == f"{VERIFY} --fix"
    assert details["first_not_ok"][0] == {
        "schema_name": "alpha",
        "status": "pending",
        "finding": "TM001",
        "message": "1 migration not applied: finance.0025_refund",
        "hint": f"apply: {VERIFY} --fix --tenant=alpha",
    }


def test_a_drifted_tenant_is_unhealthy(fleet: Fleet) -> None:
    fleet.drop_table("beta", "finance_refund")
    tenants = check(full(fleet), "tenant_migrations")

    assert tenants["status"] == "unhealthy"
    assert tenants["message"] == "3 of 4 tenants ok: beta"
    assert tenants["details"]["first_not_ok"][0]["status"] == "drifted"


def test_only_the_first_tenants_are_named(fleet: Fleet) -> None:
    for name in ("one", "two", "three"):
        fleet.add_tenant(name, schema=False)
    fleet.drop_schema("alpha")
    fleet.drop_schema("beta")
    fleet.drop_schema("gamma")
    tenants = check(full(fleet), "tenant_migrations")

    assert tenants["message"].startswith("1 of 7 tenants ok: alpha, beta, gamma, one, ")
    assert tenants["message"].endswith(" and 1 more")
    assert len(tenants["details"]["first_not_ok"]) == 5


def test_a_reference_behind_the_code(fleet: Fleet) -> None:
    with code_with("finance", {"0026_more": "AddField('plan', 'more', models.TextField(null=1))"}):
        answer = full(fleet)

    reference = check(answer, "reference")
    assert reference["status"] == "warning"
    assert reference["message"] == (
        "public lacks finance.0026_more; tenant lacks finance.0026_more"
    )
    assert reference["details"] == {
        "absent": [],
        "behind": {"public": ["finance.0026_more"], "tenant": ["finance.0026_more"]},
        "hint": f"build or bring it forward: {VERIFY}",
    }
    assert check(answer, "tenant_migrations")["details"]["by_status"] == {"pending": 4}


def test_no_reference(fleet: Fleet) -> None:
    fleet.drop_schema("tenant_migrations_reference_tenant")
    answer = full(fleet)

    assert check(answer, "reference")["message"] == "no usable reference for tenant"
    assert check(answer, "tenant_migrations")["status"] == "healthy"


def test_an_orphan(fleet: Fleet) -> None:
    fleet.remove_row("gamma")
    orphans = check(full(fleet), "orphans")

    assert orphans["status"] == "warning"
    assert orphans["message"] == "1 schema without a tenant: gamma"
    assert orphans["details"]["count"] == 1
    assert orphans["details"]["first"] == ["gamma"]


def test_a_quarantined_tenant(fleet: Fleet) -> None:
    Quarantine.objects.create(schema_name="delta", reason="password=hunter22 was not proven")
    quarantine = check(full(fleet), "quarantine")

    assert quarantine["status"] == "unhealthy"
    assert quarantine["message"] == "1 tenant left alone until released: delta"
    assert quarantine["details"] == {
        "count": 1,
        "first": [{"schema_name": "delta", "reason": "password=*** was not proven"}],
        "hint": f"look at it, then: {VERIFY} --fix --retry-quarantined",
    }


def test_names_can_not_move_the_cursor(fleet: Fleet) -> None:
    fleet.add_schema("a\x1b[2J")
    text = fleet.command("health_check", "--full").stdout

    assert "1 schema without a tenant: a\\x1b[2J" in text
    assert "\x1b" not in text


def test_public_without_the_apps_tables(fleet: Fleet) -> None:
    fleet.sql("DROP TABLE tenant_migrations_quarantine, tenant_migrations_sample CASCADE")
    answer = full(fleet)

    for name in ("quarantine", "monitoring"):
        assert check(answer, name)["status"] == "unhealthy"
        assert check(answer, name)["message"] == "public is not migrated yet"


# --- monitoring and backups


def _sample(minutes: int, **values: Any) -> None:
    sample = Sample.objects.create(
        **{
            "trigger": "monitor",
            "succeeded": True,
            "whole_fleet": True,
            "duration_seconds": 1.0,
            **values,
        }
    )
    Sample.objects.filter(pk=sample.pk).update(taken_at=timezone.now() - timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("minutes", "status", "ago"),
    [
        (0, "healthy", "less than a minute"),
        (59, "healthy", "59 minutes"),
        (61, "warning", "61 minutes"),
        (60 * 30, "warning", "30 hours"),
        (60 * 24 * 9, "warning", "9 days"),
    ],
)
def test_when_the_fleet_was_last_verified(
    fleet: Fleet, minutes: int, status: str, ago: str
) -> None:
    _sample(minutes)
    _sample(0, whole_fleet=False)
    monitoring = check(full(fleet), "monitoring")

    assert monitoring["status"] == status
    assert monitoring["message"] == f"the fleet was last verified {ago} ago"


def test_a_verification_that_failed(fleet: Fleet) -> None:
    _sample(5)
    _sample(0, succeeded=False, error="no connection to postgres://u:hunter22@db/z")
    monitoring = check(full(fleet), "monitoring")

    assert monitoring["status"] == "warning"
    assert monitoring["message"] == "the last check failed: no connection to postgres://***@db/z"


def test_backups_are_missed_where_they_are_expected(fleet: Fleet) -> None:
    with settings(HEALTH_BACKUP_HOURS=24):
        backups = check(full(fleet), "backups")

    assert (backups["status"], backups["message"]) == ("unhealthy", "no backups are recorded")


def test_backups_are_to_be_young_and_tried(fleet: Fleet) -> None:
    now = timezone.now()
    made = Backup.objects.create(
        name="newest",
        kind="database",
        tenants=4,
        size_bytes=1,
        data_bytes=1,
        duration_seconds=1,
        server_version=1,
        made_at=now - timedelta(hours=3),
    )
    Backup.objects.create(
        name="of one tenant",
        kind="tenants",
        tenants=1,
        size_bytes=1,
        data_bytes=1,
        duration_seconds=1,
        server_version=1,
        made_at=now,
        verified_at=now,
    )
    for hours, values, status, said in (
        (2, {}, "unhealthy", "the newest was made 3 hours ago, 2 hours are allowed"),
        (24, {}, "warning", "the newest was made 3 hours ago; restoring was last tried never"),
        (24, {"verified_at": now - timedelta(days=9)}, "warning", "9 days ago"),
        (24, {"verified_at": now}, "healthy", "restoring was last tried less than a minute ago"),
        (24, {"verify_error": "it broke"}, "unhealthy", "the newest can't be restored: it broke"),
    ):
        Backup.objects.filter(pk=made.pk).update(**values)
        with settings(HEALTH_BACKUP_HOURS=hours):
            backups = check(full(fleet), "backups")
        assert (backups["status"], said in backups["message"]) == (status, True), backups


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


# --- checks of the project's own


def test_a_check_of_the_projects_own_may_do_anything(fleet: Fleet) -> None:
    added = [f"tests.health.adopter.{name}" for name in ("Down", "Broken", "Leaving")]
    with settings(HEALTH_CHECKS_ADD=added):
        answer = full(fleet)

    assert answer.exit_code == 1
    assert check(answer, "down")["message"] == "no answer from redis://***@cache.example.com/0"
    assert check(answer, "broken")["message"] == "the check itself failed: ValueError"
    assert check(answer, "leaving")["message"] == "the check itself failed: SystemExit"
    assert "hunter22" not in answer.stdout + answer.stderr


def test_a_check_that_hangs_does_not_delay_the_answer(fleet: Fleet) -> None:
    adopter.let_go.clear()
    with settings(HEALTH_CHECKS_ADD=["tests.health.adopter.Held"]):
        report = _examined(0.5)

    assert 0.5 <= report["duration_seconds"] < 5
    held = report["checks"]["held"]
    assert held["status"] == "unhealthy"
    assert held["message"] == "no answer within 0.5 s"
    assert held["duration_seconds"] == 0.5
    adopter.let_go.set()
    for thread in threading.enumerate():
        if thread.name.startswith("health-"):
            thread.join()


def test_checks_that_hang_do_not_keep_the_process(fleet: Fleet) -> None:
    started = time.monotonic()
    answer = fleet.manage(
        "health_check",
        "--full",
        "--json",
        "--timeout=5",
        DJANGO_SETTINGS_MODULE="tests.health.adopter_settings",
    )

    assert time.monotonic() - started < 60
    assert answer.exit_code == 1
    assert answer.json["duration_seconds"] < 10
    for name in ("sleeping", "sleeping_in_pool"):
        assert check(answer, name)["message"] == "no answer within 5 s"
    assert check(answer, "database")["status"] == "healthy"
