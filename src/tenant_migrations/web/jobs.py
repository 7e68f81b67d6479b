"""Work that takes long: a ``manage.py`` of its own, started by a page, with its audit row.

No request waits for it. It lives on where the web process ends; then its end is not noted in the
audit row, but its rollout says how it went.
"""

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from threading import Thread
from typing import IO, Any

from django.db import Error, connections
from django.utils import timezone

from tenant_migrations import conf
from tenant_migrations.database import one_line, public_schema, schema_in_use
from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.logs import event
from tenant_migrations.models import FleetAction
from tenant_migrations.redaction import redacted

logger = logging.getLogger("tenant_migrations.web")

MOST_SAID = 1_000
"""Characters of its last word that are kept."""

GUARD = "guard"
"""As whom the guard does what it does."""


def start(action: FleetAction, arguments: Sequence[str]) -> Thread:
    """Run ``manage.py`` with the arguments for an action that is to be recorded.

    The row is saved before the process starts, and again with its end; the thread that waits for
    it is returned. Raises ``DatabaseUnavailable`` where the process can't be started.
    """
    with schema_in_use(public_schema()):
        action.save()
    said = tempfile.TemporaryFile()  # noqa: SIM115 - the thread that waits closes it
    try:
        process = subprocess.Popen(
            [*_manage(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=_environment(),
            start_new_session=True,
        )
    except OSError as error:
        said.close()
        _finish(action, None, f"it could not be started: {error}")
        raise DatabaseUnavailable(
            f"manage.py can't be started: {error}; see WEB_COMMAND"
        ) from error
    with schema_in_use(public_schema()):
        action.process = process.pid
        action.save(update_fields=["process"])
    event(
        logger,
        logging.INFO,
        "action_started",
        action=action.action,
        tenant=action.schema_name,
        username=action.username,
        process=process.pid,
    )
    waiting = Thread(target=_wait, args=(action, process, said), daemon=True)
    waiting.start()
    return waiting


def record(action: FleetAction) -> None:
    """Save the row of an action that is done already."""
    action.exit_code, action.finished_at = 0, timezone.now()
    with schema_in_use(public_schema()):
        action.save()
    event(
        logger,
        logging.INFO,
        "action_done",
        action=action.action,
        tenant=action.schema_name,
        username=action.username,
    )


def _wait(action: FleetAction, process: "subprocess.Popen[bytes]", said: IO[bytes]) -> None:
    code = process.wait()
    with said:
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines and code not in (0, 1) else ""
    try:
        _finish(action, code, last)
    except Error as error:
        event(logger, logging.WARNING, "action_end_not_written", error=one_line(error))
    finally:
        connections.close_all()


def _finish(action: FleetAction, code: int | None, message: str) -> None:
    action.exit_code, action.message = code, redacted(message)[:MOST_SAID]
    action.finished_at = timezone.now()
    with schema_in_use(public_schema()):
        action.save(update_fields=["exit_code", "message", "finished_at"])
    event(
        logger,
        logging.INFO,
        "action_ended",
        action=action.action,
        tenant=action.schema_name,
        username=action.username,
        exit_code=code,
        error=action.message,
    )


def _manage() -> Sequence[str]:
    return conf.get().WEB_COMMAND or (sys.executable, "-m", "django")


def _environment() -> Mapping[str, Any]:
    """This process's, so that the other one finds the same code and settings."""
    path = os.pathsep.join(part or os.getcwd() for part in sys.path)
    return {**os.environ, "PYTHONPATH": path}
