"""Degrading by hand, and the finance pages that do."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django_tenants.utils import schema_context

from tenant_migrations.models import Incident
from tenant_migrations.web import incidents
from tests.support.fleets import Fleet
from tests.web.conftest import Host
from zumodra.accounts.models import Profile, Role
from zumodra.custom_account_u.models import User

WITHOUT_GUARD = [name for name in settings.MIDDLEWARE if "TenantGuard" not in name]
PAGES = ["", "subscription/", "subscription/summary/", "subscription/invoices/"]
NOTICE = "Some of this is not available right now"


@pytest.fixture
def owner(fleet: Fleet) -> Iterator[Client]:
    """The signed-in owner of `alpha`; no guard catches what the views let through."""
    user = User.objects.create_user("owner@alpha.example")
    with schema_context("alpha"):
        Profile.objects.create(user=user, role=Role.OWNER)
        visitor = Client(headers={"host": "alpha.localhost"})
        visitor.force_login(user)
    with override_settings(MIDDLEWARE=WITHOUT_GUARD):
        yield visitor


def test_healthy_pages_show_no_notice(owner: Client) -> None:
    for page in PAGES:
        answer = owner.get(f"/finance/{page}")
        assert answer.status_code == 200
        assert NOTICE not in answer.text
    assert "2030-001" in owner.get("/finance/").text


@pytest.mark.parametrize(
    ("table", "shown"),
    [
        ("finance_invoice", {"subscription/": "Price", "subscription/summary/": "Price"}),
        ("finance_subscription", {"": "The plan is not available right now"}),
        ("finance_paymentmethod", {"": "2030-001", "subscription/": "Not available right now"}),
        ("finance_escrowtransaction", {"": '<h2>Paid</h2><p class="figure">'}),
    ],
)
def test_a_missing_table_costs_a_page_only_what_is_read_from_it(
    fleet: Fleet, owner: Client, table: str, shown: dict[str, str]
) -> None:
    before = {page: owner.get(f"/finance/{page}").text for page in PAGES}
    fleet.drop_table("alpha", table)
    noticed = set()
    for page in PAGES:
        answer = owner.get(f"/finance/{page}")
        assert answer.status_code == 200, page
        if NOTICE in answer.text:
            noticed.add(page)
        else:
            assert answer.text.split("csrf")[0] == before[page].split("csrf")[0]
    assert noticed, "at least one page says so"
    for page, text in shown.items():
        assert text in owner.get(f"/finance/{page}").text, page
    incidents.settle()
    assert set(Incident.objects.values_list("schema_name", flat=True)) == {"alpha"}
    assert {page for page in PAGES if "Not available" in owner.get(f"/finance/{page}").text} <= (
        noticed
    )


def test_a_company_without_a_subscription_is_told_so_whatever_else_is_missing(
    fleet: Fleet, owner: Client
) -> None:
    fleet.sql("UPDATE finance_invoice SET subscription_id = NULL", schema="alpha")
    fleet.sql("DELETE FROM finance_subscription", schema="alpha")
    fleet.drop_table("alpha", "finance_paymentmethod")
    page = owner.get("/finance/subscription/summary/").text
    assert NOTICE in page
    assert "There is no subscription yet" in page


def test_the_list_partial_says_that_its_list_is_missing(fleet: Fleet, owner: Client) -> None:
    fleet.drop_table("alpha", "finance_invoice")
    answer = owner.get("/finance/subscription/invoices/")
    assert NOTICE in answer.text
    assert "No invoices yet" not in answer.text
    assert answer.context["migration_error"] is True


@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.usefixtures("views")
def test_what_was_written_around_a_part_that_failed_stands(
    fleet: Fleet, host: Host, monkeypatch: pytest.MonkeyPatch, atomic: bool
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    assert host("beta").get("/by-hand/").text == "False 2"
    fleet.drop_table("alpha", "finance_invoice")
    assert host("alpha").get("/by-hand/").text == "True 1"
    kept = fleet.rows("SELECT name FROM accounts_skill ORDER BY id", schema="alpha")
    with_them = [] if atomic else [("With them",)]
    assert kept == [("Before",), *with_them, ("After",)]


@pytest.mark.usefixtures("views")
def test_other_errors_are_raised_as_ever(fleet: Fleet, host: Host) -> None:
    assert host("alpha").get("/by-hand-typo/").status_code == 500
    fleet.drop_table("alpha", "finance_invoice")
    assert host("alpha").get("/by-hand-typo/").status_code == 500
