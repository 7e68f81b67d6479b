from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """The companies on the platform and their domains. Public schema."""

    name = "zumodra.tenants"
    label = "tenants"
    verbose_name = "Tenants"
