"""Which schema the default connection works in."""

from django.db import connection
from django_tenants.utils import get_public_schema_name

PUBLIC: str = get_public_schema_name()


def current_schema() -> str:
    """The schema of the tenant that is being served, or ``public``."""
    return str(connection.schema_name)  # type: ignore[attr-defined]


def is_public() -> bool:
    """Whether the platform itself is being served, not a tenant."""
    return current_schema() == PUBLIC


def select_public() -> None:
    """Go back to the public schema, whatever was selected before."""
    connection.set_schema_to_public()  # type: ignore[attr-defined]
