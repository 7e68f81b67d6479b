"""Two admins: one for a tenant's own data on its host, one for the platform on the public host.

Tenant apps register with ``django.contrib.admin.site``, public apps with ``public_site``, so that
neither host can show, let alone change, what belongs to the other.
"""

from django.contrib.admin import AdminSite
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest

from zumodra.accounts.models import Profile
from zumodra.tenants.schema import is_public


class TenantAdminSite(AdminSite):
    """For owners and administrators of the company whose host it is."""

    site_header = site_title = "Company administration"
    index_title = "Your company"
    login_form = AuthenticationForm

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the signed-in person administers this very company."""
        user = request.user
        if not user.is_authenticated or is_public():
            return False
        return Profile.objects.administrators().filter(user=user).exists()


class PublicAdminSite(AdminSite):
    """For the platform's staff."""

    site_header = site_title = "Zumodra platform"
    index_title = "Companies and accounts"

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the signed-in person is platform staff, on the public host."""
        user = request.user
        return is_public() and user.is_authenticated and user.is_active and user.is_staff


public_site = PublicAdminSite(name="public_admin")
