# Django's admin classes take type arguments in its stubs only, not at run time.
# mypy: disable-error-code="type-arg"
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from zumodra.admin_sites import public_site
from zumodra.integrations.models import ApiCredential, WebhookDelivery, WebhookEndpoint


@admin.register(WebhookEndpoint, site=public_site)
class WebhookEndpointAdmin(admin.ModelAdmin):
    list_display = ["url", "tenant", "is_active", "key_version"]
    list_filter = ["is_active"]
    search_fields = ["url", "tenant__name"]
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    readonly_fields = ["uuid", "created"]


@admin.register(WebhookDelivery, site=public_site)
class WebhookDeliveryAdmin(admin.ModelAdmin):
    list_display = ["event", "endpoint", "status", "attempts", "response_code", "created"]
    list_filter = ["status", "event"]


@admin.register(ApiCredential, site=public_site)
class ApiCredentialAdmin(admin.ModelAdmin):
    list_display = ["name", "tenant", "prefix", "last_used_at", "expires_at", "revoked_at"]
    search_fields = ["name", "tenant__name", "prefix"]
    readonly_fields = ["prefix", "created", "last_used_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
