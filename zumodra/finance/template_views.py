"""Finance pages of a company. Each needs the permission to see invoices.

A table that is missing costs a page only what is read from it.
"""

from django.contrib.auth.mixins import LoginRequiredMixin, PermissionRequiredMixin
from django.db.models import QuerySet
from django.views.generic import ListView, TemplateView

from tenant_migrations.web.degrading import DegradeMixin, Parts
from zumodra.finance import reports
from zumodra.finance.models import Invoice, PaymentMethod

INVOICES_SHOWN = 8
INVOICES_ON_A_PAGE = 20

UNREADABLE = False
"""Stands for what can't be read, where ``None`` says that there is none."""


class FinanceAccessMixin(LoginRequiredMixin, PermissionRequiredMixin, DegradeMixin):
    """Asks people to sign in, and refuses those who may not see invoices.

    Parts of a page that can't be read while the company's schema is not at the code are left out.
    """

    permission_required = "finance.view_invoice"


class FinanceDashboardView(FinanceAccessMixin, TemplateView):
    """What is owed, overdue, paid and held, and the newest invoices."""

    template_name = "finance/dashboard.html"
    parts = {
        "totals": (reports.totals, None),
        "in_escrow": (reports.in_escrow, None),
        "revenue": (reports.monthly_revenue, None),
        "subscription": (reports.current_subscription, UNREADABLE),
        "invoices": (lambda: Invoice.objects.all()[:INVOICES_SHOWN], None),
    }


SUBSCRIPTION_PARTS: Parts = {
    "subscription": (reports.current_subscription, UNREADABLE),
    "payment_method": (lambda: PaymentMethod.objects.filter(is_default=True).first(), UNREADABLE),
}


class SubscriptionView(FinanceAccessMixin, TemplateView):
    """The subscription page: the two partials below, each also served on its own."""

    template_name = "finance/subscription.html"
    parts = {
        **SUBSCRIPTION_PARTS,
        "invoices": (
            lambda: Invoice.objects.exclude(subscription=None)[:INVOICES_ON_A_PAGE],
            None,
        ),
    }


class SubscriptionSummaryPartial(FinanceAccessMixin, TemplateView):
    """Plan, price, seats and period, as a fragment."""

    template_name = "finance/partials/subscription_summary.html"
    parts = SUBSCRIPTION_PARTS


class InvoiceListPartial(FinanceAccessMixin, ListView):  # type: ignore[type-arg]
    """The invoices of the subscription, newest first, a page at a time, as a fragment."""

    template_name = "finance/partials/invoice_list.html"
    context_object_name = "invoices"
    paginate_by = INVOICES_ON_A_PAGE

    def get_queryset(self) -> QuerySet[Invoice]:
        return Invoice.objects.exclude(subscription=None)
