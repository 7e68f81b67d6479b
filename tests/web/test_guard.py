"""The guard: a tenant whose table is missing answers 503, all else answers as it did."""

import asyncio
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tenant_migrations.models import Incident, Rollout, TenantOutcome
from tenant_migrations.web import closed, incidents, looking
from tenant_migrations.web.looking import looker
from tests.support.code import code_with
from tests.support.fleets import Fleet
from tests.torture.waiting import until
from tests.web.conftest import Host

pytestmark = pytest.mark.usefixtures("views")

MISSES_INVOICES = [
    "plain",
    "in-template",
    "streamed",
    "asynchronous",
    "rest",
    "column",
    "after-an-error",
]


def open_incidents() -> list[tuple[str, str, str, int]]:
    incidents.settle()
    rows = Incident.objects.filter(resolved_at=None).order_by("schema_name", "object")
    return [(row.schema_name, row.object, row.status, row.count) for row in rows]


def test_wherever_it_surfaces_the_tenant_answers_503_and_the_others_go_on(
    fleet: Fleet, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.drop_table("alpha", "finance_invoice")
    for view in MISSES_INVOICES:
        answer = host("alpha").get(f"/{view}/")
        assert answer.status_code == 503, view
        assert answer["Retry-After"] == "60"
        assert "no-store" in answer["Cache-Control"]
        assert "invoice" not in answer.content.decode()
        assert host("beta").get(f"/{view}/").status_code == 200, view
        assert host("alpha").get("/other/").content == b"well"
    assert open_incidents() == [("alpha", "finance_invoice", "drifted", len(MISSES_INVOICES))]
    assert [record.message for record in caplog.records] == ["incident_opened"]


def test_a_missing_column_and_a_missing_schema(fleet: Fleet, host: Host) -> None:
    fleet.sql("ALTER TABLE finance_invoice DROP COLUMN due_on CASCADE", schema="alpha")
    assert host("alpha").get("/column/").status_code == 503
    fleet.drop_schema("beta")
    assert host("beta").get("/plain/").status_code == 503
    assert open_incidents() == [
        ("alpha", "finance_invoice.due_on", "drifted", 1),
        ("beta", "finance_invoice", "missing", 1),
    ]


def test_a_deploy_whose_migration_is_pending(fleet: Fleet, host: Host) -> None:
    column = "AddField('Invoice', 'marginalia', models.TextField(null=True))"
    with code_with("finance", {"0900_marginalia": column}):
        for _ in ("nobody has checked yet", "the reference has passed it"):
            page = "/typo/?table=finance_invoice WHERE"
            assert host("alpha").get(f"{page} marginalia = ''").status_code == 503
            assert host("alpha").get(f"{page} marginalium = ''").status_code == 500
            assert fleet.verify().exit_code == 1
            looker.forget()
    assert open_incidents() == [("alpha", "marginalia", "pending", 2)]


def test_a_deploy_while_there_is_no_reference(fleet: Fleet, host: Host) -> None:
    fleet.take_back("alpha", "finance", "0024_subscription_cancellation")
    fleet.drop_schema("tenant_migrations_reference_tenant")
    assert host("alpha").get("/typo/?table=finance_refund").status_code == 503
    assert host("alpha").get("/typo/?table=finance_refunds").status_code == 500
    assert host("beta").get("/typo/?table=elsewhere.finance_refund").status_code == 500
    assert open_incidents() == [("alpha", "finance_refund", "pending", 1)]


def test_the_page_comes_back_by_itself(fleet: Fleet, host: Host) -> None:
    fleet.drop_table("alpha", "finance_refund")
    fleet.sql("ALTER TABLE finance_invoice RENAME TO gone", schema="alpha")
    visitor = host("alpha")
    assert visitor.get("/plain/").status_code == 503
    fleet.sql("ALTER TABLE gone RENAME TO finance_invoice", schema="alpha")
    assert visitor.get("/plain/").content == b"2 invoices"
    assert open_incidents() == [("alpha", "finance_invoice", "drifted", 1)]
    assert fleet.verify("--fix", "--no-input").exit_code == 0
    assert open_incidents() == []


def test_other_errors_are_not_disguised(fleet: Fleet, host: Host) -> None:
    assert host("alpha").get("/typo/").status_code == 500
    fleet.drop_table("alpha", "finance_invoice")
    assert host("alpha").get("/typo/").status_code == 500, "a typo on a broken tenant"
    assert host("alpha").get("/divides/").status_code == 500
    assert host("alpha").get("/not-found/").status_code == 404
    assert host("beta").get("/typo/?table=finance_old_invoice").status_code == 500
    with pytest.raises(ZeroDivisionError), override_settings(ROOT_URLCONF="tests.web.broken_urls"):
        Client(headers={"host": "alpha.localhost"}).get("/")
    assert open_incidents() == []


def test_a_table_that_other_code_wants_is_no_fault_of_a_healthy_tenant(
    fleet: Fleet, host: Host
) -> None:
    """The name is known to the migrations, the tenant is well: its search path must be wrong."""
    fleet.sql("CREATE SCHEMA elsewhere")
    answer = host("alpha").get("/typo/?table=elsewhere.finance_invoice")
    assert answer.status_code == 500
    assert open_incidents() == []


def test_what_a_rollout_brought_just_now_is_no_error_and_no_incident(
    fleet: Fleet, host: Host
) -> None:
    """The guard looks after the request has failed, and a rollout may be quicker."""
    fleet.sql("CREATE SCHEMA elsewhere")
    fleet.drop_table("alpha", "finance_refund")
    fleet.take_back("beta", "finance", "0024_subscription_cancellation")
    assert fleet.verify("--fix", "--no-input").exit_code == 0
    TenantOutcome.objects.update(started_at=timezone.now())

    def missing(table: str, tenant: str) -> int:
        return host(tenant).get(f"/typo/?table=elsewhere.{table}").status_code

    assert missing("finance_refund", "alpha") == 503, "it was repaired"
    assert missing("finance_refund", "beta") == 503, "a migration made it"
    assert missing("finance_invoice", "alpha") == 500, "it was there before"
    assert missing("finance_refund", "gamma") == 500, "no rollout came here"
    assert host("alpha").get("/typo/").status_code == 500
    looker.forget()
    TenantOutcome.objects.update(started_at=timezone.now() - timedelta(minutes=1))
    assert missing("finance_refund", "alpha") == 500, "that was long ago"
    assert open_incidents() == []


def test_what_a_rollout_brought_to_public_is_none_either(fleet: Fleet, host: Host) -> None:
    rollout = Rollout.objects.create(trigger="cli", code_revision="x", host="h", process=1)
    rollout.outcomes.create(
        schema_name="public",
        state="fixed",
        status_before="pending",
        applied=["integrations.0003_apicredential"],
        started_at=timezone.now(),
        duration_seconds=0.1,
    )
    fleet.sql("CREATE SCHEMA elsewhere")
    page = "/typo/?table=elsewhere."
    assert host("alpha").get(f"{page}integrations_apicredential").status_code == 503
    assert host("alpha").get(f"{page}finance_invoice").status_code == 500
    assert open_incidents() == []


@pytest.mark.parametrize(
    ("accept", "content_type", "expected"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8", "<h1>"),
        ("application/json", "application/json", '"error": "migration"'),
        ("application/problem+json", "application/problem+json", '"type": "about:blank"'),
        ("image/png", "text/html; charset=utf-8", "<h1>"),
    ],
)
def test_it_answers_in_the_form_that_was_asked_for(
    fleet: Fleet, host: Host, accept: str, content_type: str, expected: str
) -> None:
    fleet.drop_table("alpha", "finance_invoice")
    answer = host("alpha").get("/plain/", headers={"accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (503, content_type)
    assert expected in answer.content.decode()


def test_json_that_is_posted_is_answered_with_json(fleet: Fleet, host: Host) -> None:
    fleet.drop_table("alpha", "finance_invoice")
    answer = host("alpha").post("/rest/", data="{}", content_type="application/json")
    assert json.loads(answer.content)["retry_after"] == 60
    assert "detail" in answer.json()


def test_a_project_may_have_its_own_page_even_one_that_fails(
    fleet: Fleet, host: Host, tmp_path: Any
) -> None:
    own = tmp_path / "tenant_migrations" / "unavailable.html"
    own.parent.mkdir()
    fleet.drop_table("alpha", "finance_invoice")
    templates = [{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}]
    own.write_text("{{ tenant.name }}: {{ retry_after }} s, {{ why }}")
    with override_settings(TEMPLATES=templates):
        answer = host("alpha").get("/plain/")
        assert answer.content == b"Company alpha: 60 s, migration"
    own.write_text("{% include 'nothing.html' %}")
    with override_settings(TEMPLATES=templates):
        assert "<h1>" in host("alpha").get("/plain/").content.decode()


@pytest.mark.parametrize("atomic", [False, True])
def test_transaction_and_connection_are_left_clean(
    fleet: Fleet, host: Host, monkeypatch: pytest.MonkeyPatch, atomic: bool
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    fleet.drop_table("alpha", "finance_invoice")
    for view in ("writes-first", "without-autocommit"):
        if atomic and view == "without-autocommit":
            continue
        assert host("alpha").get(f"/{view}/").status_code == 503
        assert not connection.in_atomic_block
        connection.set_autocommit(True)  # Refused inside a transaction.
        assert host("alpha").get("/other/").status_code == 200
    kept = fleet.rows(
        "SELECT name FROM accounts_skill WHERE name LIKE 'Half done%%'", schema="alpha"
    )
    assert len(kept) == (0 if atomic else 1), "what was committed before is not undone"


def test_what_fails_in_another_middleware(fleet: Fleet, host: Host) -> None:
    fleet.drop_table("alpha", "finance_invoice")
    middleware = [*settings.MIDDLEWARE, "tests.web.middleware.counts_invoices"]
    with override_settings(MIDDLEWARE=middleware):
        assert host("alpha").get("/other/").status_code == 503
        assert host("beta").get("/other/").status_code == 200
        around = [*settings.MIDDLEWARE[:2], "tests.web.middleware.in_a_transaction"]
        with override_settings(MIDDLEWARE=[around[0], around[2], around[1], *middleware[2:-1]]):
            assert host("alpha").get("/plain/").status_code == 503
            assert host("alpha").get("/other/").status_code == 200
    assert not connection.in_atomic_block


def test_under_asgi(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_invoice")
    application = get_asgi_application()

    async def ask(name: str, view: str) -> int:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "path": f"/{view}/",
            "query_string": b"",
            "headers": [(b"host", f"{name}.localhost".encode())],
        }
        server = ApplicationCommunicator(application, scope)
        await server.send_input({"type": "http.request", "body": b""})
        start = await server.receive_output(30)
        while (await server.receive_output(30)).get("more_body"):
            pass
        await server.wait()
        return int(start["status"])

    async def all_of_them() -> dict[tuple[str, str], int]:
        return {
            (name, view): await ask(name, view)
            for name in ("alpha", "beta")
            for view in ("plain", "asynchronous", "streamed-async", "other")
        }

    answers = asyncio.run(all_of_them())
    assert {
        view for (name, view), code in answers.items() if name == "beta" and code != 200
    } == set()
    assert {view: code for (name, view), code in answers.items() if name == "alpha"} == {
        "plain": 503,
        "asynchronous": 503,
        "streamed-async": 503,
        "other": 200,
    }
    assert [(name, what, count) for name, what, _, count in open_incidents()] == [
        ("alpha", "finance_invoice", 3)
    ]


def test_a_look_that_takes_too_long_is_no_verdict(
    fleet: Fleet, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.drop_table("alpha", "finance_invoice")
    assert host("beta").get("/typo/?table=finance_invoice WHERE nothing").status_code == 500
    monkeypatch.setattr(looking, "SECONDS", 0.5)
    with fleet.connect(autocommit=False) as other:
        other.execute("LOCK TABLE alpha.django_migrations IN ACCESS EXCLUSIVE MODE")
        assert host("alpha").get("/plain/").status_code == 500
    assert open_incidents() == []
    until(lambda: not fleet.waiting_for_lock(), "the server has ended the look")
    monkeypatch.setattr(looking, "SECONDS", 60.0)
    looker.forget()
    assert host("alpha").get("/plain/").status_code == 503


def test_a_healthy_request_costs_no_query(
    fleet: Fleet,
    host: Host,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(closed, "SECONDS", 600.0)
    guard = "tenant_migrations.web.guard.TenantGuardMiddleware"
    without = [name for name in settings.MIDDLEWARE if name != guard]
    with override_settings(MIDDLEWARE=without), CaptureQueriesContext(connection) as queries:
        host("alpha").get("/plain/")
        needed = len(queries)
    visitor = host("alpha")
    visitor.get("/plain/")  # The marks of maintenance are read, once for a while.
    with django_assert_num_queries(needed):
        assert visitor.get("/plain/").status_code == 200


def test_many_requests_at_once_are_one_incident(fleet: Fleet, host: Host) -> None:
    fleet.drop_table("alpha", "finance_invoice")
    codes: list[int] = []

    def visit() -> None:
        try:
            codes.append(host("alpha").get("/plain/").status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=visit) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [503] * 12
    assert open_incidents() == [("alpha", "finance_invoice", "drifted", 12)]
