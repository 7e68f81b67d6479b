# Django's admin classes take type arguments in its stubs only, not at run time.
# mypy: disable-error-code="type-arg"
from django.contrib import admin
from django.http import HttpRequest

from zumodra.admin_sites import public_site
from zumodra.custom_account_u.models import User


@admin.register(User, site=public_site)
class UserAdmin(admin.ModelAdmin):
    """Accounts are deactivated, never deleted: rows in any tenant's schema may refer to them."""

    list_display = ["email", "full_name", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser"]
    search_fields = ["email", "full_name"]
    readonly_fields = ["uuid", "last_login", "date_joined"]
    exclude = ["password"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False
