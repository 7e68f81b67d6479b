# Django's admin classes take type arguments in its stubs only, not at run time.
# mypy: disable-error-code="type-arg"
from django.contrib import admin

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


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin):
    list_display = ["name", "code", "monthly_price", "yearly_price", "seats", "is_active"]
    prepopulated_fields = {"code": ["name"]}


@admin.register(Subscription)
class SubscriptionAdmin(admin.ModelAdmin):
    list_display = ["plan", "status", "seats", "period_start", "period_end"]
    list_filter = ["status", "plan"]


class InvoiceLineInline(admin.TabularInline):
    model = InvoiceLine
    extra = 1
    readonly_fields = ["amount"]


@admin.register(Invoice)
class InvoiceAdmin(admin.ModelAdmin):
    list_display = ["number", "bill_to", "status", "issued_on", "due_on", "total", "currency"]
    list_filter = ["status"]
    search_fields = ["number", "bill_to"]
    date_hierarchy = "issued_on"
    readonly_fields = ["subtotal", "total", "created_at"]
    raw_id_fields = ["created_by"]
    inlines = [InvoiceLineInline]


@admin.register(PaymentMethod)
class PaymentMethodAdmin(admin.ModelAdmin):
    list_display = ["label", "kind", "last_digits", "expires_on", "is_default"]


class RefundInline(admin.TabularInline):
    model = Refund
    extra = 0
    autocomplete_fields = ["approved_by"]


@admin.register(Payment)
class PaymentAdmin(admin.ModelAdmin):
    list_display = ["invoice", "amount", "status", "method", "paid_at"]
    list_filter = ["status"]
    list_select_related = ["invoice", "method"]
    autocomplete_fields = ["invoice"]
    readonly_fields = ["reference", "created_at"]
    inlines = [RefundInline]


class EscrowTransactionInline(admin.TabularInline):
    model = EscrowTransaction
    extra = 0
    raw_id_fields = ["created_by"]


@admin.register(EscrowAccount)
class EscrowAccountAdmin(admin.ModelAdmin):
    list_display = ["title", "status", "currency", "opened_on", "closed_on"]
    list_filter = ["status"]
    search_fields = ["title"]
    autocomplete_fields = ["application", "beneficiary"]
    inlines = [EscrowTransactionInline]
