"""From host name to schema."""

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django_tenants.middleware.main import TenantMainMiddleware
from django_tenants.utils import remove_www

from zumodra.tenants.models import Domain, Tenant
from zumodra.tenants.schema import select_public


class TenantMiddleware(TenantMainMiddleware):
    """Serves public hosts from the public schema and every other host as the tenant it belongs to.

    Public hosts are known from the settings, not from a row: they answer without the database.
    """

    @staticmethod
    def hostname_from_request(request: HttpRequest) -> str:
        domain, _port = split_domain_port(request.get_host())
        return str(remove_www(domain))

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        domain, _port = split_domain_port(request.get_host())
        if remove_www(domain) not in settings.PUBLIC_HOSTS:
            response: HttpResponse | None = super().process_request(request)
            return response
        select_public()
        request.tenant = connection.tenant  # type: ignore[attr-defined]
        self.setup_url_routing(request, force_public=True)
        return None

    def get_tenant(self, domain_model: type[Domain], hostname: str) -> Tenant:
        """The tenant served at `hostname`, unless it is not ready yet or closed for good."""
        hidden = [Tenant.Status.PROVISIONING, Tenant.Status.CLOSED]
        domains = domain_model.objects.select_related("tenant").exclude(tenant__status__in=hidden)
        tenant: Tenant = domains.get(domain=hostname).tenant
        return tenant
