from django.apps import AppConfig

from tenant_migrations import checks, conf


class TenantMigrationsConfig(AppConfig):
    """The app. It belongs into ``SHARED_APPS``: its records live in the public schema."""

    name = "tenant_migrations"
    verbose_name = "Tenant migrations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        checks.register_checks()
        conf.register_reset()
