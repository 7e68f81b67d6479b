"""The scripts of unattended work, run as cron runs them, on a real fleet."""

import fcntl
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.operations.conftest import RunScript
from tests.support.fleets import CHECKOUT, Fleet
from tests.support.receivers import free_port, http_receiver

UNATTENDED = (
    "fix_production_migrations.sh",
    "monitor_tenant_migrations.sh",
    "health_check_cron.sh",
    "weekly_migration_report.sh",
)
EVENT = re.compile(
    r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* level=\w+ (script|logger)=\S+ event=\w+"
)


def events(logs: Path, name: str) -> list[str]:
    """The names of a log's events; every line must be one."""
    lines = (logs / name).read_text().splitlines()
    assert all(EVENT.match(line) for line in lines), lines
    return [re.search(r"event=(\w+)", line)[1] for line in lines]  # type: ignore[index]


@pytest.mark.parametrize("name", sorted(p.name for p in (CHECKOUT / "scripts").glob("*.sh")))
def test_help_and_wrong_use(name: str, tmp_path: Path) -> None:
    """Neither needs a database; from any directory."""
    if name in ("lib.sh", "test.sh"):
        pytest.skip("is sourced" if name == "lib.sh" else "hands its arguments to pytest")
    command = ["bash", CHECKOUT / "scripts" / name]
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": "postgres://nobody@127.0.0.1:1/no"}
    shown = subprocess.run(
        [*command, "--help"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"usage: scripts/{name}")
    wrong = subprocess.run(
        [*command, "--bogus"],
        cwd=tmp_path,
        env=environment | {"LOG_DIR": str(tmp_path / "log")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert wrong.returncode == 2
    assert wrong.stdout == ""
    assert len(wrong.stderr.splitlines()) == 1


# --- what they share


def test_a_log_that_cannot_be_written_goes_to_the_checkout_and_is_said_once(
    script: RunScript, tmp_path: Path
) -> None:
    occupied = tmp_path / "file"
    occupied.touch()
    answer = script("monitor_tenant_migrations.sh", LOG_DIR=f"{occupied}/log")
    assert answer.exit_code == 0
    assert answer.stdout == ""
    assert answer.error_line.endswith(f"/log cannot be written, logging to {CHECKOUT}/var/log")


@pytest.mark.parametrize("name", UNATTENDED)
def test_a_script_never_overlaps_itself(script: RunScript, name: str, tmp_path: Path) -> None:
    lock = tmp_path / f"{name.removesuffix('.sh')}.lock"
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        answer = script(name)
    assert (answer.exit_code, answer.stdout) == (75, "")
    assert "another run is at work" in answer.error_line


def test_settings_come_from_a_file_that_nothing_in_it_is_run_of(
    fleet: Fleet, script: RunScript, tmp_path: Path
) -> None:
    settings = tmp_path / "environment"
    settings.write_text(
        f'# of the fleet\nBASE_DOMAIN="$(touch {tmp_path}/ran)"\nnonsense\n'
        f"REPORT_DIR='{tmp_path}/from the file'\nLOG_DIR=/not/this\n"
    )
    answer = script("weekly_migration_report.sh", ZUMODRA_ENVIRONMENT=str(settings))
    assert answer.exit_code == 1  # No check is on record.
    assert answer.stdout.startswith(f"{tmp_path}/from the file/migration-report-")
    assert not (tmp_path / "ran").exists()
    answer = script("weekly_migration_report.sh", ZUMODRA_ENVIRONMENT=f"{settings}.not")
    assert answer.exit_code == 2


def test_the_settings_of_the_documentation_mean_the_same_to_a_shell(tmp_path: Path) -> None:
    """The runbook has somebody source the file that scripts and systemd read."""
    text = (CHECKOUT / "docs" / "operations.md").read_text()
    settings = tmp_path / "environment"
    settings.write_text(text.split("<<'END'\n")[1].split("END\n")[0])
    names = re.findall(r"^(\w+)=", settings.read_text(), re.MULTILINE)
    shown = "; ".join(f'echo "${name}"' for name in names)
    read = f'. "{CHECKOUT}/scripts/lib.sh"; load_environment; {shown}'
    sourced = f'set -a; . "{settings}"; set +a; {shown}'
    env = {"PATH": os.environ["PATH"], "ZUMODRA_ENVIRONMENT": str(settings)}
    answers = [
        subprocess.run(["bash", "-c", program], env=env, capture_output=True, text=True, check=True)
        for program in (read, sourced)
    ]
    assert answers[0].stdout == answers[1].stdout
    assert "&to=" in answers[0].stdout


def test_no_password_is_printed_or_logged(fleet: Fleet, script: RunScript, logs: Path) -> None:
    url = "postgres://zumodra:s3cret-p%40ss@127.0.0.1:1/zumodra"
    said = ""
    for name in UNATTENDED:
        answer = script(name, DATABASE_URL=url)
        assert answer.exit_code in (1, 3), name
        said += answer.stdout + answer.stderr
    said += "".join(path.read_text() for path in logs.rglob("*.log"))
    assert "s3cret" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("", '""'),
        ('two "words" \\', '"two \\"words\\" \\\\"'),
        ("line\nbreak\tand \x1b[31m", '"line\\nbreak\\tand ?[31m"'),
        ("to postgres://me:s3:c@ret@host/x", '"to postgres://me:***@host/x"'),
    ],
)
def test_a_log_line_is_one_line(tmp_path: Path, text: str, written: str) -> None:
    program = f'. "{CHECKOUT}/scripts/lib.sh"; log_file=$1; log info said "what=$2"'
    command = ["bash", "-c", program, "name", tmp_path / "log", text]
    subprocess.run(command, check=True)
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line.partition(" what=")[2] == written


# --- monitor_tenant_migrations.sh


def test_the_monitor_heals_says_so_in_its_log_and_tells_people(
    fleet: Fleet, script: RunScript, logs: Path, tmp_path: Path
) -> None:
    """Not well and not to be mended: told. Mended by hand: over. In between nothing is said."""
    fleet.take_back("alpha", "finance", "0024")
    fleet.fake_migration("beta", "finance", "0099_from_the_future")
    with http_receiver() as receiver:
        alerts = {"ALERT_URLS": receiver.webhook}
        answer = script("monitor_tenant_migrations.sh", **alerts)
        assert answer.exit_code == 1
        assert "rollout 1: 1 fixed, 0 failed, 1 skipped" in answer.stdout
        assert len(receiver.titles()) == 1
        fleet.forget_migration("beta", "finance", "0099_from_the_future")
        answer = script("monitor_tenant_migrations.sh", **alerts)
        assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "")
        assert "over" in receiver.only["title"].lower()
    assert events(logs, "migration_monitor.log") == [
        *("step_started", "monitor_started", "survey_ended", "monitor_verified"),
        *("rollout_started", "survey_ended", "tenant_skipped", "tenant_fixed", "survey_ended"),
        *("rollout_ended", "monitor_healed", "monitor_ended", "step_ended"),
        *("step_started", "monitor_started", "survey_ended", "monitor_verified"),
        *("monitor_ended", "step_ended"),
    ]


def test_a_monitor_without_a_database_tells_people(
    script: RunScript, logs: Path, tmp_path: Path
) -> None:
    url = f"postgres://nobody@127.0.0.1:{free_port()}/none"
    with http_receiver() as receiver:
        answer = script(
            "monitor_tenant_migrations.sh", DATABASE_URL=url, ALERT_URLS=receiver.webhook
        )
    assert answer.exit_code == 3
    assert answer.error_line.startswith("error: no connection to the database")
    assert "could not be checked" in receiver.only["title"]
    assert events(logs, "migration_monitor.log")[-2:] == ["monitor_failed", "step_ended"]


# --- health_check_cron.sh


def test_the_health_check_logs_a_line_names_what_is_not_well_and_tells_people(
    fleet: Fleet, script: RunScript, logs: Path
) -> None:
    fleet.take_back("alpha", "finance", "0024")
    with http_receiver() as receiver:
        urls = f"{receiver.webhook},json://127.0.0.1:{free_port()}"
        answer = script("health_check_cron.sh", ALERT_URLS=urls)
    assert answer.exit_code == 1
    assert (
        "warning: tenant_migrations: 3 of 4 tenants ok: alpha; "
        "manage.py verify_tenant_migrations --fix"
    ) in answer.stdout.splitlines()
    assert "Health check monitoring: warning" in receiver.only["title"]
    assert "alert not delivered to json://127.0.0.1" in answer.error_line
    assert events(logs, "health_check.log")[0] == "alert_not_delivered"
    assert events(logs, "health_check.log")[-1] == "health_checked"
    last = (logs / "health_check.log").read_text().splitlines()[-1]
    assert re.search(r" status=degraded duration=[\d.]+$", last)


def test_a_health_check_of_a_database_that_is_down_is_an_answer(
    script: RunScript, logs: Path
) -> None:
    url = f"postgres://nobody@127.0.0.1:{free_port()}/none"
    answer = script("health_check_cron.sh", "--timeout=5", DATABASE_URL=url)
    assert answer.exit_code == 1
    assert answer.stdout.startswith("unhealthy: database: ")
    assert "status=unhealthy" in (logs / "health_check.log").read_text()
    answer = script("health_check_cron.sh", "--timeout=0")
    assert (answer.exit_code, answer.stdout) == (2, "")


# --- weekly_migration_report.sh


def test_the_report_is_a_page_and_a_message(
    fleet: Fleet, script: RunScript, logs: Path, tmp_path: Path
) -> None:
    fleet.command("monitor", "--once", "--quiet")
    with http_receiver() as receiver:
        answer = script(
            "weekly_migration_report.sh", "--week=2026-W02", ALERT_URLS=receiver.webhook
        )
    page = Path(answer.stdout.splitlines()[-1])
    assert page == logs / "reports" / "migration-report-2026-W02.html"
    assert "<html" in page.read_text()
    assert "2026-W02" in receiver.only["title"]
    assert events(logs, "migration_report.log").count("step_ended") == 2
    assert script("weekly_migration_report.sh", "--week=2026-2").exit_code == 2
    assert script("weekly_migration_report.sh", "--week=2099-W02").exit_code == 2


# --- fix_production_migrations.sh


def test_a_fleet_that_is_well_is_left_alone(fleet: Fleet, script: RunScript) -> None:
    answer = script("fix_production_migrations.sh")
    assert answer.exit_code == 0
    assert answer.stdout == ("before   4 tenants: 4 ok; public ok\nhealed   nothing: all is well\n")


def test_what_is_broken_is_backed_up_healed_and_said(
    fleet: Fleet, script: RunScript, logs: Path, tmp_path: Path
) -> None:
    backups = tmp_path / "backups"
    backups.mkdir(mode=0o700)
    fleet.take_back("alpha", "finance", "0024")
    answer = script("fix_production_migrations.sh", "--dry-run")
    assert answer.exit_code == 1
    assert "-- would heal alpha" in answer.stdout
    answer = script("fix_production_migrations.sh", BACKUP_DIR="relative")
    assert (answer.exit_code, "no backup, so nothing was healed" in answer.stderr) == (3, True)
    answer = script("fix_production_migrations.sh", BACKUP_DIR=str(backups))
    assert answer.exit_code == 0, answer.stderr
    (archive,) = backups.glob("*.dump")
    assert answer.stdout.splitlines()[:5] == [
        "before   4 tenants: 3 ok, 1 pending; public ok",
        f"backup   {archive}",
        "healed   rollout 1: 1 fixed, 0 failed, 0 skipped",
        "after    4 tenants: 4 ok; public ok",
        "health   " + answer.stdout.splitlines()[4].removeprefix("health   "),
    ]
    assert answer.stdout.splitlines()[4].startswith("health   healthy: ")
    assert "step=heal" in (logs / "migration_fix.log").read_text()


def test_what_remains_is_named_and_decides_the_exit_code(fleet: Fleet, script: RunScript) -> None:
    fleet.take_back("alpha", "finance", "0024")
    fleet.fake_migration("beta", "finance", "0099_from_the_future")
    assert script("fix_production_migrations.sh", "--tenant=nobody").exit_code == 2
    with fleet.busy():
        assert script("fix_production_migrations.sh", "--no-backup").exit_code == 75
    answer = script("fix_production_migrations.sh", "--no-backup")
    assert answer.exit_code == 1
    assert "What remains:" in answer.stdout
    assert "beta  ahead" in answer.stdout


def test_only_the_scripts_that_are_called_are_executable() -> None:
    for path in (CHECKOUT / "scripts").glob("*.sh"):
        assert os.access(path, os.X_OK) is (path.name != "lib.sh"), path.name
