"""Fixtures of unattended operation: scripts run as processes on a fleet of the tests."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.answers import Answer
from tests.support.fleets import CHECKOUT, Fleet
from tests.support.queues import Broker, start_broker

RunScript = Callable[..., Answer]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The folder of the scripts' logs."""
    return tmp_path / "log of scripts"


@pytest.fixture
def script(fleet: Fleet, logs: Path, tmp_path: Path) -> RunScript:
    """Run a script on the fleet, from another directory; `env` is added to its environment."""

    def run(name: str, *argv: str, **env: str) -> Answer:
        folders = {"LOG_DIR": str(logs), "LOCK_DIR": str(tmp_path), "ALERT_URLS": ""}
        environment = fleet.environment(**folders | env)
        finished = subprocess.run(
            [CHECKOUT / "scripts" / name, *argv],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Answer(finished.returncode, finished.stdout, finished.stderr)

    return run


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start processes that are gone, with all that they started, when the test is."""
    processes: list[subprocess.Popen[str]] = []

    def start(*command: str | Path, env: dict[str, str]) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = start_broker()
    yield made
    made.stop()
