"""The schedules: what they name is there, and they are what cron, systemd, logrotate and Celery
read."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tenant_migrations.contrib.celery import SCHEDULED as COMMANDS
from tests.support.fleets import CHECKOUT
from zumodra.settings.schedule import TASK, beat_schedule

CRON = CHECKOUT / "deploy" / "cron" / "zumodra"
TIMERS = sorted((CHECKOUT / "deploy" / "systemd").glob("*.timer"))
SERVICE = CHECKOUT / "deploy" / "systemd" / "zumodra@.service"
INSTALLED = "/opt/zumodra"
SCHEDULED = {
    "monitor_tenant_migrations": ("*/15 * * * *", "*:0/15"),
    "health_check_cron": ("*/5 * * * *", "*:0/5"),
    "backup_database": ("40 1 * * *", "01:40"),
    "weekly_migration_report": ("0 9 * * 1", "Mon 09:00"),
}


def program(name: str) -> str:
    """The path of a program that a Debian package brings."""
    found = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin")
    if not found:
        package = {"systemd-analyze": "systemd"}.get(name, name)
        pytest.skip(f"needs Debian package {package}")
    return found


def test_cron_runs_what_is_there_when_it_should() -> None:
    """A file in cron.d: settings, then five fields, a user and a command."""
    text = CRON.read_text()
    assert text.endswith("\n"), "cron ignores a last line without an end"
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    jobs = [line.split(maxsplit=6) for line in lines if not re.match(r"[A-Z]+=", line)]
    found = {}
    for *when, user, command in jobs:
        assert user == "zumodra"
        path = command.split()[0]
        assert "%" not in command, "a line break to cron"
        found[Path(path).stem] = " ".join(when)
        assert path == f"{INSTALLED}/scripts/{Path(path).name}"
        assert (path.endswith("/backup_database.sh")) == ("--verify" in command)
    assert found == {name: cron for name, (cron, _) in SCHEDULED.items()}


def test_timers_start_the_same_at_the_same_times() -> None:
    found = {}
    for timer in TIMERS:
        text = timer.read_text()
        (script,) = re.findall(r"^Unit=zumodra@(\w+)\.service$", text, re.MULTILINE)
        (found[script],) = re.findall(r"^OnCalendar=(.*)$", text, re.MULTILINE)
    assert found == {name: when for name, (_, when) in SCHEDULED.items()}


@pytest.mark.parametrize("tells_people", [True, False])
def test_beat_starts_the_same_at_the_same_times(tells_people: bool) -> None:
    """As commands that its task runs, with options that they have."""
    entries = beat_schedule(tells_people=tells_people, monitor_every=0).values()
    times = [f"<crontab: {cron} (m/h/dM/MY/d)>" for cron, _ in SCHEDULED.values()]
    assert [repr(entry["schedule"]) for entry in entries] == times
    for entry in entries:
        name, *options = entry["args"]
        assert (entry["task"], name in COMMANDS) == (TASK, True)
        command = load_command_class(get_commands()[name], name)
        command.create_parser("manage.py", name).parse_args(options)
        assert bool({"--alert", "--send"} & set(options)) <= tells_people


def test_scheduled_scripts_are_there() -> None:
    for name in SCHEDULED:
        assert (CHECKOUT / "scripts" / f"{name}.sh").exists(), name


def test_the_backup_by_systemd_is_restored_on_trial_too() -> None:
    (drop_in,) = SERVICE.parent.glob("*.d/*")
    assert drop_in.parent.name == "zumodra@backup_database.service.d"
    line = f"ExecStart={INSTALLED}/scripts/backup_database.sh --verify"
    assert drop_in.read_text().splitlines()[-2:] == ["ExecStart=", line]


def test_systemd_takes_the_units_and_finds_them_hardened(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    installed = tmp_path / "installed"  # Units can't name a folder with a space.
    installed.symlink_to(CHECKOUT)
    units = []
    for name in SCHEDULED:
        unit = tmp_path / f"zumodra@{name}.service"
        unit.write_text(SERVICE.read_text().replace(INSTALLED, str(installed)))
        units.append(unit)
    for drop_in in SERVICE.parent.glob("*.d/*"):
        copied = tmp_path / drop_in.relative_to(SERVICE.parent)
        copied.parent.mkdir()
        copied.write_text(drop_in.read_text().replace(INSTALLED, str(installed)))
    units += [shutil.copy(timer, tmp_path) for timer in TIMERS]
    done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    rated = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", units[0]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rated.returncode == 0, rated.stdout[-500:]


def test_logrotate_turns_the_logs_over(tmp_path: Path) -> None:
    """Really, but for the user, whom this machine does not have."""
    logrotate = program("logrotate")
    logs = tmp_path / "log"
    logs.mkdir(mode=0o750)
    (logs / "migration_monitor.log").write_text("time=2026-01-01T00:00:00Z event=old\n")
    config = tmp_path / "zumodra"
    text = (CHECKOUT / "deploy" / "cron" / "zumodra.logrotate").read_text()
    text = text.replace("/var/log/zumodra", str(logs)).replace(" zumodra zumodra", "")
    config.write_text(text.replace("    su\n", ""))
    config.chmod(0o644)
    done = subprocess.run(
        [logrotate, "--force", "--state", tmp_path / "state", config],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (logs / "migration_monitor.log").read_text() == ""
    assert "event=old" in (logs / "migration_monitor.log.1").read_text()
