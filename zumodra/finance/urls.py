from django.urls import path

from zumodra.finance import template_views as views

app_name = "finance"

urlpatterns = [
    path("", views.FinanceDashboardView.as_view(), name="dashboard"),
    path("subscription/", views.SubscriptionView.as_view(), name="subscription"),
    path(
        "subscription/summary/",
        views.SubscriptionSummaryPartial.as_view(),
        name="subscription-summary",
    ),
    path("subscription/invoices/", views.InvoiceListPartial.as_view(), name="invoice-list"),
]
