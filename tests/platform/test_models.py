"""What the database itself guarantees: triggers, generated columns, constraints."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from zumodra.ats.models import Application, Candidate, PipelineStage, StageChange
from zumodra.custom_account_u.models import User
from zumodra.finance.models import Invoice, InvoiceLine, Plan, Subscription
from zumodra.integrations.models import ApiCredential, WebhookEndpoint
from zumodra.tenants.models import Tenant

pytestmark = pytest.mark.usefixtures("demo_tenant")


def make_invoice() -> Invoice:
    today = date(2026, 3, 1)
    return Invoice.objects.create(
        number="T-1", bill_to="Acme", issued_on=today, due_on=today, tax_rate=Decimal(20)
    )


def test_invoice_total_follows_its_lines() -> None:
    invoice = make_invoice()
    line = InvoiceLine.objects.create(
        invoice=invoice, description="Work", quantity=Decimal("1.5"), unit_price=Decimal(10)
    )
    invoice.refresh_from_db()
    assert (invoice.subtotal, invoice.total) == (Decimal("15.00"), Decimal("18.00"))
    line.delete()
    invoice.refresh_from_db()
    assert invoice.total == 0


def test_triggers_work_whatever_the_search_path_is() -> None:
    invoice = make_invoice()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = ''")
        cursor.execute(
            "INSERT INTO tenant_demo.finance_invoiceline"
            " (invoice_id, position, description, quantity, unit_price)"
            " VALUES (%s, 1, 'Work', 1, 10)",
            [invoice.pk],
        )
    invoice.refresh_from_db()
    assert invoice.subtotal == 10


def test_moving_an_application_is_recorded() -> None:
    application = Application.objects.select_related("stage").first()
    assert application is not None
    before = application.stage
    application.stage = PipelineStage.objects.exclude(pk=before.pk).first()  # type: ignore[assignment]
    application.save()
    change = StageChange.objects.filter(application=application).latest("pk")
    assert (change.from_stage, change.to_stage) == (before, application.stage)


def test_full_name_is_the_databases_work() -> None:
    candidate = Candidate.objects.create(first_name="Ana", last_name="Silva", email="a@b.example")
    candidate.refresh_from_db()
    assert candidate.full_name == "Ana Silva"


def test_only_one_subscription_runs() -> None:
    today = date(2026, 3, 1)
    plan = Plan.objects.first()
    with pytest.raises(IntegrityError, match="subscription_one_running"), transaction.atomic():
        Subscription.objects.create(
            plan=plan, started_on=today, period_start=today, period_end=today
        )


def test_addresses_are_the_same_in_any_case() -> None:
    User.objects.create_user("Somebody@Example.com")
    assert User.objects.get_by_natural_key("SOMEBODY@example.com").email == "somebody@example.com"
    with pytest.raises(IntegrityError, match="user_email_ci_unique"), transaction.atomic():
        User.objects.bulk_create([User(email="SOMEBODY@example.com", password="!")])


def test_api_key_is_known_by_its_hash_only(demo_tenant: Tenant) -> None:
    credential = ApiCredential(tenant=demo_tenant, name="Reporting")
    key = credential.renew_key()
    assert credential.accepts(key)
    assert not credential.accepts(key + "x")
    assert key not in str(vars(credential))


def test_webhook_signature_changes_with_its_key(demo_tenant: Tenant) -> None:
    endpoint = WebhookEndpoint(tenant=demo_tenant, url="https://example.com/hook")
    before = endpoint.sign(b"{}")
    assert endpoint.sign(b"{}") == before
    endpoint.key_version = 2
    assert endpoint.sign(b"{}") != before
