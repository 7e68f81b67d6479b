# Django's admin classes take type arguments in its stubs only, not at run time.
# mypy: disable-error-code="type-arg"
from django.contrib import admin
from django.http import HttpRequest

from tenant_migrations.models import Rollout
from tenant_migrations.web.admin import FleetLink
from zumodra.admin_sites import public_site
from zumodra.tenants.models import Domain, Tenant


class DomainInline(admin.TabularInline):
    model = Domain
    extra = 0


@admin.register(Tenant, site=public_site)
class TenantAdmin(admin.ModelAdmin):
    """Companies are made by ``setup_beta_tenant`` and never deleted here: both involve a schema."""

    list_display = ["name", "schema_name", "plan", "status", "trial_ends", "paid_until"]
    list_filter = ["status", "plan", "is_demo"]
    search_fields = ["name", "schema_name", "owner_email", "domains__domain"]
    readonly_fields = ["uuid", "schema_name", "slug", "is_demo", "created"]
    inlines = [DomainInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        return False


public_site.register(Rollout, FleetLink)
