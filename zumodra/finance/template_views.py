"""Finance pages of a company. Each needs the permission to see invoices."""

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin, PermissionRequiredMixin
from django.db.models import QuerySet
from django.views.generic import ListView, TemplateView

from zumodra.finance import reports
from zumodra.finance.models import Invoice, PaymentMethod

INVOICES_SHOWN = 8
INVOICES_ON_A_PAGE = 20


class FinanceAccessMixin(LoginRequiredMixin, PermissionRequiredMixin):
    """Asks people to sign in, and refuses those who may not see invoices."""

    permission_required = "finance.view_invoice"


class FinanceDashboardView(FinanceAccessMixin, TemplateView):
    """What is owed, overdue, paid and held, and the newest invoices."""

    template_name = "finance/dashboard.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            totals=reports.totals(),
            revenue=reports.monthly_revenue(),
            subscription=reports.current_subscription(),
            invoices=Invoice.objects.all()[:INVOICES_SHOWN],
            **kwargs,
        )


class SubscriptionContextMixin(FinanceAccessMixin):
    """Adds the subscription and how it is paid for."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(  # type: ignore[misc]
            subscription=reports.current_subscription(),
            payment_method=PaymentMethod.objects.filter(is_default=True).first(),
            **kwargs,
        )
        return context


class SubscriptionView(SubscriptionContextMixin, TemplateView):
    """The subscription page: the two partials below, each also served on its own."""

    template_name = "finance/subscription.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        invoices = Invoice.objects.exclude(subscription=None)[:INVOICES_ON_A_PAGE]
        return super().get_context_data(invoices=invoices, **kwargs)


class SubscriptionSummaryPartial(SubscriptionContextMixin, TemplateView):
    """Plan, price, seats and period, as a fragment."""

    template_name = "finance/partials/subscription_summary.html"


class InvoiceListPartial(FinanceAccessMixin, ListView):  # type: ignore[type-arg]
    """The invoices of the subscription, newest first, a page at a time, as a fragment."""

    template_name = "finance/partials/invoice_list.html"
    context_object_name = "invoices"
    paginate_by = INVOICES_ON_A_PAGE

    def get_queryset(self) -> QuerySet[Invoice]:
        return Invoice.objects.exclude(subscription=None)
