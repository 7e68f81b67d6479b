"""`health_check` with checks of the project's own, which may do anything."""

import threading
import time

from tests.health import adopter
from tests.health.answers import check, examined, full, settings
from tests.support.fleets import Fleet


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
        report = examined(0.5)

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
