"""Structured logs: one line per event, whatever is in it."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import override_settings

from tenant_migrations.logs import EventFormatter, event
from tenant_migrations.redaction import redacted
from tests.support.code import code_with
from tests.support.fleets import Fleet

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"


class Lines(logging.Handler):
    """Keeps what a handler with the formatter would write."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(EventFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def logged() -> Iterator[list[str]]:
    """The lines that the app's loggers write meanwhile."""
    logger, handler = logging.getLogger("tenant_migrations"), Lines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def line_of(name: str = "done", **fields: Any) -> str:
    with logged() as lines:
        event(logging.getLogger("tenant_migrations.test"), logging.INFO, name, **fields)
    (line,) = lines
    return re.sub(f"^time={TIME} level=info logger=tenant_migrations.test ", "", line)


def event_in(lines: list[str], name: str) -> str:
    (line,) = [line for line in lines if f" event={name} " in line]
    return line


def test_a_line_has_time_level_logger_event_and_fields() -> None:
    line = line_of("tenant_fixed", run=3, tenant="alpha", duration=0.53219, sqlstate="")

    assert line == "event=tenant_fixed run=3 tenant=alpha duration=0.532"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("two words", '"two words"'),
        ('a"b', r'"a\"b"'),
        ("a=b", '"a=b"'),
        ("back\\slash", r'"back\\slash"'),
        ("é", "é"),
        ("é è", '"é è"'),
        ("line\nbreak", r'"line\nbreak"'),
        ("\x1b[2J", r'"\u001b[2J"'),
        ("\x9b2J", r'"\u009b2J"'),
        ("a\u2028b", r'"a\u2028b"'),
        (["a.0001", "b.0002"], "a.0001,b.0002"),
        (["constraint a.b", "c"], '"constraint a.b,c"'),
        (0, "0"),
        (False, "False"),
    ],
)
def test_values_stay_on_their_line(value: Any, written: str) -> None:
    assert line_of(what=value) == f"event=done what={written}"


def test_json() -> None:
    with override_settings(TENANT_MIGRATIONS={"LOG_FORMAT": "json"}):
        line = line_of("tenant_failed", run=3, tenant='a"\x1b', applied=["a.0001"], duration=1.5)
    document = json.loads(line)

    assert re.fullmatch(TIME, document.pop("time"))
    assert document == {
        "level": "info",
        "logger": "tenant_migrations.test",
        "event": "tenant_failed",
        "run": 3,
        "tenant": 'a"\x1b',
        "applied": ["a.0001"],
        "duration": 1.5,
    }
    assert "\x1b" not in line


def test_records_of_others_keep_their_message_and_traceback_on_one_line() -> None:
    try:
        raise ValueError("no\nway")
    except ValueError:
        failure = sys.exc_info()
    record = logging.LogRecord("other", logging.ERROR, "", 0, "it %s", ("broke",), failure)
    line = EventFormatter().format(record)

    assert re.match(f'time={TIME} level=error logger=other message="it broke" traceback=', line)
    assert "\n" not in line
    assert r"ValueError: no\nway" in line


def test_secrets_are_masked() -> None:
    line = line_of(error="no connection to postgres://zumodra:hunter22@db/z", errors=["token=abc"])

    assert "hunter22" not in line
    assert "postgres://***@db/z" in line
    assert "token=***" in line


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("postgres://u:p%40ss@h/d and redis://:x@r", "postgres://***@h/d and redis://***@r"),
        ("postgres://u:p@ss/w@h/d", "postgres://***@h/d"),
        ("https://example.com/a?b=c", "https://example.com/a?b=c"),
        ('{"password": "two words"}', '{"password": ***}'),
        ("PASSWORD='x y' host=db", "PASSWORD=*** host=db"),
        ("api_key: abc", "api_key: ***"),
        ("password authentication failed for user", "password authentication failed for user"),
    ],
)
def test_redacted(text: str, safe: str) -> None:
    assert redacted(text) == safe


def test_the_projects_own_secrets_are_masked() -> None:
    with override_settings(SECRET_KEY="s3cr3t-k3y", EMAIL_HOST_PASSWORD="mail-pass"):
        assert redacted("s3cr3t-k3y and mail-pass") == "*** and ***"


def test_a_heal_is_told_event_by_event(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0024_subscription_cancellation")
    poison = "RunSQL('SELECT 1/(count(*) - 4)::int FROM public.tenants_tenant')"
    with logged() as lines:
        answer = fleet.verify("--fix", "--json")
    run = answer.json["fix"]["rollout"]

    assert f" run={run} trigger=cli code_revision=sha256:" in event_in(lines, "rollout_started")
    assert re.search(
        f" run={run} tenant=alpha applied=finance.0025_refund attempts=1 duration=[0-9.]+$",
        event_in(lines, "tenant_fixed"),
    )
    assert re.search(
        f" run={run} state=finished duration=[0-9.]+ ok=4$", event_in(lines, "rollout_ended")
    )
    surveys = [line for line in lines if " event=survey_ended " in line]
    assert re.search(r" tenants=4 public=ok duration=[0-9.]+ pending=1 ok=3$", surveys[0])

    with code_with("finance", {"0026_poison": poison}), logged() as lines:
        fleet.verify("--fix", "--json")
    failures = [line for line in lines if " event=tenant_failed " in line]
    assert failures
    for line in failures:
        assert " level=error " in line
        assert " migration=finance.0026_poison sqlstate=22012 " in line
        assert ' error="division by zero" attempts=1 ' in line


def test_a_lock_is_told_before_it_is_tried_again(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", "0024_subscription_cancellation")
    with (
        override_settings(TENANT_MIGRATIONS={"LOCK_ATTEMPTS": 2}),
        fleet.connect(autocommit=False) as other,
        logged() as lines,
    ):
        other.execute("LOCK TABLE alpha.finance_payment IN SHARE ROW EXCLUSIVE MODE")
        fleet.verify("--fix", "--json", "--lock-timeout=50")

    again = event_in(lines, "tenant_retried")
    assert " level=warning " in again
    assert " tenant=alpha migration=finance.0025_refund sqlstate=55P03 " in again
    assert " attempts=2 " in event_in(lines, "tenant_failed")


def test_health_is_told(fleet: Fleet) -> None:
    with logged() as lines:
        fleet.command("health_check", "--full")

    assert ' check=monitoring why="the fleet was never verified" ' in event_in(
        lines, "check_warning"
    )
    assert re.search(
        r" status=degraded duration=[0-9.]+ healthy=13 warning=1 unhealthy=0$",
        event_in(lines, "health_checked"),
    )
