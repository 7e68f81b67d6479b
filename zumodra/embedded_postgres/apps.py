"""Registers the `embedded_postgres` management command."""

from django.apps import AppConfig


class EmbeddedPostgresConfig(AppConfig):
    """The embedded server as a Django app; it has no models."""

    name = "zumodra.embedded_postgres"
    label = "embedded_postgres"
    verbose_name = "Embedded PostgreSQL"
