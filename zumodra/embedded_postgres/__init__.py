"""A PostgreSQL server of the checkout's own: the wheel's binaries under a small launcher.

`launcher` starts and stops the server and works without Django, `base` is the Django backend
that starts it on demand, and the management command is `embedded_postgres`.
"""

from zumodra.embedded_postgres.exceptions import EmbeddedPostgresError
from zumodra.embedded_postgres.launcher import (
    EmbeddedPostgres,
    ServerStatus,
    database_settings,
    default_server,
)

__all__ = [
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "ServerStatus",
    "database_settings",
    "default_server",
]
