"""Celery's beat, started: by the platform's schedule a worker looks after the fleet."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.operations.test_monitor import samples, triggers, wait_for
from tests.support.fleets import Fleet
from tests.support.queues import Broker, worker


def test_beat_has_a_worker_heal_the_fleet(
    fleet: Fleet,
    broker: Broker,
    started: Callable[..., "subprocess.Popen[str]"],
    tmp_path: Path,
) -> None:
    fleet.take_back("alpha", "finance", "0024")
    env = fleet.environment(
        CELERY_BROKER_URL=broker.url, MONITOR_EVERY_SECONDS="1", ALERT_URLS="", LOG_LEVEL="INFO"
    )
    beat = ["-m", "celery", "--app", "zumodra", "beat", f"--schedule={tmp_path}/beat", "--pidfile="]
    log = tmp_path / "worker.log"
    with worker(env, log, "--pool=solo"):
        started(sys.executable, *beat, env=env)
        wait_for(lambda: "monitor --once --quiet ended with exit code 0" in log.read_text())
    assert triggers(fleet) == ["monitor"]
    assert samples(fleet)[:2] == [("monitor", True), ("monitor", True)]
    assert fleet.verify().exit_code == 0
