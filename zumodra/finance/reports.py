"""Figures for the finance pages, each read with one statement."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection
from django.db.models import Q, Sum
from django.utils import timezone

from zumodra.finance.models import EscrowTransaction, Invoice, Subscription

ZERO = Decimal("0.00")


@dataclass(frozen=True)
class MonthlyRevenue:
    """What was paid in one month; `share` is its part of the best month shown, in percent."""

    month: date
    currency: str
    amount: Decimal
    share: int


@dataclass(frozen=True)
class Totals:
    """Sums over the company's invoices."""

    outstanding: Decimal
    overdue: Decimal
    paid: Decimal


def monthly_revenue(months: int = 12) -> list[MonthlyRevenue]:
    """The last `months` months with payments, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT month, currency, amount FROM finance_monthly_revenue"
            " ORDER BY month DESC, currency LIMIT %s",
            [months],
        )
        rows = cursor.fetchall()
    best = max((amount for _month, _currency, amount in rows), default=ZERO)
    return [
        MonthlyRevenue(month, currency, amount, int(100 * amount / best))
        for month, currency, amount in reversed(rows)
    ]


def totals() -> Totals:
    """Sums as of today."""
    is_open = Q(status=Invoice.Status.OPEN)
    return Totals(
        **Invoice.objects.order_by().aggregate(
            outstanding=Sum("total", filter=is_open, default=ZERO),
            overdue=Sum("total", filter=is_open & Q(due_on__lt=timezone.localdate()), default=ZERO),
            paid=Sum("total", filter=Q(status=Invoice.Status.PAID), default=ZERO),
        )
    )


def in_escrow() -> Decimal:
    """What the company's escrow accounts hold."""
    held = EscrowTransaction.objects.order_by().aggregate(sum=Sum("amount", default=ZERO))
    return Decimal(held["sum"])


def current_subscription() -> Subscription | None:
    """The subscription that runs, or the one that ran last."""
    subscriptions = Subscription.objects.select_related("plan")
    running = subscriptions.exclude(status=Subscription.Status.CANCELED).first()
    return running or subscriptions.first()
