from datetime import timedelta
from decimal import Decimal

from zumodra.accounts.models import Profile
from zumodra.ats.models import Application
from zumodra.demo_data.company import Company
from zumodra.finance.models import (
    EscrowAccount,
    EscrowTransaction,
    Invoice,
    InvoiceLine,
    Payment,
    PaymentMethod,
    Plan,
    Refund,
    Subscription,
)
from zumodra.hr_core.models import Employee
from zumodra.tenants.models import Tenant

INVOICES = 6
TAX_RATE = Decimal("23.00")


def fill_money(
    company: Company,
    tenant: Tenant,
    profiles: list[Profile],
    employees: list[Employee],
    applications: list[Application],
) -> None:
    """A subscription with half a year of invoices, all but the last one paid, and an escrow."""
    plan = Plan.objects.get(code=tenant.plan)
    subscription = Subscription.objects.create(
        plan=plan,
        status=Subscription.Status.ACTIVE,
        seats=plan.seats,
        started_on=company.day(-190),
        period_start=company.month,
        period_end=company.day(30),
    )
    method = PaymentMethod.objects.create(
        label="Visa",
        last_digits=f"{company.dice.randrange(10000):04d}",
        expires_on=company.day(700),
        provider_reference=f"pm_{company.uuid().hex}",
        is_default=True,
    )
    payments = _invoices_and_payments(company, tenant, subscription, method)
    Refund.objects.create(
        payment=payments[0],
        amount=Decimal("10.00"),
        reason="Goodwill for an outage",
        approved_by=profiles[0],
        created_at=company.moment(-120),
    )
    _escrow(company, employees, applications)


def _invoices_and_payments(
    company: Company, tenant: Tenant, subscription: Subscription, method: PaymentMethod
) -> list[Payment]:
    invoices = Invoice.objects.bulk_create(
        Invoice(
            number=f"{company.day(-30 * age):%Y}-{INVOICES - age:04d}",
            subscription=subscription,
            status=Invoice.Status.PAID if age else Invoice.Status.OPEN,
            bill_to=tenant.name,
            issued_on=company.day(-30 * age),
            due_on=company.day(14 - 30 * age),
            tax_rate=TAX_RATE,
            created_by=company.members[0],
            created_at=company.moment(-30 * age),
        )
        for age in reversed(range(INVOICES))
    )
    InvoiceLine.objects.bulk_create(
        line
        for invoice in invoices
        for line in (
            InvoiceLine(
                invoice=invoice,
                position=1,
                description=f"{subscription.plan.name} plan, one month",
                unit_price=subscription.plan.monthly_price,
            ),
            InvoiceLine(
                invoice=invoice,
                position=2,
                description="Extra seats",
                quantity=Decimal(company.dice.randint(1, 6)),
                unit_price=Decimal("9.00"),
            ),
        )
    )
    paid = Invoice.objects.filter(status=Invoice.Status.PAID).order_by("issued_on", "pk")
    return Payment.objects.bulk_create(
        Payment(
            invoice=invoice,
            method=method,
            status=Payment.Status.SUCCEEDED,
            amount=invoice.total,
            reference=company.uuid(),
            paid_at=invoice.created_at + timedelta(days=3),
            created_at=invoice.created_at + timedelta(days=3),
        )
        for invoice in paid
    )


def _escrow(company: Company, employees: list[Employee], applications: list[Application]) -> None:
    account = EscrowAccount.objects.create(
        title="Deposit for a trial project",
        application=applications[0],
        beneficiary=employees[3],
        opened_on=company.day(-40),
    )
    deposit = Decimal(company.dice.randrange(1000, 5000, 250))
    EscrowTransaction.objects.bulk_create(
        EscrowTransaction(
            account=account,
            kind=kind,
            amount=amount,
            created_by=company.members[4],
            created_at=company.moment(days),
        )
        for kind, amount, days in [
            (EscrowTransaction.Kind.DEPOSIT, deposit, -40),
            (EscrowTransaction.Kind.RELEASE, -deposit / 2, -10),
            (EscrowTransaction.Kind.FEE, Decimal("-15.00"), -10),
        ]
    )
