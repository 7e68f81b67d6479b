"""`health_check --alert`: what the fleet rests on, told by itself and over by itself."""

from collections.abc import Callable

import pytest

from tenant_migrations.models import Alert
from tests.observability.test_alerts import unreachable
from tests.support.answers import Answer
from tests.support.fleets import Fleet
from tests.support.receivers import Received, free_port

AlertTo = Callable[..., None]

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise imports it for mail on Python 3.11 and 3.12."""


def check(fleet: Fleet, *options: str) -> Answer:
    return fleet.command("health_check", "--quiet", "--alert", *options)


def test_a_check_is_told_once_and_over_when_it_is_no_longer_asked(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    """A run that makes fewer checks ends nothing."""
    alert_to([receiver.webhook], HEALTH_BACKUP_HOURS=26, HEALTH_CHECKS_REMOVE=["monitoring"])
    assert check(fleet, "--full").exit_code == 1
    told = receiver.only
    assert told["title"] == "[fleet] Health check backups: unhealthy"
    assert told["message"].splitlines() == [
        "Cause: no backups are recorded",
        "Hint: make one: manage.py backup_database; HEALTH_BACKUP_HOURS = 0 in the settings says "
        "that none is expected",
        "Type: manage.py health_check --full",
    ]
    assert told["type"] == "failure"
    receiver.bodies.clear()
    assert check(fleet, "--full").exit_code == 1
    assert check(fleet).exit_code == 0
    assert receiver.titles() == []
    alert_to([receiver.webhook], HEALTH_BACKUP_HOURS=0)
    assert check(fleet, "--full").exit_code == 0
    assert receiver.titles() == ["[fleet] Over: Health check backups: unhealthy"]


def test_the_fleet_and_its_health_are_told_apart(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    """What the monitor tells of tenants is not told twice; neither ends what the other told."""
    alert_to([receiver.webhook])
    fleet.drop_table("alpha", "finance_refund")
    check(fleet, "--full")
    assert receiver.titles() == ["[fleet] Health check monitoring: warning"]
    fleet.verify("--alert")
    assert receiver.titles() == ["[fleet] 1 tenant drifted (TM101)"]
    check(fleet, "--full")
    assert receiver.titles() == ["[fleet] Over: Health check monitoring: warning"]
    fleet.verify("--fix", "--alert", "--no-input")
    assert receiver.titles() == ["[fleet] Over: 1 tenant drifted (TM101)"]


def test_a_database_that_is_down_is_one_alert(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    """Not one for each check that asks it; what was open before stays open meanwhile."""
    alert_to([receiver.webhook])
    check(fleet, "--full")
    assert receiver.titles() == ["[fleet] Health check monitoring: warning"]
    with unreachable(fleet.database):
        for _ in range(3):
            assert check(fleet, "--full").exit_code == 1
    assert receiver.titles() == ["[fleet] Health check database: unhealthy"]
    check(fleet, "--full")
    assert receiver.titles() == ["[fleet] Over: Health check database: unhealthy"]
    assert Alert.objects.get(resolved_at=None).title == "Health check monitoring: warning"


def test_alerts_change_neither_answer_nor_exit_code(fleet: Fleet, alert_to: AlertTo) -> None:
    alert_to([f"json://user:s3cret-word@127.0.0.1:{free_port()}/hook"])
    answer = check(fleet, "--full")
    assert (answer.exit_code, answer.stdout.split()[:2]) == (1, ["warning", "monitoring"])
    assert answer.error_line.startswith("warning: alert not delivered to json://127.0.0.1:")
    assert check(fleet).exit_code == 0
    alert_to([])
    answer = check(fleet)
    assert (answer.exit_code, answer.stdout) == (0, "")
    assert answer.error_line.startswith("warning: --alert, but nobody is told")
    alert_to(["nope://s3cret"])
    answer = check(fleet)
    assert (answer.exit_code, "s3cret" in answer.stderr) == (2, False)
