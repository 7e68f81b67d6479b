"""Alerts: told once for each problem, repeated, over; nothing secret in them, no work stopped."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from psycopg import sql

from tenant_migrations.models import Alert, Rollout, TenantOutcome
from tests.support.code import code_with
from tests.support.fleets import Fleet
from tests.support.receivers import (
    Received,
    dripping_receiver,
    free_port,
    hanging_receiver,
    http_receiver,
    smtp_receiver,
)
from tests.support.servers import Database

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise imports it for mail on Python 3.11 and 3.12."""

AlertTo = Callable[..., None]

POISON = """RunSQL('''DO $$ BEGIN IF EXISTS (SELECT 1 FROM finance_invoice WHERE number = 'poison')
    THEN RAISE EXCEPTION 'row % stands in the way', 7 USING ERRCODE = '23505'; END IF; END $$''')
"""


@contextmanager
def unreachable(database: Database) -> Iterator[None]:
    """Let nobody connect to the database meanwhile."""
    name = sql.Identifier(database.name)
    connection.close()
    database.server.run(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
    try:
        yield
    finally:
        database.server.run(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


def let_pass(hours: float) -> None:
    """Make what was told look as long ago."""
    for alert in Alert.objects.exclude(last_sent_at=None):
        alert.last_sent_at -= timedelta(hours=hours)
        alert.save()


def test_a_clean_fleet_tells_nobody(fleet: Fleet, receiver: Received, alert_to: AlertTo) -> None:
    alert_to([receiver.webhook])
    answer = fleet.verify("--alert", "--quiet")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "")
    assert receiver.requests == 0


def test_a_problem_is_told_once_repeated_and_resolved(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    alert_to([receiver.webhook])
    fleet.take_back("beta", "finance", "0023_payment_constraints")
    assert fleet.verify("--alert").exit_code == 1
    told = receiver.only
    assert told["title"] == "[fleet] 1 tenant with pending migrations (TM001)"
    assert "Tenants: beta" in told["message"]
    assert "Migration: finance.0024_subscription_cancellation" in told["message"]
    assert "Type: manage.py verify_tenant_migrations --fix" in told["message"]
    assert told["type"] == "failure"
    receiver.bodies.clear()
    fleet.verify("--alert")
    assert receiver.titles() == []
    for pause, message in ((1, "told 2 times"), (4, "told 3 times"), (24, "told 4 times")):
        let_pass(pause - 0.1)
        fleet.verify("--alert")
        assert receiver.requests == int(message[5]) - 1
        let_pass(0.1)
        fleet.verify("--alert")
        assert message in receiver.only["message"]
        receiver.bodies.clear()
    assert fleet.verify("--fix", "--alert", "--no-input").exit_code == 0
    assert receiver.only["type"] == "success"
    assert receiver.titles() == ["[fleet] Over: 1 tenant with pending migrations (TM001)"]
    fleet.verify("--alert")
    assert receiver.titles() == []
    alert = Alert.objects.get()
    assert (alert.times_sent, alert.undelivered, alert.delivery_error) == (4, [], "")
    assert alert.resolved_at is not None


def test_a_problem_that_comes_back_is_told_again(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    alert_to([receiver.webhook])
    for _ in range(2):
        fleet.drop_table("gamma", "finance_refund")
        fleet.verify("--alert")
        assert receiver.titles() == ["[fleet] 1 tenant drifted (TM101)"]
        fleet.verify("--fix", "--alert", "--no-input")
        assert receiver.titles() == ["[fleet] Over: 1 tenant drifted (TM101)"]


def test_tenants_failing_alike_make_one_alert_also_of_a_run_that_only_looks(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    alert_to([receiver.webhook])
    for name in ("alpha", "beta", "gamma"):
        fleet.sql("UPDATE finance_invoice SET number = 'poison' WHERE id = 1", schema=name)
    with code_with("finance", {"9999_poison": POISON}):
        assert fleet.verify("--fix", "--alert", "--no-input").exit_code == 1
        told = receiver.only
        assert told["title"] == "[fleet] 3 tenants failed in finance.9999_poison (SQLSTATE 23505)"
        for line in (
            "Tenants: alpha, beta, gamma",
            "Migration: finance.9999_poison",
            "SQLSTATE: 23505",
            "Cause: row 7 stands in the way",
            "Hint: rows of this tenant contradict a unique constraint; clean them, then: "
            "manage.py verify_tenant_migrations --fix",
            "Type: manage.py verify_tenant_migrations --tenant=alpha",
        ):
            assert line in told["message"].splitlines()
        receiver.bodies.clear()
        fleet.verify("--alert")
        assert receiver.titles() == []
        fleet.sql("UPDATE finance_invoice SET number = 'fine' WHERE id = 1", schema="alpha")
        fleet.verify("--fix", "--alert", "--no-input")
        assert receiver.titles() == []
        for name in ("beta", "gamma"):
            fleet.sql("UPDATE finance_invoice SET number = 'fine' WHERE id = 1", schema=name)
        assert fleet.verify("--fix", "--alert", "--no-input").exit_code == 0
    assert receiver.titles() == [
        "[fleet] Over: 3 tenants failed in finance.9999_poison (SQLSTATE 23505)"
    ]


def test_a_problem_that_grows_is_told_at_once(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    alert_to([receiver.webhook])
    fleet.drop_table("alpha", "finance_refund")
    fleet.verify("--alert")
    fleet.drop_table("beta", "finance_refund")
    fleet.verify("--alert")
    fleet.drop_table("gamma", "finance_refund")
    fleet.verify("--alert")
    assert receiver.titles() == [
        "[fleet] 1 tenant drifted (TM101)",
        "[fleet] 2 tenants drifted (TM101)",
    ]


def test_different_problems_are_different_alerts(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    alert_to([receiver.webhook])
    fleet.drop_table("alpha", "finance_refund")
    fleet.drop_schema("beta")
    fleet.add_schema("left_over")
    fleet.sql(
        "INSERT INTO tenant_migrations_quarantine (schema_name, reason, since)"
        " VALUES ('gamma', 'a step is unproven', now())"
    )
    fleet.verify("--alert")
    assert receiver.titles() == [
        "[fleet] 1 tenant without a schema (TM010)",
        "[fleet] 1 tenant in quarantine (TM016)",
        "[fleet] 1 tenant drifted (TM101)",
        "[fleet] There are schemas without a tenant (TM012)",
    ]


def test_severities_go_where_the_settings_say(fleet: Fleet, alert_to: AlertTo) -> None:
    with http_receiver() as critical, http_receiver() as warning, http_receiver() as both:
        alert_to(
            {
                "critical": [critical.webhook, both.webhook],
                "warning": [warning.webhook, both.webhook],
            }
        )
        fleet.drop_table("alpha", "finance_refund")
        fleet.drop_schema("beta")
        fleet.verify("--alert")
        assert critical.titles() == ["[fleet] 1 tenant without a schema (TM010)"]
        assert warning.titles() == ["[fleet] 1 tenant drifted (TM101)"]
        assert len(both.titles()) == 2


def test_slack_gets_its_own_payload(
    fleet: Fleet, receiver: Received, alert_to: AlertTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", f"{receiver.base}/services")
    alert_to(["slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#migrations"])
    fleet.add_tenant("<!channel>")
    fleet.drop_table("<!channel>", "finance_refund")
    assert fleet.verify("--alert").stderr == ""
    assert receiver.paths == ["/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"]
    payload = receiver.only
    assert payload["channel"] == "#migrations"
    (attachment,) = payload["attachments"]
    assert attachment["title"] == "[fleet] 1 tenant drifted (TM101)"
    assert "&lt;!channel&gt;" in attachment["text"]
    assert "<!channel>" not in attachment["text"]


def test_pagerduty_opens_and_closes_one_incident(
    fleet: Fleet, receiver: Received, alert_to: AlertTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins import pagerduty

    monkeypatch.setitem(
        pagerduty.PAGERDUTY_API_LOOKUP, pagerduty.PagerDutyRegion.US, f"{receiver.base}/v2/enqueue"
    )
    receiver.status = 202
    alert_to(["pagerduty://A1BRTD4JDTIiajkdnlazkcOXrIdevi7FQ@B1BRTD4JDTIiajkdnlazkc"])
    fleet.drop_table("alpha", "finance_refund")
    fleet.verify("--alert")
    let_pass(1)
    fleet.verify("--alert")
    fleet.verify("--fix", "--alert", "--no-input")
    trigger, again, resolve = receiver.bodies
    assert trigger["event_action"] == again["event_action"] == "trigger"
    assert trigger["routing_key"] == "A1BRTD4JDTIiajkdnlazkcOXrIdevi7FQ"
    assert trigger["payload"]["summary"] == "[fleet] 1 tenant drifted (TM101)"
    assert trigger["payload"]["severity"] == "warning"
    assert trigger["payload"]["custom_details"]["Tenants"] == "alpha"
    assert resolve == {
        "routing_key": "A1BRTD4JDTIiajkdnlazkcOXrIdevi7FQ",
        "event_action": "resolve",
        "dedup_key": "tenant-migrations/fleet/drifted:TM101",
    }
    assert {trigger["dedup_key"], again["dedup_key"]} == {resolve["dedup_key"]}


def test_mail_is_plain_text(fleet: Fleet, alert_to: AlertTo) -> None:
    fleet.add_tenant("<b>bold")
    fleet.drop_table("<b>bold", "finance_refund")
    with smtp_receiver() as (port, mails):
        alert_to([f"mailto://127.0.0.1:{port}?from=fleet@example.com&to=ops@example.com"])
        assert fleet.verify("--alert").stderr == ""
        (mail,) = mails
        assert mail["Subject"] == "[fleet] 1 tenant drifted (TM101)"
        assert "ops@example.com" in mail["To"]
        assert mail.get_content_type() == "text/plain"
        assert "Tenants: <b>bold" in mail.get_content()


def test_a_receiver_that_is_down_stops_nothing_and_is_tried_again(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    port = free_port()
    alert_to([f"json://user:s3cret-word@127.0.0.1:{port}/hook", receiver.webhook])
    fleet.drop_table("alpha", "finance_refund")
    answer = fleet.verify("--alert")
    assert answer.exit_code == 1
    assert answer.error_line == (
        f"warning: alert not delivered to json://127.0.0.1:{port}: it could not be reached; "
        "the next run tries again"
    )
    assert receiver.titles() == ["[fleet] 1 tenant drifted (TM101)"]
    assert Alert.objects.get().undelivered == [f"json://127.0.0.1:{port}"]
    with http_receiver() as repaired:
        alert_to([f"json://127.0.0.1:{repaired.port}", receiver.webhook])
        Alert.objects.update(undelivered=[f"json://127.0.0.1:{repaired.port}"])
        fleet.verify("--alert")
        assert repaired.titles() == ["[fleet] 1 tenant drifted (TM101)"]
        assert receiver.titles() == []
        fleet.verify("--alert")
        assert repaired.titles() == []
        repaired.status = 500
        assert "HTTP 500" in fleet.verify("--fix", "--alert", "--no-input").stderr
        repaired.status = 200
        fleet.verify("--alert")
        assert repaired.titles() == ["[fleet] Over: 1 tenant drifted (TM101)"]
        assert receiver.titles() == ["[fleet] Over: 1 tenant drifted (TM101)"]


def test_a_refusal_is_not_repeated_an_overload_is(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    alert_to([receiver.webhook])
    fleet.drop_table("alpha", "finance_refund")
    for status, requests in ((403, 1), (429, 3), (503, 3)):
        receiver.status, receiver.requests = status, 0
        assert f"it answered HTTP {status};" in fleet.verify("--alert").error_line
        assert receiver.requests == requests


@pytest.mark.parametrize("kind", [hanging_receiver, dripping_receiver])
def test_a_receiver_that_hangs_costs_no_more_than_the_timeout(
    fleet: Fleet, receiver: Received, alert_to: AlertTo, kind: Any
) -> None:
    fleet.drop_table("alpha", "finance_refund")
    alert_to([receiver.webhook])
    fleet.verify("--alert")
    Alert.objects.all().delete()
    receiver.bodies.clear()
    with kind() as port:
        alert_to([f"json://127.0.0.1:{port}", receiver.webhook], ALERT_TIMEOUT_SECONDS=2)
        started = time.monotonic()
        answer = fleet.verify("--alert")
        assert time.monotonic() - started < 2 + 20, "the receiver never answers"
    assert answer.exit_code == 1
    assert f"alert not delivered to json://127.0.0.1:{port}" in answer.error_line
    assert receiver.titles() == ["[fleet] 1 tenant drifted (TM101)"]


def test_a_hanging_receiver_does_not_keep_the_process(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    with hanging_receiver() as port:
        answer = fleet.manage(
            "verify_tenant_migrations",
            "--alert",
            "--quiet",
            ALERT_URLS=f"json://127.0.0.1:{port}?rto=600",
            DJANGO_SETTINGS_MODULE="tests.observability.impatient_settings",
            timeout=60,
        )
    assert answer.exit_code == 1
    assert "alert not delivered" in answer.error_line


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("slack:/T1/B2/s3cret", "no scheme://"),
        ("nope://s3cret", "nope://…"),
        ("slack://s3cret", "slack://…"),
        ("", "no scheme://"),
    ],
)
def test_a_malformed_url_is_wrong_use(
    fleet: Fleet, alert_to: AlertTo, url: str, shown: str
) -> None:
    alert_to(["json://127.0.0.1", url])
    answer = fleet.verify("--alert")
    assert answer.exit_code == 2
    assert f"ALERT_URLS[1] ({shown}) is not a URL" in answer.error_line
    assert "s3cret" not in answer.stdout + answer.stderr


@pytest.mark.parametrize("urls", ["json://127.0.0.1", {"loud": ["json://127.0.0.1"]}, [1], {1: 2}])
def test_a_faulty_setting_is_wrong_use(fleet: Fleet, alert_to: AlertTo, urls: Any) -> None:
    alert_to(urls)
    answer = fleet.verify("--alert")
    assert answer.exit_code == 2
    assert "ALERT_URLS" in answer.error_line


@pytest.mark.parametrize(
    "option", ["--tenant=alpha", "--app=finance", "--no-structure", "--dry-run"]
)
def test_alerts_need_the_whole_fleet(fleet: Fleet, alert_to: AlertTo, option: str) -> None:
    alert_to(["json://127.0.0.1"])
    answer = fleet.verify("--fix", "--alert", option)
    assert answer.exit_code == 2
    assert option.partition("=")[0] in answer.error_line


def test_nobody_to_tell_is_a_warning(fleet: Fleet, alert_to: AlertTo) -> None:
    alert_to([])
    answer = fleet.verify("--alert")
    assert answer.exit_code == 0
    assert answer.error_line.startswith("warning: --alert, but nobody is told")


def test_apprise_missing_is_said_clearly(
    fleet: Fleet, alert_to: AlertTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    alert_to(["json://127.0.0.1"])
    monkeypatch.delitem(
        sys.modules, "tenant_migrations.observability.alerts.services", raising=False
    )
    monkeypatch.setitem(sys.modules, "apprise", None)
    answer = fleet.verify("--alert")
    assert answer.exit_code == 2
    assert "pip install 'django-tenant-migrations[alerts]'" in answer.error_line


def test_another_run_is_no_problem_of_the_fleet(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    alert_to([receiver.webhook])
    with fleet.busy():
        assert fleet.verify("--fix", "--alert", "--no-input").exit_code == 75
    assert receiver.requests == 0


def test_a_stopped_rollout_is_told_until_one_goes_through(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    alert_to([receiver.webhook])
    Rollout.objects.create(
        trigger="monitor",
        code_revision="x",
        host="h",
        process=1,
        state="stopped",
        error="disk full",
    )
    fleet.verify("--alert")
    assert "before every tenant was tried" in receiver.titles()[0]
    fleet.verify("--fix", "--alert", "--no-input")
    assert receiver.titles()[0].startswith("[fleet] Over: Rollout")


def test_a_failure_of_long_ago_is_not_the_cause_of_today(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    alert_to([receiver.webhook])
    run = Rollout.objects.create(
        trigger="cli",
        code_revision="x",
        host="h",
        process=1,
        state="finished",
        finished_at=timezone.now(),
    )
    TenantOutcome.objects.create(
        rollout=run,
        schema_name="alpha",
        state="failed",
        status_before="pending",
        status_after="pending",
        migration="finance.0001_initial",
        sqlstate="23505",
    )
    fleet.drop_table("alpha", "finance_refund")
    fleet.verify("--alert")
    assert receiver.titles() == ["[fleet] 1 tenant drifted (TM101)"]


def test_a_database_that_is_down_is_told_once_and_over_later(
    fleet: Fleet, receiver: Received, alert_to: AlertTo, tmp_path: Path
) -> None:
    alert_to([receiver.webhook])
    with unreachable(fleet.database):
        for _ in range(3):
            assert fleet.verify("--alert").exit_code == 3
    assert receiver.titles() == ["[fleet] The fleet could not be checked"]
    assert fleet.verify("--alert").exit_code == 0
    assert receiver.titles() == ["[fleet] Over: The fleet could not be checked"]
    assert not list(tmp_path.rglob("*.json"))


def test_names_and_secrets_are_made_harmless(
    fleet: Fleet, receiver: Received, alert_to: AlertTo
) -> None:
    alert_to([receiver.webhook])
    fleet.add_tenant("new\nline\x1b[2J", schema=False)
    fleet.sql(
        "INSERT INTO tenant_migrations_quarantine (schema_name, reason, since)"
        " VALUES ('gamma', 'could not reach postgres://app:hunter22@db/x', now())"
    )
    fleet.verify("--alert")
    texts = "\n".join(body["title"] + "\n" + body["message"] for body in receiver.bodies)
    assert "Tenants: new\\nline\\x1b[2J" in texts
    assert "\x1b" not in texts
    assert "hunter22" not in texts
