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

MOST_SAID = 10_000
"""Characters of what it said that are kept."""

GUARD = "guard"
"""As whom the guard does what it does."""


def start(action: FleetAction, arguments: Sequence[str], *, keeps_answer: bool = False) -> Thread:
    """Run ``manage.py`` with the arguments for an action that is to be recorded.

    With ``keeps_answer`` its row keeps what the command answers on stdout, if it succeeds.

    The row is saved before the process starts, and again with its end; the thread that waits for
    it is returned. Raises ``DatabaseUnavailable`` where the process can't be started.
    """
    with schema_in_use(public_schema()):
        action.save()
    # The thread that waits closes them.
    said = tempfile.TemporaryFile()  # noqa: SIM115
    answered = tempfile.TemporaryFile() if keeps_answer else None  # noqa: SIM115
    try:
        process = subprocess.Popen(
            [*_manage(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=answered or subprocess.DEVNULL,
            stderr=said,
            env=_environment(),
            start_new_session=True,
        )
    except OSError as error:
        for file in filter(None, (said, answered)):
            file.close()
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
    waiting = Thread(target=_wait, args=(action, process, said, answered), daemon=True)
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


def _wait(
    action: FleetAction,
    process: "subprocess.Popen[bytes]",
    said: IO[bytes],
    answered: IO[bytes] | None,
) -> None:
    code = process.wait()
    message = ""
    if code not in (0, 1):
        message = "".join(_text(said).splitlines()[-1:])
    elif answered is not None:
        message = _text(answered)
    elif code == 1:
        # Refusals have one line; a report of findings has none, as the pages show them.
        lines = [line for line in _text(said).splitlines() if line.startswith("error: ")]
        message = "".join(lines[-1:])
    for file in filter(None, (said, answered)):
        file.close()
    try:
        _finish(action, code, message)
    except Error as error:
        event(logger, logging.WARNING, "action_end_not_written", error=one_line(error))
    finally:
        connections.close_all()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace").strip()


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
