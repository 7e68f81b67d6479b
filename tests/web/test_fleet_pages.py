"""The fleet pages: who sees what, what they say, and what they cost."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenant_migrations.models import (
    Backup,
    FleetAction,
    Incident,
    Quarantine,
    Rollout,
    TenantState,
)
from tests.support.fleets import Fleet
from zumodra.custom_account_u.models import User

ODD = ["<script>alert(1)</script>", 'a"b', "../x"]
PAGES = ["", "tenants/", "tenant/?name=alpha", "rollouts/", "incidents/", "quarantine/", "audit/"]
EVERY_RIGHT = "view_fleet verify_fleet heal_fleet release_quarantine set_maintenance rollback_fleet"

Staff = Callable[[str], Client]


@pytest.fixture
def staff(fleet: Fleet) -> Iterator[Staff]:
    """Signed-in staff on the public host, with the permissions that are named."""
    backend = "tests.web.backends.SomePermissions"

    def signed_in(permissions: str) -> Client:
        number = User.objects.count()
        user = User.objects.create_user(
            f"staff{number}@example.com", full_name=permissions, is_staff=True
        )
        visitor = Client(headers={"host": "localhost"}, enforce_csrf_checks=False)
        visitor.force_login(user, backend=backend)
        return visitor

    with override_settings(AUTHENTICATION_BACKENDS=[backend]):
        yield signed_in


def wait_for_jobs() -> None:
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "_wait" in thread.name:
            thread.join(60)


def test_a_stranger_is_sent_to_sign_in_and_staff_without_the_right_get_nothing(
    fleet: Fleet, staff: Staff
) -> None:
    fleet.verify()
    for page in PAGES:
        path = f"/migrations/{page}"
        answer = Client(headers={"host": "localhost"}).get(path)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/sign-in/")
        refused = staff("verify_fleet heal_fleet").get(path)
        assert refused.status_code == 403
        assert "alpha" not in refused.text
        assert Client(headers={"host": "alpha.localhost"}).get(path).status_code == 404


def test_every_page_has_a_strict_policy_and_nothing_inline(fleet: Fleet, staff: Staff) -> None:
    fleet.drop_table("alpha", "finance_refund")
    fleet.verify("--fix", "--no-input")
    visitor = staff(EVERY_RIGHT)
    pages = [*PAGES, f"rollouts/{Rollout.objects.get().pk}/", "tenants/?part=table"]
    for page in pages:
        answer = visitor.get(f"/migrations/{page}")
        assert answer.status_code == 200, page
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "no-store" in answer["Cache-Control"]
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://", answer.text), page
        assert not re.search(r"<script(?! src=)", answer.text)


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_shown_as_they_are_and_lead_to_their_page(
    fleet: Fleet, staff: Staff, name: str
) -> None:
    fleet.add_tenant(name, schema=False)
    fleet.verify()
    visitor = staff("view_fleet")
    listed = visitor.get("/migrations/tenants/", {"q": name}).text
    assert "1 tenant<" in listed
    (link,) = re.findall(r'href="(/migrations/tenant/\?name=[^"]+)"', listed)
    assert link == f"/migrations/tenant/?name={quote(name, safe='')}"
    page = visitor.get(unescape(link)).text
    assert "missing" in page
    assert name not in re.sub(r"\.\./x", "", page) or name == "../x"
    assert unescape(page).count(name) >= 2


def test_the_overview_counts(fleet: Fleet, staff: Staff) -> None:
    visitor = staff("view_fleet")
    assert "The fleet was never checked" in visitor.get("/migrations/").text
    assert "4 not checked yet" in visitor.get("/migrations/").text
    fleet.drop_table("alpha", "finance_refund")
    fleet.verify()
    fleet.verify()
    page = visitor.get("/migrations/").text
    assert "4 tenants checked" in page
    assert "not checked yet" not in page
    assert re.search(r'status=drifted"><span class="figure">1</span>', page)
    assert re.search(r'status=ok"><span class="figure">3</span>', page)
    assert "Tenants by check: at most 4" in page


def test_filter_sort_and_pages_are_the_databases_work(fleet: Fleet, staff: Staff) -> None:
    now = timezone.now()
    TenantState.objects.bulk_create(
        TenantState(
            schema_name=f"customer_{number:04}",
            kind="tenant",
            domain=f"customer-{number}.example.com",
            status="pending" if number % 7 == 0 else "ok",
            since=now,
            checked_at=now,
            pending=number % 7 == 0,
            apps={"finance": [1, 0]} if number % 7 == 0 else {},
            variant="b" if number % 7 == 0 else "a",
            digest="",
        )
        for number in range(5_000)
    )
    visitor = staff("view_fleet")

    def names(**wanted: Any) -> list[str]:
        page = visitor.get("/migrations/tenants/", {"part": "table", **wanted}).text
        assert page.lstrip().startswith('<div id="tenants">')
        return re.findall(r"name=(customer_\d+)", page)

    assert names()[:2] == ["customer_0000", "customer_0007"], "gravest first"
    assert len(names()) == 50
    assert names(sort="-name")[0] == "customer_4999"
    assert names(sort="name", page="100")[-1] == "customer_4999"
    assert names(sort="name", page="1e9") == names(sort="name")
    assert names(status="ok", sort="nonsense")[0] == "customer_0001"
    assert names(q="CUSTOMER-499.example") == ["customer_0499"]
    assert names(q="%") == []
    assert names(app="finance", sort="-name")[0] == "customer_4998"
    assert names(variant="b", q="0007") == ["customer_0007"]
    counts = []
    for wanted in ({}, {"q": "0007"}):
        with CaptureQueriesContext(connection) as queries:
            visitor.get("/migrations/tenants/", wanted)
            counts.append(len(queries))
    assert counts[0] == counts[1] <= 16, "whatever the number of tenants"


def test_one_tenant_tells_all_there_is_to_know(fleet: Fleet, staff: Staff) -> None:
    fleet.drop_table("alpha", "finance_refund")
    fleet.verify()
    fleet.verify("--fix", "--no-input")
    fleet.drop_table("alpha", "finance_escrowtransaction")
    fleet.verify()
    now = timezone.now()
    Incident.objects.create(
        schema_name="alpha",
        object="finance_escrowtransaction",
        sqlstate="42P01",
        status="drifted",
        path="/finance/",
        count=3,
        first_at=now,
        last_at=now,
    )
    page = unescape(staff("view_fleet").get("/migrations/tenant/?name=alpha").text)
    assert "TM101" in page
    assert "--fix --tenant=alpha" in page
    assert "finance_refund" in page
    assert "3 requests" in page
    assert "django_migrations" in page, "one of the largest tables"
    assert "You may look, and nothing else." in page
    assert "<form" not in page
    for name in ("nobody", "", "tenant_migrations_reference_tenant", "pg_catalog"):
        answer = staff("view_fleet").get("/migrations/tenant/", {"name": name})
        assert answer.status_code == 404, name


def test_each_action_needs_its_own_right(fleet: Fleet, staff: Staff) -> None:
    rights = {
        "verify": "verify_fleet",
        "heal": "heal_fleet",
        "release": "release_quarantine",
        "maintenance-on": "set_maintenance",
        "maintenance-off": "set_maintenance",
        "look-in": "set_maintenance",
        "plan-rollback": "rollback_fleet",
        "rollback": "rollback_fleet",
    }
    for action, needed in rights.items():
        others = EVERY_RIGHT.replace(needed, "")
        form = {"action": action, "schema_name": "alpha", "typed": "alpha"}
        assert staff(others).post("/migrations/act/", form).status_code == 403, action
        assert staff(others).get("/migrations/act/", form).status_code == 405
    assert not FleetAction.objects.exists()
    strict = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    strict.cookies = staff(EVERY_RIGHT).cookies
    answer = strict.post("/migrations/act/", {"action": "heal", "schema_name": "alpha"})
    assert answer.status_code == 403, "without the token of its form"


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"action": "drop"}, "no such action"),
        ({"action": "heal", "schema_name": "nobody"}, "no tenant has that name"),
        ({"action": "heal", "schema_name": "public"}, "no tenant has that name"),
        ({"action": "heal"}, "type 'all tenants'"),
        ({"action": "heal", "rollout": "99"}, "no such rollout"),
        ({"action": "release", "schema_name": "alpha", "typed": "beta"}, "type 'alpha'"),
        ({"action": "release", "schema_name": "alpha", "typed": "alpha"}, "not in quarantine"),
        ({"action": "maintenance-on", "schema_name": "alpha"}, "say why"),
        (
            {"action": "maintenance-on", "schema_name": "alpha", "reason": "x", "minutes": "0"},
            "1 to",
        ),
        ({"action": "maintenance-off", "schema_name": "alpha"}, "not under maintenance"),
    ],
)
def test_a_mistake_is_explained_and_nothing_done(
    fleet: Fleet, staff: Staff, form: dict[str, str], why: str
) -> None:
    answer = staff(EVERY_RIGHT).post("/migrations/act/", form)
    assert answer.status_code == 400
    assert why in unescape(answer.text)
    assert not FleetAction.objects.exists()


def test_maintenance_and_quarantine_leave_an_audit_trail(fleet: Fleet, staff: Staff) -> None:
    visitor = staff(EVERY_RIGHT)
    Quarantine.objects.create(schema_name="alpha", reason="unproven")

    def act(action: str, **more: str) -> Any:
        return visitor.post("/migrations/act/", {"action": action, "schema_name": "alpha", **more})

    assert act("maintenance-on", reason="moving house", minutes="5").status_code == 302
    assert "moving house" in visitor.get("/migrations/tenant/?name=alpha").text
    assert "moving house" in visitor.get("/migrations/quarantine/").text
    assert re.search(r'href="http://alpha\.localhost/\?tenant_', act("look-in").text)
    assert act("maintenance-off").status_code == 302
    assert "moving house" not in visitor.get("/migrations/tenant/?name=alpha").text
    assert act("release", typed="alpha").status_code == 302
    assert not Quarantine.objects.exists()
    done = FleetAction.objects.order_by("id").values_list("action", "schema_name", "exit_code")
    assert [*done] == [
        (action, "alpha", 0)
        for action in ("maintenance-on", "look-in", "maintenance-off", "release")
    ]
    who = FleetAction.objects.first()
    assert who is not None
    assert who.username.startswith("staff")
    audit = unescape(visitor.get("/migrations/audit/").text)
    assert "reason: unproven" in audit
    assert "minutes: 5" in audit


def test_work_is_done_by_another_process_and_seen_live(fleet: Fleet, staff: Staff) -> None:
    fleet.drop_table("alpha", "finance_refund")
    visitor = staff(EVERY_RIGHT)
    answer = visitor.post("/migrations/act/", {"action": "heal", "schema_name": "alpha"})
    action = FleetAction.objects.get()
    assert answer["Location"] == f"/migrations/audit/{action.pk}/"
    assert 'hx-trigger="every 2s"' in visitor.get(answer["Location"]).text
    wait_for_jobs()
    page = visitor.get(answer["Location"], {"part": "live"}).text
    assert "hx-trigger" not in page, "it is over"
    rollout = Rollout.objects.get()
    assert (rollout.trigger, rollout.process) == ("web", FleetAction.objects.get().process)
    assert f"Rollout {rollout.pk}" in page
    assert "1 of 1 schema done" in page
    assert visitor.get(f"/migrations/rollouts/{rollout.pk}/").status_code == 200
    assert visitor.get("/migrations/rollouts/99999/").status_code == 404


def test_what_a_rollout_left_behind_is_retried(fleet: Fleet, staff: Staff) -> None:
    rollout = Rollout.objects.create(
        trigger="cli", code_revision="x", host="here", process=1, state="stopped", error="enough"
    )
    for name, state in (("alpha", "failed"), ("beta", "fixed"), ("gone", "not attempted")):
        rollout.outcomes.create(
            schema_name=name, state=state, status_before="drifted", message="no <b>luck</b>"
        )
    visitor = staff(EVERY_RIGHT)
    page = visitor.get(f"/migrations/rollouts/{rollout.pk}/").text
    assert "no &lt;b&gt;luck" in page
    assert "Retry what failed" in page
    visitor.post("/migrations/act/", {"action": "heal", "rollout": str(rollout.pk)})
    wait_for_jobs()
    action = FleetAction.objects.get()
    assert (action.parameters, action.exit_code) == ({"rollout": rollout.pk, "tenants": 1}, 0)
    retried = Rollout.objects.exclude(pk=rollout.pk).get()
    assert retried.options["tenants"] == ["alpha"]


def test_a_rollout_shows_its_waves_and_what_is_still_to_come(fleet: Fleet, staff: Staff) -> None:
    began = timezone.now().isoformat()
    rollout = Rollout.objects.create(
        trigger="cli",
        code_revision="x",
        host="here",
        process=1,
        waves=[
            {"wave": "reference", "schemas": [], "began_at": began},
            {"wave": "canaries", "schemas": ["alpha", "beta"], "began_at": began},
            {"wave": "rest", "schemas": ["gamma"], "began_at": began},
        ],
    )
    states = {"alpha": "fixed", "beta": "failed", "gamma": "running", "delta": "not attempted"}
    for name, state in states.items():
        rollout.outcomes.create(schema_name=name, state=state, status_before="pending")

    def rows() -> list[list[str]]:
        page = staff("view_fleet").get(f"/migrations/rollouts/{rollout.pk}/").text
        table = page.partition('aria-label="Waves"')[2].partition("</table>")[0]
        found = re.findall(r"<tr>(.*?)</tr>", table)
        return [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in found]

    at = timezone.localtime(datetime.fromisoformat(began)).strftime("%H:%M:%S")
    assert rows() == [
        ["Wave", "Began", "Done", "Failed", "Schemas"],
        ["reference", at, "·", "·", "·"],
        ["canaries", at, "2", "1", "2"],
        ["rest", at, "0", "0", "1"],
        ["still to come", "", "", "", "1"],
    ]
    Rollout.objects.update(state="stopped")
    assert rows()[-1] == ["not reached", "", "", "", "1"]


def test_a_process_that_can_not_be_started(fleet: Fleet, staff: Staff) -> None:
    with override_settings(TENANT_MIGRATIONS={"WEB_COMMAND": ["/nowhere/python"]}):
        answer = staff(EVERY_RIGHT).post("/migrations/act/", {"action": "verify"})
    assert answer.status_code == 400
    assert "WEB_COMMAND" in answer.text
    assert "could not be started" in FleetAction.objects.get().message


def test_without_htmx_the_pages_say_so(fleet: Fleet, staff: Staff) -> None:
    without = [name for name in settings.INSTALLED_APPS if name != "django_htmx"]
    with override_settings(INSTALLED_APPS=without):
        page = staff("view_fleet").get("/migrations/tenants/").text
    assert "django-tenant-migrations[web]" in page
    assert "<script" not in page
    assert "hx-" not in page.replace("htmx-config", "")


def test_a_tenant_is_restored_once_the_plan_was_seen_and_its_name_typed(
    fleet: Fleet, staff: Staff, tmp_path: Path
) -> None:
    made = fleet.command("backup_database", f"--dir={tmp_path / 'backups'}", "--quiet")
    assert made.exit_code == 0, made.stderr
    fleet.sql("DELETE FROM finance_refund", schema="alpha")
    visitor = staff(EVERY_RIGHT)
    assert "since the last backup" in visitor.get("/migrations/").text
    backup = Backup.objects.get()
    assert backup.name in visitor.get("/migrations/tenant/?name=alpha").text
    form = {"schema_name": "alpha", "backup": str(backup.pk)}

    answer = visitor.post("/migrations/act/", {**form, "action": "plan-rollback"})
    wait_for_jobs()
    plan = FleetAction.objects.get()
    assert plan.exit_code == 0, plan.message
    page = unescape(visitor.get(answer["Location"]).text)
    assert plan.message in page
    assert f"{backup.name}.dump --tenant=alpha" in page
    assert fleet.counts("alpha")["finance_refund"] == 0, "a plan changes nothing"

    refused = visitor.post("/migrations/act/", {**form, "action": "rollback", "typed": "Alpha"})
    assert refused.status_code == 400
    visitor.post("/migrations/act/", {**form, "action": "rollback", "typed": "alpha"})
    wait_for_jobs()
    action = FleetAction.objects.get(action="rollback")
    assert (action.exit_code, action.message) == (0, "")
    assert fleet.counts("alpha")["finance_refund"] == 1
    assert "Restored" in visitor.get("/migrations/tenant/?name=alpha").text
    for other in ("0", "x", str(backup.pk + 100)):
        answer = visitor.post(
            "/migrations/act/", {**form, "backup": other, "action": "rollback", "typed": "alpha"}
        )
        assert answer.status_code == 400


def test_before_its_own_tables_are_there_a_page_says_so(fleet: Fleet, staff: Staff) -> None:
    visitor = staff("view_fleet")
    fleet.drop_table("public", "tenant_migrations_tenantstate")
    answer = visitor.get("/migrations/")
    assert answer.status_code == 503
    assert "verify_tenant_migrations --fix" in answer.text
