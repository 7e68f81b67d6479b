"""The monitor: verifies, heals where that helps, leaves the rest, and never meets itself."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tenant_migrations import locks
from tests.support.code import code_at
from tests.support.fleets import CHECKOUT, Fleet


@contextmanager
def another_monitor(fleet: Fleet) -> Iterator[None]:
    """Hold the monitor's lock on another connection."""
    with fleet.connect() as raw:
        key = locks.second_key("monitor")
        raw.execute("SELECT pg_advisory_lock(%s, %s)", (locks.MONITOR, key))
        yield


def triggers(fleet: Fleet) -> list[str]:
    rows = fleet.rows("SELECT trigger FROM tenant_migrations_rollout ORDER BY id")
    return [trigger for (trigger,) in rows]


def samples(fleet: Fleet) -> list[tuple[str, bool]]:
    """Trigger and success of the checks on record, oldest first."""
    return [
        (trigger, succeeded)
        for trigger, succeeded in fleet.rows(
            "SELECT trigger, succeeded FROM tenant_migrations_sample ORDER BY id"
        )
    ]


def test_a_fleet_that_is_well_is_looked_at_and_left_alone(fleet: Fleet) -> None:
    answer = fleet.command("monitor", "--once", "--quiet")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "")
    assert samples(fleet) == [("monitor", True)]
    assert triggers(fleet) == []


def test_what_can_be_healed_is_healed(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0024")
    fleet.drop_table("beta", "hr_core_timeoffbalance")
    answer = fleet.command("monitor", "--once", "--json")
    assert answer.exit_code == 0
    assert answer.json["status"] == "ok"
    assert answer.json["fix"]["fixed"] == 2
    assert triggers(fleet) == ["monitor"]
    assert samples(fleet) == [("monitor", True), ("monitor", True)]
    answer = fleet.command("monitor", "--once", "--json")
    assert (answer.exit_code, answer.json["fix"]) == (0, None)


def test_what_only_a_person_can_mend_gets_no_rollout(fleet: Fleet) -> None:
    fleet.fake_migration("alpha", "finance", "0099_from_the_future")
    answer = fleet.command("monitor", "--once", "--json")
    assert (answer.exit_code, answer.json["fix"]) == (1, None)
    assert answer.status("alpha") == "ahead"
    assert triggers(fleet) == []


def test_no_heal_changes_nothing(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0024")
    answer = fleet.command("monitor", "--once", "--no-heal", "--json")
    assert answer.exit_code == 1
    assert answer.status("alpha") == "pending"
    assert triggers(fleet) == []


def test_code_older_than_the_newest_recorded_heals_nothing(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0023")
    with code_at("finance", "0024_subscription_cancellation"):
        answer = fleet.command("monitor", "--once", "--json")
    assert (answer.exit_code, answer.json["fix"]) == (1, None)
    assert [finding["id"] for finding in answer.json["findings"]] == ["TM302"]
    assert ("finance", "0024_subscription_cancellation") not in fleet.ledger("alpha")


def test_it_never_meets_itself_or_another_run(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0024")
    with another_monitor(fleet):
        answer = fleet.command("monitor", "--once")
    assert (answer.exit_code, answer.stdout) == (75, "")
    assert answer.error_line.startswith("error: another monitor is looking at this fleet")
    with fleet.busy():
        answer = fleet.command("monitor", "--once")
    assert (answer.exit_code, answer.stdout) == (75, "")
    assert fleet.verify("--json").status("alpha") == "pending"


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("--once", "--every=15m"),
        ("--every=0m",),
        ("--every=15",),
        ("--every=25h",),
        ("--every=-1m",),
        ("--every=15m", "--json"),
        ("--once", "--max-failures=x"),
        ("--once", "--log-file=/nowhere/there/monitor.log"),
        ("--once", "--log-file=/"),
    ],
)
def test_wrong_use_is_one_line_and_2(public_only: Fleet, argv: tuple[str, ...]) -> None:
    answer = public_only.command("monitor", *argv)
    assert answer.exit_code == 2
    assert answer.error_line.startswith("error: ")
    assert samples(public_only) == []


def test_every_looks_again_through_a_failure_until_it_is_ended(
    fleet: Fleet, tmp_path: Path
) -> None:
    """One process: heals, survives the loss of all connections, heals again, and is ended by a
    signal in the middle of a heal, which it brings to its end."""
    fleet.remove_others(keep=["alpha"])
    fleet.take_back("alpha", "finance", "0024")
    log = tmp_path / "monitor.log"
    monitor = subprocess.Popen(
        [sys.executable, "manage.py", "monitor", "--every=1s", f"--log-file={log}", "--quiet"],
        cwd=CHECKOUT,
        env=fleet.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: _count(log, "event=monitor_healed") == 1)
        with fleet.connect() as raw:
            raw.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        fleet.take_back("alpha", "finance", "0024")
        wait_for(lambda: _count(log, "event=monitor_healed") == 2)
        with fleet.connect(autocommit=False) as reader:
            reader.execute("LOCK TABLE alpha.django_migrations IN SHARE MODE")
            fleet.drop_table("alpha", "hr_core_timeoffbalance")
            wait_for(fleet.waiting_for_lock)
            monitor.send_signal(signal.SIGTERM)
            reader.rollback()
        out, _ = monitor.communicate(timeout=30)
    finally:
        monitor.kill()
        monitor.wait()
    assert monitor.returncode == 0
    assert "rollout 1: 1 fixed" in out
    assert fleet.verify().exit_code == 0
    lines = log.read_text().splitlines()
    assert all(line.startswith("time=20") and " event=" in line for line in lines)


def wait_for(condition: object, seconds: float = 60) -> None:
    """Wait until a condition holds."""
    assert callable(condition)
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.05)


def _count(path: Path, what: str) -> int:
    return path.read_text().count(what) if path.exists() else 0
