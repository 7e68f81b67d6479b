from django.apps import AppConfig


class FinanceConfig(AppConfig):
    """Subscriptions, invoices, payments and escrow. Tenant schemas."""

    name = "zumodra.finance"
    label = "finance"
    verbose_name = "Finance"
