"""`health_check` on a healthy fleet: shapes, options, settings."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenant_migrations.models import Sample
from tests.health.answers import settings
from tests.support.answers import Answer
from tests.support.fleets import Fleet

ALWAYS = ["database", "cache", "migrations"]
FULL = [
    *ALWAYS,
    "tenant_migrations",
    "reference",
    "orphans",
    "quarantine",
    "monitoring",
    "connections",
    "locks",
    "storage",
    "email",
    "disk",
    "memory",
]


@pytest.fixture
def watched(fleet: Fleet) -> Fleet:
    """A fleet that was just verified, so that nothing is to be complained about."""
    Sample.objects.create(trigger="test", succeeded=True, whole_fleet=True, duration_seconds=0.1)
    return fleet


def checks(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = answer.json["checks"]
    return found


def test_text_of_a_healthy_database(fleet: Fleet) -> None:
    answer = fleet.command("health_check")

    assert answer.exit_code == 0
    assert answer.stderr == ""
    lines = answer.stdout.splitlines()
    assert re.fullmatch(r"healthy    database    PostgreSQL [\d.]+ answers", lines[0])
    assert lines[1:3] == [
        "healthy    cache       written and read back",
        "healthy    migrations  public is at the code",
    ]
    assert re.fullmatch(r"healthy: 3 healthy, 0 warning, 0 unhealthy; \d+\.\d s", lines[3])
    assert len(lines) == 4


def test_json_has_the_shape_that_programs_rely_on(watched: Fleet) -> None:
    answer = watched.command("health_check", "--full", "--json")

    assert answer.exit_code == 0, answer.stdout
    assert answer.json["status"] == "healthy"
    at = datetime.fromisoformat(answer.json["timestamp"])
    assert abs(timezone.now() - at) < timedelta(minutes=1)
    assert answer.json["duration_seconds"] > 0
    assert [*checks(answer)] == FULL
    for check in checks(answer).values():
        assert {*check} == {"status", "message", "details", "duration_seconds"}
        assert check["status"] == "healthy"
        assert check["duration_seconds"] >= 0
    tenants = checks(answer)["tenant_migrations"]
    assert tenants["message"] == "4 of 4 tenants ok"
    assert tenants["details"] == {
        "total_tenants": 4,
        "tenants_ok": 4,
        "tenants_with_issues": 0,
        "by_status": {"ok": 4},
        "structure_compared": True,
        "first_not_ok": [],
    }


def test_quiet_says_nothing_when_all_is_well(watched: Fleet) -> None:
    answer = watched.command("health_check", "--full", "--quiet")

    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "")


def test_quiet_says_only_what_is_not_well(fleet: Fleet) -> None:
    answer = fleet.command("health_check", "--full", "--quiet")

    assert answer.exit_code == 1
    assert answer.stdout == (
        "warning    monitoring  the fleet was never verified\n"
        "                       verify it now, and regularly by cron:"
        " manage.py verify_tenant_migrations\n"
    )


def test_it_writes_nothing(fleet: Fleet) -> None:
    before = fleet.dump_all()
    fleet.command("health_check", "--full")

    assert fleet.dump_all() == before


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "abc", "", "3601"])
def test_timeout_must_be_a_number_of_seconds(fleet: Fleet, value: str) -> None:
    answer = fleet.command("health_check", f"--timeout={value}", "--json")

    assert answer.exit_code == 2
    assert f"{value!r} is not a number of seconds above 0" in answer.error_line
    assert answer.json["status"] == "error"
    assert answer.json["checks"] == {}


def test_unknown_option_is_wrong_use(fleet: Fleet) -> None:
    answer = fleet.command("health_check", "--everything")

    assert answer.exit_code == 2
    assert answer.error_line == (
        "error: unrecognized arguments: --everything; see manage.py health_check --help"
    )


def test_checks_are_added_and_removed_in_the_settings(watched: Fleet) -> None:
    added = ["tests.health.adopter.PaymentGateway", "tests.health.adopter.AlmostFull"]
    with settings(HEALTH_CHECKS_ADD=added, HEALTH_CHECKS_REMOVE=["email", "redis"]):
        answer = watched.command("health_check", "--full", "--json")

    assert answer.exit_code == 1
    assert answer.json["status"] == "degraded"
    names = [name for name in FULL if name != "email"]
    assert [*checks(answer)] == [*names, "payment_gateway", "almost_full"]
    assert checks(answer)["payment_gateway"]["message"] == "OK"
    assert checks(answer)["almost_full"]["status"] == "warning"
    assert checks(answer)["almost_full"]["message"] == "the mailbox is almost full"


def test_an_instance_may_be_added(fleet: Fleet) -> None:
    with settings(HEALTH_CHECKS_ADD=["tests.health.adopter.gateway"]):
        answer = fleet.command("health_check", "--full", "--json")

    assert checks(answer)["payment_gateway"]["status"] == "healthy"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"HEALTH_CHECKS_ADD": ["tests.health.adopter.Absent"]}, "which can't be had"),
        ({"HEALTH_CHECKS_ADD": ["nowhere.Check"]}, "No module named 'nowhere'"),
        ({"HEALTH_CHECKS_ADD": ["tests.health.adopter.NOT_A_CHECK"]}, "which is no health_check"),
        ({"HEALTH_CHECKS_ADD": ["tests.health.adopter.Database"]}, "adds database a second time"),
        ({"HEALTH_CHECKS_REMOVE": ["e-mail"]}, "'e-mail', which is no check; known: backups,"),
        ({"HEALTH_DISK_PERCENT": 101}, "must be a percentage from 1 to 100"),
    ],
)
def test_faulty_settings_are_wrong_use(fleet: Fleet, options: dict[str, Any], reason: str) -> None:
    with settings(**options):
        answer = fleet.command("health_check", "--full")

    assert answer.exit_code == 2
    assert reason in answer.error_line


def test_colour_is_for_terminals_only(fleet: Fleet) -> None:
    assert "\x1b" not in fleet.command("health_check").stdout
