"""Problems and messages without a database: grouping, wording, masking."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tenant_migrations.exceptions import WrongUse
from tenant_migrations.fleet import findings
from tenant_migrations.fleet.report import FleetReport, SchemaReport
from tenant_migrations.fleet.verdict import Verdict
from tenant_migrations.models import TenantOutcome
from tenant_migrations.observability.alerts.channels import Channel, channels
from tenant_migrations.observability.alerts.messages import LONGEST_LINE, told
from tenant_migrations.observability.alerts.problems import problems_of
from zumodra.settings.alerts import urls_from

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PENDING = ("finance", "0026_late")
NAMES = [f"tenant_{number:03d}" for number in range(600)]


def behind(names: list[str]) -> FleetReport:
    """A fleet where some lack a migration."""
    verdict = Verdict((findings.pending(["finance.0026_late"]),), (PENDING,))
    tenants = tuple(SchemaReport(name, "tenant", verdict) for name in names)
    return FleetReport("sha256:x", SchemaReport("public", "public"), tenants)


def outcome(name: str, message: str = "duplicate key") -> TenantOutcome:
    return TenantOutcome(
        schema_name=name,
        state="failed",
        migration="finance.0026_late",
        sqlstate="23505",
        message=message,
        hint=f"clean them, then: manage.py verify_tenant_migrations --fix --tenant={name}",
    )


def test_six_hundred_tenants_failing_alike_are_one_problem() -> None:
    outcomes = {name: outcome(name, f"duplicate key of {name}") for name in NAMES}
    (problem,) = problems_of(behind(NAMES), outcomes)
    assert problem.key == "failed:23505:finance.0026_late"
    message = told(problem, NOW, 0)
    assert "600 tenants failed in finance.0026_late (SQLSTATE 23505)" in message.title
    assert "tenant_000, tenant_001, tenant_002, tenant_003, tenant_004 and 595 more" in message.body
    assert "and 597 more" in message.facts["Cause"]
    assert "--tenant=" not in message.facts["Hint"]
    assert len(message.body) < 1_000


def test_six_hundred_pending_tenants_are_one_problem() -> None:
    (problem,) = problems_of(behind(NAMES))
    assert (problem.key, len(problem.tenants)) == ("pending:TM001", 600)
    assert problem.hint == "apply: manage.py verify_tenant_migrations --fix"


def test_failures_and_tenants_merely_behind_are_two_problems() -> None:
    keys = [problem.key for problem in problems_of(behind(NAMES), {NAMES[0]: outcome(NAMES[0])})]
    assert keys == ["failed:23505:finance.0026_late", "pending:TM001"]


def test_a_command_in_an_alert_quotes_names() -> None:
    name = "a b;$(id)"
    (problem,) = problems_of(behind([name]), {name: outcome(name)})
    assert problem.command == "manage.py verify_tenant_migrations --tenant='a b;$(id)'"


def test_long_and_secret_texts_are_cut_and_masked() -> None:
    text = "could not reach postgres://app:hunter22@db/x, password=hunter22 " + "x" * 9_999
    name = NAMES[0]
    (problem,) = problems_of(behind([name]), {name: outcome(name, text)})
    message = told(problem, NOW, 0)
    assert "hunter22" not in message.body + message.title
    assert all(len(line) < LONGEST_LINE + 50 for line in message.body.splitlines())


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (
            "json://user:s3cret@hooks.example.com:8443/s3cret?+X=s3cret",
            "json://hooks.example.com:8443",
        ),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#x", "slack://T...2"),
        ("pagerduty://A1BRTD4JDTIiajkdnlazkcOXrIdevi7FQ@B1BRTD4JDTI", "pagerduty://****"),
        ("mailtos://me:s3cret@smtp.example.com?to=a@example.com", "mailtos://smtp.example.com"),
    ],
)
def test_channels_are_named_without_secrets(
    alert_to: Callable[..., None], url: str, name: str
) -> None:
    alert_to([url, url])
    (channel,) = channels()
    assert channel.name == name
    assert "s3cret" not in repr(channel)


def test_two_channels_of_one_name_are_told_apart(alert_to: Callable[..., None]) -> None:
    alert_to(["json://h/a", "json://h/b"])
    named = {channel.url: channel.name for channel in channels()}
    assert named == {"json://h/a": "json://h", "json://h/b": "json://h (2)"}


def test_reports_do_not_page_people_unless_asked_to() -> None:
    assert not Channel("x", "pagerduty://a@b").takes("report")
    assert Channel("x", "pagerduty://a@b").takes("critical")
    assert Channel("x", "pagerduty://a@b", frozenset({"report"})).takes("report")
    assert not Channel("x", "slack://a", frozenset({"report"})).takes("critical")


def test_urls_of_one_line() -> None:
    assert urls_from("") == []
    assert urls_from(" json://a , slack://b/c/d,mailto://u:p@h?to=x@y.z,v@w.z ") == [
        "json://a",
        "slack://b/c/d",
        "mailto://u:p@h?to=x@y.z,v@w.z",
    ]


def test_a_url_that_is_not_understood_is_named_by_its_place(alert_to: Callable[..., None]) -> None:
    alert_to({"critical": ["json://h"], "warning": ["json://h", "pagerduty://s3cret"]})
    with pytest.raises(WrongUse, match=r"^ALERT_URLS\['warning'\]\[1\] \(pagerduty://…\) is not"):
        channels()
