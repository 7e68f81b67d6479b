"""The report from records in a database, and the command that makes it."""

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tenant_migrations.models import Alert, Backup, Rollback, Rollout, Sample, TenantOutcome
from tenant_migrations.observability.report import html, markdown, text, wording
from tenant_migrations.observability.report.gather import gather
from tenant_migrations.observability.report.period import iso_week
from tenant_migrations.vocabulary import OutcomeState, TenantStatus
from tests.support.fleets import Fleet
from tests.support.receivers import Received, free_port, smtp_receiver

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

AlertTo = Callable[..., None]
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 23, 50, tzinfo=UTC)


def sample(moment: datetime, *, ok: int = 4, pending: int = 0, **more: Any) -> None:
    """A check of a fleet of four."""
    values: dict[str, Any] = {
        "trigger": "monitor",
        "succeeded": True,
        "whole_fleet": True,
        "total_tenants": 4,
        "by_status": {"ok": ok} | ({"pending": 4 - ok} if ok < 4 else {}),
        "public_status": "ok",
        "not_ok": [["beta", "pending", pending]] if pending else [],
        "pending_total": pending,
        "duration_seconds": 1.0,
    } | more
    made = Sample.objects.create(**values)
    Sample.objects.filter(pk=made.pk).update(taken_at=moment)


def rollout(moment: datetime, *outcomes: dict[str, Any], **more: Any) -> None:
    """A rollout and what it did."""
    values = {"trigger": "monitor", "code_revision": "x", "host": "h", "process": 1} | more
    made = Rollout.objects.create(**{"state": "finished"} | values)
    Rollout.objects.filter(pk=made.pk).update(started_at=moment)
    for outcome in outcomes:
        TenantOutcome.objects.create(rollout=made, **{"status_before": "pending"} | outcome)


def fixed(name: str, seconds: float, *applied: str) -> dict[str, Any]:
    return {
        "schema_name": name,
        "state": "fixed",
        "duration_seconds": seconds,
        "applied": list(applied),
    }


def failed(name: str, migration: str, sqlstate: str) -> dict[str, Any]:
    return {
        "schema_name": name,
        "state": "failed",
        "migration": migration,
        "sqlstate": sqlstate,
        "message": "it went wrong",
        "hint": f"mend it, then: manage.py verify_tenant_migrations --fix --tenant={name}",
    }


def test_what_is_not_of_the_period_does_not_count(public_only: Fleet) -> None:
    sample(MONDAY - timedelta(seconds=1), ok=0, pending=9)
    sample(MONDAY)
    sample(MONDAY + timedelta(days=7), ok=0, pending=9)
    sample(MONDAY + timedelta(hours=1), ok=1, pending=9, whole_fleet=False)
    report = gather(iso_week("2026-W47"), NOW + timedelta(days=3))
    assert (report.checks.done, report.checks_before.done) == (1, 1)
    assert report.standing is not None
    assert report.standing.by_status == {TenantStatus.OK: 4}
    assert [mark.not_ok for mark in report.marks] == [0, *[None] * 6]


def test_checks_against_those_expected(public_only: Fleet, alert_to: AlertTo) -> None:
    alert_to([], CHECKS_EXPECTED_PER_DAY=24)
    for hours in range(0, 96, 2):
        sample(MONDAY + timedelta(hours=hours))
    sample(MONDAY + timedelta(hours=1), succeeded=False, error="no connection", by_status={})
    report = gather(iso_week("2026-W47"), MONDAY + timedelta(days=4))
    checks = report.checks
    assert (checks.done, checks.failed, checks.expected) == (49, 1, 96)
    assert checks.coverage == 0.5
    assert [(found.what, found.times) for found in checks.failures] == [("no connection", 1)]
    assert len(report.marks) == 5


def test_a_monitor_that_began_this_week_is_not_blamed_for_the_days_before(
    public_only: Fleet,
) -> None:
    sample(MONDAY + timedelta(days=6))
    checks = gather(iso_week("2026-W47"), MONDAY + timedelta(days=7)).checks
    assert checks.expected == 96
    before = gather(iso_week("2026-W47"), MONDAY + timedelta(days=7)).checks_before
    assert (before.expected, before.coverage) == (None, None)


def test_heals_failures_and_what_takes_longest(public_only: Fleet) -> None:
    rollout(
        MONDAY + timedelta(days=1),
        fixed("alpha", 6.0, "a.0001", "a.0002"),
        fixed("beta", 1.0, "a.0002"),
        failed("gamma", "a.0002", "23505"),
        failed("delta", "a.0002", "23505"),
        failed("omega", "a.0001", "55P03"),
        {"schema_name": "left", "state": "skipped"},
    )
    rollout(MONDAY + timedelta(days=2), failed("gamma", "a.0002", "23505"), state="stopped")
    rollout(MONDAY - timedelta(days=1), fixed("gamma", 99.0, "a.0003"))
    report = gather(iso_week("2026-W47"), NOW)
    heals = report.heals
    assert (heals.rollouts, heals.stopped, heals.crashed) == (2, 1, 0)
    assert heals.count(OutcomeState.FIXED) == 2
    assert heals.count(OutcomeState.SKIPPED) == 1
    assert heals.failed == 4
    first, second = heals.causes
    assert (first.migration, first.sqlstate, first.tenants) == ("a.0002", "23505", 2)
    assert first.names == ("delta", "gamma")
    assert (second.sqlstate, second.names) == ("55P03", ("omega",))
    assert [(slow.name, slow.seconds) for slow in report.slow_tenants] == [
        ("alpha", 6.0),
        ("beta", 1.0),
    ]
    assert [(slow.name, slow.seconds, slow.tenants) for slow in report.slow_migrations] == [
        ("a.0001", 3.0, 1),
        ("a.0002", 2.0, 2),
    ]
    assert [(mark.fixed, mark.failed) for mark in report.marks][1:3] == [(2, 3), (0, 1)]
    assert report.heals_before.count(OutcomeState.FIXED) == 1


def test_an_old_check_is_said_to_be_old(public_only: Fleet) -> None:
    sample(NOW - timedelta(hours=5))
    report = gather(iso_week("2026-W47"), NOW)
    assert report.standing is not None
    assert report.standing.is_old
    sample(NOW - timedelta(minutes=20))
    report = gather(iso_week("2026-W47"), NOW)
    assert report.standing is not None
    assert not report.standing.is_old


def test_open_alerts_are_listed(public_only: Fleet) -> None:
    Alert.objects.create(key="a", severity="critical", title="open", times_sent=2)
    Alert.objects.create(
        key="b", severity="critical", title="over", times_sent=2, resolved_at=timezone.now()
    )
    report = gather(iso_week("2026-W47"), NOW)
    assert [(alert.title, alert.times_sent) for alert in report.alerts] == [("open", 2)]


# --- the command


def test_a_fleet_that_is_well(fleet: Fleet) -> None:
    assert fleet.verify().exit_code == 0
    answer = fleet.command("migration_report")
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert "All 4 tenants were well." in answer.stdout


def test_a_fleet_that_is_not_well(fleet: Fleet) -> None:
    fleet.drop_table("beta", "finance_refund")
    fleet.verify()
    answer = fleet.command("migration_report", "--format=json")
    assert answer.exit_code == 1
    assert answer.json["standing"]["by_status"] == {"drifted": 1, "ok": 3}
    assert answer.json["standing"]["not_ok"] == [["beta", "drifted", 0]]
    assert "beta" in answer.json["advice"][0]["what"]
    fleet.verify("--fix", "--no-input")
    answer = fleet.command("migration_report", "--format=json")
    assert answer.exit_code == 0
    assert answer.json["heals"]["tenants"] == {"fixed": 1}


def test_without_any_check(public_only: Fleet) -> None:
    answer = public_only.command("migration_report")
    assert answer.exit_code == 1
    assert "no check of it has been recorded" in answer.stdout


def test_before_the_records_exist(public_only: Fleet) -> None:
    public_only.drop_table("public", "tenant_migrations_sample")
    answer = public_only.command("migration_report")
    assert (answer.exit_code, answer.stderr) == (1, "")


@pytest.mark.parametrize(
    ("name", "begins"),
    [("r.html", "<!DOCTYPE html>"), ("r.md", "# "), ("r.json", "{"), ("r.txt", "Tenant")],
)
def test_the_output_is_written_whole(
    public_only: Fleet, tmp_path: Path, name: str, begins: str
) -> None:
    path = tmp_path / name
    path.write_text("old")
    answer = public_only.command("migration_report", f"--output={path}")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert path.read_text().startswith(begins)
    assert stat.S_IMODE(path.stat().st_mode) & 0o133 == 0
    assert list(tmp_path.iterdir()) == [path]


def test_a_target_that_cannot_be_written(public_only: Fleet, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for target in (tmp_path, link, tmp_path / "missing" / "file", Path("/dev/null")):
        answer = public_only.command("migration_report", f"--output={target}")
        assert answer.exit_code == 2
        assert "--output=" in answer.error_line
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--week=2026-W54"],
        ["--week=2999-W01"],
        ["--days=0"],
        ["--days=-1"],
        ["--days=1e9"],
        ["--days=367"],
        ["--days=7", "--week=2026-W47"],
        ["--format=pdf"],
        ["--send"],
        ["--nonsense"],
    ],
)
def test_wrong_use(public_only: Fleet, arguments: list[str]) -> None:
    answer = public_only.command("migration_report", *arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.error_line.startswith("error: ")


def test_errors_are_a_document_with_json(public_only: Fleet) -> None:
    answer = public_only.command("migration_report", "--format=json", "--week=nonsense")
    assert answer.exit_code == 2
    assert json.loads(answer.stdout)["status"] == "error"


def test_send(fleet: Fleet, receiver: Received, alert_to: AlertTo) -> None:
    fleet.verify()
    alert_to([receiver.webhook, "pagerduty://A1BRTD4JDTIiajkdnlazkcOXrIdevi7FQ@B1BRTD4JDTI"])
    answer = fleet.command("migration_report", "--send", "--days=1")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "")
    sent = receiver.only
    assert sent["title"] == "Tenant migrations of fleet, last 24 hours"
    assert "All 4 tenants were well." in sent["message"]
    assert sent["attachments"][0]["filename"] == "migration-report.html"


def test_send_by_mail(fleet: Fleet, alert_to: AlertTo) -> None:
    fleet.add_tenant("<i>x")
    fleet.drop_table("<i>x", "finance_refund")
    fleet.verify()
    with smtp_receiver() as (port, mails):
        url = f"mailto://127.0.0.1:{port}?from=fleet@example.com&to=ops@example.com"
        alert_to({"report": [url]})
        assert fleet.command("migration_report", "--send").exit_code == 1
        (mail,) = mails
    body = mail.get_body(("html",))
    assert body is not None
    assert "<table>" in body.get_content()
    assert "<i>x" not in body.get_content()
    (page,) = mail.iter_attachments()
    assert page.get_content().startswith("<!DOCTYPE html>")


def test_a_report_that_cannot_be_sent(fleet: Fleet, receiver: Received, alert_to: AlertTo) -> None:
    fleet.verify()
    alert_to([f"json://u:s3cret@127.0.0.1:{free_port()}", receiver.webhook])
    answer = fleet.command("migration_report", "--send")
    assert answer.exit_code == 3
    assert "did not reach json://127.0.0.1" in answer.error_line
    assert "s3cret" not in answer.error_line
    assert len(receiver.bodies) == 1


def test_backups_of_the_week_have_a_section(fleet: Fleet) -> None:
    values = {"tenants": 4, "data_bytes": 1, "duration_seconds": 2, "server_version": 180006}
    for number, (kind, verified) in enumerate((("database", MONDAY), ("tenants", None))):
        Backup.objects.create(
            name=str(number),
            kind=kind,
            size_bytes=3_000_000,
            made_at=MONDAY,
            verified_at=verified,
            restore_seconds=12.5 if verified else None,
            **values,
        )
    Rollback.objects.create(scope="tenant", state="done", process=1)
    Rollback.objects.update(started_at=MONDAY)
    report = gather(iso_week("2026-W47"), NOW)
    lines = [
        "2 made, 1 of them verified; 1 rollback",
        "the newest of the whole fleet: 2026-11-16 00:00 UTC, 3 MB",
        "restoring was last tried 2026-11-16 00:00 UTC and took 12.5 s",
    ]
    assert report.backups
    assert wording.backups_lines(report.backups) == lines
    for rendered in (text.render(report), markdown.render(report), html.render(report)):
        assert all(line in rendered for line in lines)
