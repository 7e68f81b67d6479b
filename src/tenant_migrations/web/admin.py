"""A link from Django's admin to the fleet pages."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from tenant_migrations.models import Rollout
from tenant_migrations.web.rights import may

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Rollout]
else:
    Base = admin.ModelAdmin


class FleetLink(Base):
    """Stands in the admin's index for the fleet pages.

    ``admin.site.register(Rollout, FleetLink)``
    """

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("tenant_migrations:overview"))

    def has_view_permission(self, request: HttpRequest, obj: Rollout | None = None) -> bool:
        return may(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Rollout | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Rollout | None = None) -> bool:
        return False
