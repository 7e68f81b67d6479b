"""PostgreSQL backend that starts the embedded server when a connection is first needed.

Named in `ORIGINAL_BACKEND`, so that django-tenants' backend builds on it.
"""

from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base
from django.db.utils import OperationalError

from zumodra.embedded_postgres.exceptions import EmbeddedPostgresError
from zumodra.embedded_postgres.launcher import SETTINGS_KEY, EmbeddedPostgres


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own wrapper; connections to the embedded server start it first.

    A database without `EMBEDDED_POSTGRES_ROOT` in its settings is an external one: nothing is
    started for it.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, having started the embedded server if this database lives in it.

        Raises `OperationalError`, as for any unreachable server, when it cannot be started.
        """
        data_root = self.settings_dict.get(SETTINGS_KEY)
        if data_root:
            try:
                EmbeddedPostgres(Path(data_root)).ensure_running()
            except EmbeddedPostgresError as error:
                raise OperationalError(str(error)) from error
        return super().get_new_connection(conn_params)
