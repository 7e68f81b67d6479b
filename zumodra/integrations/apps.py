from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Webhooks and API credentials of tenants. Public schema."""

    name = "zumodra.integrations"
    label = "integrations"
    verbose_name = "Integrations"
