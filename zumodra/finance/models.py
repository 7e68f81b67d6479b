"""What a company pays for, what it is billed, and money held for others."""

import uuid
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now, Round
from django.utils import timezone


class Plan(models.Model):
    """What can be subscribed to."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    monthly_price = models.DecimalField(max_digits=10, decimal_places=2)
    yearly_price = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, default="EUR")
    seats = models.PositiveIntegerField(default=5)
    features = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True, db_default=True)

    class Meta:
        ordering = ["monthly_price", "code"]

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    class Status(models.TextChoices):
        TRIALING = "trialing", "On trial"
        ACTIVE = "active", "Active"
        PAST_DUE = "past_due", "Past due"
        CANCELED = "canceled", "Canceled"

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="subscriptions")
    status = models.CharField(max_length=10, choices=Status, default=Status.TRIALING)
    seats = models.PositiveIntegerField(default=5)
    started_on = models.DateField()
    period_start = models.DateField()
    period_end = models.DateField()
    trial_ends = models.DateField(null=True, blank=True)
    cancel_at_period_end = models.BooleanField(default=False)
    canceled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-started_on"]
        constraints = [
            models.CheckConstraint(
                condition=Q(period_end__gte=F("period_start")), name="subscription_period_order"
            ),
            models.UniqueConstraint(
                Value(1),
                condition=~Q(status="canceled"),
                name="subscription_one_running",
            ),
        ]
        indexes = [models.Index(fields=["status", "period_end"], name="subscription_renewal_idx")]

    def __str__(self) -> str:
        return f"{self.plan}, {self.get_status_display()}"


class Invoice(models.Model):
    """A bill. Its subtotal follows its lines by a trigger; tax and total the database computes."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        OPEN = "open", "Open"
        PAID = "paid", "Paid"
        VOID = "void", "Void"

    number = models.CharField(max_length=30, unique=True)
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, null=True, blank=True, related_name="invoices"
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    bill_to = models.CharField(max_length=200)
    issued_on = models.DateField()
    due_on = models.DateField()
    currency = models.CharField(max_length=3, default="EUR")
    subtotal = models.DecimalField(
        max_digits=12, decimal_places=2, default=Decimal("0.00"), editable=False
    )
    tax_rate = models.DecimalField(max_digits=5, decimal_places=2, default=Decimal("0.00"))
    total = models.GeneratedField(
        expression=F("subtotal") + Round(F("subtotal") * F("tax_rate") / Value(100), precision=2),
        output_field=models.DecimalField(max_digits=12, decimal_places=2),
        db_persist=True,
    )
    memo = models.TextField(null=True, blank=True)  # noqa: DJ001
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        ordering = ["-issued_on", "-number"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["draft", "open", "paid", "void"]),
                name="invoice_status_known",
            ),
            models.CheckConstraint(
                condition=Q(due_on__gte=F("issued_on")), name="invoice_due_after_issue"
            ),
            models.CheckConstraint(
                condition=Q(tax_rate__range=(0, 100)), name="invoice_tax_rate_percent"
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_on"], condition=Q(status="open"), name="invoice_open_due_idx"
            ),
            models.Index(fields=["status", "-issued_on"], name="invoice_status_issued_idx"),
        ]

    def __str__(self) -> str:
        return self.number


class InvoiceLine(models.Model):
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField(default=1)
    description = models.CharField(max_length=200)
    quantity = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal("1.00"))
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)
    amount = models.GeneratedField(
        expression=F("quantity") * F("unit_price"),
        output_field=models.DecimalField(max_digits=12, decimal_places=2),
        db_persist=True,
    )

    class Meta:
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "position"], name="invoice_line_position_once"
            )
        ]

    def __str__(self) -> str:
        return self.description


class PaymentMethod(models.Model):
    """A way to pay, as the payment provider knows it. No card or account numbers are stored."""

    class Kind(models.TextChoices):
        CARD = "card", "Card"
        DIRECT_DEBIT = "direct_debit", "Direct debit"
        TRANSFER = "transfer", "Bank transfer"

    kind = models.CharField(max_length=12, choices=Kind, default=Kind.CARD)
    label = models.CharField(max_length=60)
    last_digits = models.CharField(max_length=4, blank=True)
    expires_on = models.DateField(null=True, blank=True)
    provider_reference = models.CharField(max_length=120, unique=True)
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering = ["-is_default", "label"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="payment_method_one_default",
            )
        ]

    def __str__(self) -> str:
        return f"{self.label} •••• {self.last_digits}" if self.last_digits else self.label


class Payment(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    method = models.ForeignKey(
        PaymentMethod, on_delete=models.SET_NULL, null=True, blank=True, related_name="payments"
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    reference = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    failure_code = models.CharField(max_length=60, null=True, blank=True)  # noqa: DJ001
    paid_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=~Q(status="succeeded") | Q(paid_at__isnull=False),
                name="payment_succeeded_has_date",
            ),
        ]
        indexes = [
            models.Index(fields=["-paid_at"], name="payment_paid_idx"),
            models.Index(fields=["status", "created_at"], name="payment_status_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.invoice}"


class Refund(models.Model):
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    reason = models.CharField(max_length=200, blank=True)
    approved_by = models.ForeignKey(
        "accounts.Profile", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive")
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.payment}"


class EscrowAccount(models.Model):
    """Money held until both sides agree, such as a deposit for a contractor's work."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        RELEASED = "released", "Released"
        DISPUTED = "disputed", "Disputed"
        CLOSED = "closed", "Closed"

    title = models.CharField(max_length=150)
    application = models.ForeignKey(
        "ats.Application",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="escrow_accounts",
    )
    beneficiary = models.ForeignKey(
        "hr_core.Employee",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="escrow_accounts",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    currency = models.CharField(max_length=3, default="EUR")
    opened_on = models.DateField()
    closed_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["-opened_on"]
        indexes = [models.Index(fields=["status"], name="escrow_status_idx")]

    def __str__(self) -> str:
        return self.title


class EscrowTransaction(models.Model):
    """Money into an escrow account (positive) or out of it (negative)."""

    class Kind(models.TextChoices):
        DEPOSIT = "deposit", "Deposit"
        RELEASE = "release", "Release"
        REFUND = "refund", "Refund"
        FEE = "fee", "Fee"

    account = models.ForeignKey(
        EscrowAccount, on_delete=models.PROTECT, related_name="transactions"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    note = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="deposit") & Q(amount__gt=0))
                | (~Q(kind="deposit") & Q(amount__lt=0)),
                name="escrow_amount_sign",
            )
        ]
        indexes = [models.Index(fields=["account", "created_at"], name="escrow_statement_idx")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"
