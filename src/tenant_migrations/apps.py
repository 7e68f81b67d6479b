import logging

from django.apps import AppConfig

from tenant_migrations import checks, conf


class TenantMigrationsConfig(AppConfig):
    """The app. It belongs into ``SHARED_APPS``: its records live in the public schema."""

    name = "tenant_migrations"
    verbose_name = "Tenant migrations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tenant_migrations.rollout import quarantine  # noqa: PLC0415 - it needs models

        # A project without logging of its own shall not find bare words on stderr.
        logging.getLogger("tenant_migrations").addHandler(logging.NullHandler())
        checks.register_checks()
        conf.register_reset()
        quarantine.forget_deleted_tenants()
