"""Signing in, the finance pages, the admins, and who is kept out of each."""

import pytest
from django.contrib import admin
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from zumodra.accounts.models import Profile, Role
from zumodra.admin_sites import public_site
from zumodra.custom_account_u.models import User
from zumodra.tenants.links import set_password_url
from zumodra.tenants.models import Domain, Tenant

HOST = "demo.localhost"
FINANCE_PAGES = [
    "/finance/",
    "/finance/subscription/",
    "/finance/subscription/summary/",
    "/finance/subscription/invoices/",
]


@pytest.fixture
def owner(demo_tenant: Tenant) -> User:
    return User.objects.get(email=demo_tenant.owner_email)


@pytest.fixture
def client() -> Client:
    return Client(headers={"host": HOST})


@pytest.mark.parametrize("page", FINANCE_PAGES)
def test_finance_pages_ask_to_sign_in(client: Client, demo_tenant: Tenant, page: str) -> None:
    response = client.get(page)
    assert response.status_code == 302
    assert response["Location"] == f"/sign-in/?next={page}"


@pytest.mark.parametrize("page", FINANCE_PAGES)
def test_owner_sees_finance_pages(client: Client, owner: User, page: str) -> None:
    client.force_login(owner)
    response = client.get(page)
    assert response.status_code == 200
    assert ("<html" in response.text) == (page in FINANCE_PAGES[:2])


def test_dashboard_shows_the_figures(client: Client, owner: User) -> None:
    client.force_login(owner)
    page = client.get("/finance/").text
    for text in ["Outstanding", "132.84\N{NO-BREAK SPACE}EUR", "Payments by month", "-0006"]:
        assert text in page


def test_plain_member_is_refused(client: Client, demo_tenant: Tenant) -> None:
    profile = Profile.objects.filter(role=Role.MEMBER).select_related("user").first()
    assert profile is not None
    client.force_login(profile.user)
    assert client.get("/finance/").status_code == 403


def test_signing_in_with_a_password_set_by_a_link_that_works_once(
    client: Client, owner: User
) -> None:
    path = set_password_url(owner, HOST).split(":8000", 1)[1]
    form = client.get(path, follow=True).redirect_chain[-1][0]
    password = "a long enough passphrase"
    answer = client.post(form, {"new_password1": password, "new_password2": password})
    assert answer["Location"] == "/sign-in/"
    assert "be used" in Client(headers={"host": HOST}).get(path).text
    answer = client.post("/sign-in/", {"username": owner.email.upper(), "password": password})
    assert answer["Location"] == "/finance/"
    answer = client.post("/sign-in/", {"username": owner.email, "password": "wrong"})
    assert answer.status_code == 302  # Signed in already; a new visitor is refused:
    answer = Client(headers={"host": HOST}).post(
        "/sign-in/", {"username": owner.email, "password": "wrong"}
    )
    assert "match a member" in answer.text


def test_account_of_another_company_is_refused(client: Client, demo_tenant: Tenant) -> None:
    stranger = User.objects.create_user("stranger@example.com", "a long enough passphrase")
    answer = client.post(
        "/sign-in/", {"username": stranger.email, "password": "a long enough passphrase"}
    )
    assert "match a member" in answer.text


def test_ending_a_membership_ends_its_session(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert client.get("/finance/").status_code == 200
    Profile.objects.filter(user=owner).update(is_active=False)
    assert client.get("/finance/").status_code == 302


def test_owner_administers_the_company_and_not_the_platform(client: Client, owner: User) -> None:
    client.force_login(owner)
    page = client.get("/admin/").text
    assert "Invoices" in page
    assert "Webhook" not in page
    assert client.get("/admin/finance/invoice/").status_code == 200
    assert client.get("/admin/tenants/tenant/").status_code == 404


def test_every_admin_page_of_a_company_opens(client: Client, owner: User) -> None:
    client.force_login(owner)
    for model in admin.site._registry:
        listing = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert client.get(listing).status_code == 200, listing
        first = model._default_manager.first()
        if first is not None:
            assert client.get(f"{listing}{first.pk}/change/").status_code == 200, listing


@pytest.mark.django_db
def test_every_admin_page_of_the_platform_opens() -> None:
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("operator@example.com"))
    for model in public_site._registry:
        listing = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert client.get(listing, follow=True).status_code == 200, listing
        first = model._default_manager.first()
        if first is not None:
            assert client.get(f"{listing}{first.pk}/change/").status_code == 200, listing


@pytest.mark.django_db
def test_platform_staff_administers_companies_on_the_public_host() -> None:
    client = Client(headers={"host": "localhost"})
    operator = User.objects.create_superuser("operator@example.com", "a long enough passphrase")
    assert client.get("/admin/tenants/tenant/").status_code == 302
    client.force_login(operator)
    assert "Demo Company" in client.get("/admin/tenants/tenant/").text
    assert client.get("/admin/finance/invoice/").status_code == 404


@pytest.mark.django_db
def test_landing_page_needs_no_database(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        response = Client(headers={"host": "localhost"}).get("/")
    assert "Hiring, people and billing" in response.text


@pytest.mark.django_db
@pytest.mark.parametrize("status", [None, Tenant.Status.PROVISIONING, Tenant.Status.CLOSED])
def test_hosts_of_nobody_are_not_found(status: Tenant.Status | None) -> None:
    if status is not None:
        tenant = Tenant.objects.create(
            name="Other", slug="other", schema_name="tenant_other", status=status
        )
        Domain.objects.create(tenant=tenant, domain="other.localhost")
    assert Client(headers={"host": "other.localhost"}).get("/").status_code == 404
