from importlib import import_module

from django.apps import AppConfig
from django.conf import settings


class TenantsConfig(AppConfig):
    """The companies on the platform and their domains. Public schema."""

    name = "zumodra.tenants"
    label = "tenants"
    verbose_name = "Tenants"

    def ready(self) -> None:
        """Where there is a broker, tasks and the health check of workers are Celery's app's."""
        if settings.CELERY_BROKER_URL:
            import_module("zumodra.celery")
